"""Is there a halo around a position? Photons in annuli against a point source, a diffuse source and a halo."""

from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from merkhet.scan.box_sky import Sky
from merkhet.scan.pyramid import block_sum
from merkhet.simulate.halos.layers import blurred
from merkhet.simulate.halos.psf import King

FloatArray = npt.NDArray[np.float64]

EDGES_ARCSEC = np.array([0, 32, 45, 64, 90, 128, 180, 256, 360, 512, 720, 1024, 1448, 2048], dtype=np.float64)
SECTORS = 12
BRIGHTEST_SECTORS = 4
"""What is left of a halo without its brightest sectors tells it from a streak or a neighbor."""
_NESTED = ((1, 180.0), (4, 720.0), (16, 2048.0))  # binning of the sky, and the radius up to which it serves

ALPHAS, CORES_ARCSEC, CORE_SHARES = (1.4, 1.5, 1.6, 1.7, 1.8), (7.0, 8.7, 10.4), (1.0, 0.6, 0.35)
"""Point sources: profiles of the telescope, and what pile-up leaves of the photons within 32 arcsec."""
SCREENS_ARCSEC, SPREADS_ARCSEC = (20.0, 40.0, 80.0, 160.0, 320.0), (250.0, 360.0, 500.0)
"""Halos: of dust in one sheet, by the radius that holds half of their photons; of dust spread evenly, by theta50."""
DIFFUSE_ARCSEC, DIFFUSE_ALPHAS = (15.0, 30.0, 60.0, 120.0), (1.3, 1.6, 1.9)
"""Diffuse sources: beta models of clusters of galaxies, by core radius and 3 beta - 1/2."""
LEAST_POINT, MOST_POINT = 0.7, 0.25
"""Photons of the point source over those of the extended one: at least so many for a halo, at most so many for what is
diffuse. A halo holds no more photons than its source sends straight, unless the dust is very thick."""
TOLERANCE = 0.03
"""No template is better than this: counts say no more than a measurement with this relative error."""
EVEN = 0.6
"""Share of the photons of an even halo that is left, by chance, when those of its brightest sectors are scaled."""
LEAST_EXPOSURE = 0.05
"""Of the longest, where a position itself has less: it stands at an edge."""
ROUNDS = 40
BATCH = 128
"""Positions that are fitted at once: a few tens of megabytes."""


@dataclass(frozen=True, eq=False)
class Profiles:
    """Photons about positions; arrays ``(positions, annuli, sectors)``.

    Attributes
    ----------
    counts, expected
        Seen, and expected of the sky and of all other point sources.
    coverage
        ``(positions, annuli)``: exposure over that of the position, 0 where nothing was observed.
    """

    counts: FloatArray
    expected: FloatArray
    coverage: FloatArray


@dataclass(frozen=True, eq=False)
class Halos:
    """What fits best, ``(positions,)`` each.

    Attributes
    ----------
    sigma
        Significance of the halo over whatever else fits best.
    size_arcsec
        Radius that holds half of its photons.
    """

    sigma: FloatArray
    size_arcsec: FloatArray


def find_profiles(sky: Sky, x: FloatArray, y: FloatArray, *, own: FloatArray, psf: King) -> Profiles:
    """Sum photons about positions.

    Parameters
    ----------
    x, y
        ``(n,)`` pixels of the sky.
    own
        ``(n,)`` counts of the point source at each position, which are taken off those of all others.
    psf
        Profile that the point sources were found with.
    """
    number, annuli = len(x), len(EDGES_ARCSEC) - 1
    sums = np.zeros((4, number, annuli, SECTORS))
    images = np.stack([sky.counts, sky.background, sky.point_sources, sky.exposure])
    inner = 0.0
    for factor, outer in _NESTED:
        coarse = np.stack([block_sum(image, factor) for image in images])
        pixel = sky.pixel_arcsec * factor
        place = ((x + 0.5) / factor - 0.5, (y + 0.5) / factor - 0.5)
        sums += _ring_sums(coarse, place, limits_arcsec=(inner, outer), pixel_arcsec=pixel)
        inner = outer
    counts, background, points, exposure = sums
    row, column = (
        np.clip(np.rint(v).astype(int), 0, side - 1) for v, side in zip((y, x), sky.counts.shape, strict=True)
    )
    area = np.pi * np.diff(EDGES_ARCSEC**2) / sky.pixel_arcsec**2
    seconds = np.maximum(sky.exposure[row, column], LEAST_EXPOSURE * sky.exposure.max())
    coverage = exposure.sum(axis=2) / (seconds[:, None] * area)
    wings = own[:, None] * np.diff(psf.enclosed(EDGES_ARCSEC)) * coverage
    others = np.maximum(points - wings[..., None] / SECTORS, 0)
    return Profiles(counts, background + others, coverage)


def _ring_sums(
    images: FloatArray, place: tuple[FloatArray, FloatArray], *, limits_arcsec: tuple[float, float], pixel_arcsec: float
) -> FloatArray:
    """Return sums ``(images, positions, annuli, sectors)`` over pixels whose middle lies between two radii."""
    reach = int(np.ceil(limits_arcsec[1] / pixel_arcsec)) + 1
    offset = np.arange(-reach, reach + 1)
    padded = np.pad(images, [(0, 0), (reach, reach), (reach, reach)])
    annuli = len(EDGES_ARCSEC) - 1
    sums = np.zeros((len(images), len(place[0]), annuli * SECTORS))
    for number, (x, y) in enumerate(zip(*place, strict=True)):
        column, row = round(x), round(y)
        dx, dy = (offset + column - x) * pixel_arcsec, (offset + row - y)[:, None] * pixel_arcsec
        radius = np.hypot(dx, dy)
        inside = (radius >= limits_arcsec[0]) & (radius < limits_arcsec[1])
        annulus = np.searchsorted(EDGES_ARCSEC, radius[inside], side="right") - 1
        sector = ((np.arctan2(dy, dx)[inside] / (2 * np.pi)) % 1 * SECTORS).astype(np.int64) % SECTORS
        cell = annulus * SECTORS + sector
        window = padded[:, row : row + 2 * reach + 1, column : column + 2 * reach + 1]
        for image, out in zip(window, sums, strict=True):
            out[number] = np.bincount(cell, image[inside], minlength=annuli * SECTORS)
    return sums.reshape(len(images), len(place[0]), annuli, SECTORS)


@cache
def _points() -> FloatArray:
    """Return the templates of point sources ``(templates, annuli)``."""
    shares = np.array([np.diff(King(core, alpha).enclosed(EDGES_ARCSEC)) for alpha in ALPHAS for core in CORES_ARCSEC])
    dimmed = [np.where(np.arange(shares.shape[1]) == 0, share, 1.0) * shares for share in CORE_SHARES]
    return np.concatenate(dimmed)


@cache
def _halos() -> tuple[FloatArray, FloatArray]:
    """Return the templates of halos ``(templates, annuli)`` after the point-spread function, and their radii.

    Screen: ``r^2 / (r^2 + s^2)`` within a radius; evenly spread dust: ``u atan(1/u)``, ``u = r / theta50``, half of it
    within 0.429 theta50 (Draine 2003, ApJ 598, 1026, for the phase function).
    """
    psf = King()
    screens = [blurred(partial(_screen, size=size), psf=psf) for size in SCREENS_ARCSEC]
    spreads = [blurred(partial(_spread, size=size), psf=psf) for size in SPREADS_ARCSEC]
    shares = np.array([np.diff(enclosed(EDGES_ARCSEC)) for enclosed in (*screens, *spreads)])
    return shares, np.array([*SCREENS_ARCSEC, *(0.429 * size for size in SPREADS_ARCSEC)])


def _screen(radius: FloatArray, *, size: float) -> FloatArray:
    return radius**2 / (radius**2 + size**2)


def _spread(radius: FloatArray, *, size: float) -> FloatArray:
    return radius / size * np.arctan2(size, radius)


@cache
def _diffuse() -> FloatArray:
    """Return the templates of diffuse sources ``(templates, annuli)``."""
    kings = [King(float(np.hypot(core, 8.7)), alpha) for core in DIFFUSE_ARCSEC for alpha in DIFFUSE_ALPHAS]
    return np.array([np.diff(king.enclosed(EDGES_ARCSEC)) for king in kings])


def fit_halos(profiles: Profiles) -> Halos:
    """Compare a halo about a point source with a point source alone, and with a diffuse source."""
    batches = [slice(start, start + BATCH) for start in range(0, len(profiles.counts), BATCH)]
    fitted = [_fit_batch(Profiles(profiles.counts[b], profiles.expected[b], profiles.coverage[b])) for b in batches]
    sigma, size = (np.concatenate([np.zeros(0), *(one[k] for one in fitted)]) for k in (0, 1))
    return Halos(sigma, size)


def _fit_batch(profiles: Profiles) -> tuple[FloatArray, FloatArray]:
    """Return significance and size of the halo at each position."""
    counts, expected, coverage = profiles.counts.sum(axis=2), profiles.expected.sum(axis=2), profiles.coverage
    shares, sizes = _halos()
    nothing = np.zeros((1, len(EDGES_ARCSEC) - 1))
    alone, _ = _fit(counts, expected, coverage, _points(), nothing, limits=(0, np.inf))
    diffuse, _ = _fit(counts, expected, coverage, _points()[:1], _diffuse(), limits=(0, MOST_POINT))
    halo, model = _fit(counts, expected, coverage, _points(), shares, limits=(LEAST_POINT, np.inf))
    other = np.maximum(alone.max(axis=1), diffuse.max(axis=1))
    sigma = np.sqrt(2 * np.clip(halo.max(axis=1) - other, 0, None))
    return sigma * evenness(profiles, model), sizes[halo.argmax(axis=1) % len(shares)]


def _fit(
    counts: FloatArray,
    expected: FloatArray,
    coverage: FloatArray,
    points: FloatArray,
    extended: FloatArray,
    *,
    limits: tuple[float, float],
) -> tuple[FloatArray, FloatArray]:
    """Fit point and extended source of every pair of templates to every position.

    Expectation maximization: each round shares the photons seen in an annulus between the sources by what they are
    expected to give there, which never lowers the likelihood of Poisson counts (Shepp & Vardi 1982, IEEE Trans. Med.
    Imaging 1, 113).

    Returns
    -------
    log_likelihood
        ``(positions, pairs)``, up to a constant.
    model
        ``(positions, annuli)`` expected photons of the extended source of the best pair.
    """
    pairs = [np.repeat(points, len(extended), axis=0), np.tile(extended, (len(points), 1))]
    point, wide = (template * coverage[:, None] for template in pairs)  # (positions, pairs, annuli)
    seen, known = counts[:, None], np.maximum(expected, 1e-6)[:, None]
    surplus = np.maximum((counts - expected).sum(axis=1), 1)[:, None] * np.ones(point.shape[1])
    s, a = 0.5 * surplus, 0.5 * surplus * wide.any(axis=2)
    totals = [np.maximum(template.sum(axis=2), 1e-9) for template in (point, wide)]
    for _ in range(ROUNDS):
        ratio = seen / (known + s[..., None] * point + a[..., None] * wide)
        s, a = s * (point * ratio).sum(axis=2) / totals[0], a * (wide * ratio).sum(axis=2) / totals[1]
        s = np.clip(s, limits[0] * a, np.maximum(limits[1] * a, 0) if np.isfinite(limits[1]) else None)
    model = known + s[..., None] * point + a[..., None] * wide
    weight = 1 / (1 + TOLERANCE**2 * seen)
    likelihood = (weight * (xlogy(seen, model) - model)).sum(axis=2)
    best = likelihood.argmax(axis=1)
    rows = np.arange(len(best))
    return likelihood, a[rows, best][:, None] * wide[rows, best]


def evenness(profiles: Profiles, model: FloatArray) -> FloatArray:
    """Return 1 where the photons of a halo lie all around it, down to 0 where they lie in a few directions.

    Parameters
    ----------
    model
        ``(positions, annuli)`` expected photons of the halo: the annuli that matter are those in which it shows.
    """
    surplus = profiles.counts - profiles.expected
    noise = np.sqrt(np.maximum(profiles.expected.sum(axis=2) + model, 1))
    matters = (model / noise > 0.3 * (model / noise).max(axis=1, keepdims=True)) & (np.arange(model.shape[1]) > 0)
    around = np.sort((surplus * matters[..., None]).sum(axis=1), axis=1)
    kept = around[:, : SECTORS - BRIGHTEST_SECTORS].sum(axis=1) * SECTORS / (SECTORS - BRIGHTEST_SECTORS)
    return np.asarray(np.clip(kept / np.maximum(around.sum(axis=1), 1e-9) / EVEN, 0, 1))
