"""What the photons around a candidate say: counts of halo, point source and background, their ratio, and chance.

The definition is that of the simulator's truth: ``S/N = H / sqrt(H + P + B)`` in the annulus where it is best, from 30"
outwards for a halo, around the radius for a ring. The annulus is chosen by the fitted shape, not by the photons that
are counted in it afterwards, so that chance does not choose along.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from astropy.table import Column, Row, Table
from scipy.special import gammaincinv, hyp1f1, ndtri_exp, xlogy
from scipy.special import gammaln as log_gamma

from merkhet.scan.decompose import RING, Parts, PsfFamily, decompose
from merkhet.scan.images import SkyTile
from merkhet.scan.local_background import LocalBackground
from merkhet.scan.radial import FloatArray, Rings, recentered, rings_around
from merkhet.simulate.halos.truth import ANNULI, CORE_ARCSEC, best_annulus

REACH_SIZES, REACH_ARCSEC = 4.0, (600.0, 7200.0)  # how far to look, in sizes, and its limits
RING_REACH_SIZES = 1.7
SHIFT_ARCSEC = 60.0  # how far from a candidate's position its source may lie
PROFILE_RINGS = 24
ONE_SIGMA = 0.158655  # below minus one standard deviation

COLUMNS: tuple[tuple[str, str | None, str], ...] = (
    ("snr", None, "halo / sqrt(halo + psf + background), counts in the annulus; statistical errors alone"),
    ("significance", None, "sigma by which chance falls short of the counts in the annulus (Poisson, one-sided)"),
    ("counts_halo", "ct", "counts in the annulus less those expected of point source and background"),
    ("counts_psf", "ct", "counts expected in the annulus of the source's point-spread function"),
    ("counts_background", "ct", "counts expected in the annulus of the background"),
    ("inner_arcsec", "arcsec", "inner radius of the annulus"),
    ("outer_arcsec", "arcsec", "outer radius of the annulus"),
)
"""Name, unit and description of each column that :func:`measure` adds."""


@dataclass(frozen=True, eq=False)
class Profile:
    """Counts around a position by distance.

    Attributes
    ----------
    edges_arcsec
        Radii between which is counted ``(n + 1,)``.
    counts
        Photons ``(n,)``.
    low, high
        Limits of the mean that gives such counts, 68.3 % central (Gehrels 1986, ApJ 303, 336, equations 7 and 12).
    psf, background
        Counts expected of the point source and of the background ``(n,)``.
    area_arcmin2
        Sky that was looked at ``(n,)``; 0 where there is none.
    """

    edges_arcsec: FloatArray
    counts: FloatArray
    low: FloatArray
    high: FloatArray
    psf: FloatArray
    background: FloatArray
    area_arcmin2: FloatArray


def measure(tile: SkyTile, candidates: Table, *, psf: PsfFamily | None = None) -> Table:
    """Measure each candidate on its tile.

    Parameters
    ----------
    tile
        Where they are.
    candidates
        Columns ``x``, ``y`` (pixels), ``size_arcsec`` (radius that holds half of the halo, or radius of the ring) and
        ``label`` (``ring``, or any other for a halo).
    psf
        What a point source may look like; that of eROSITA's survey where absent.

    Returns
    -------
    Table
        A copy with the :data:`COLUMNS`. Only pixels that were observed count, less those with unrelated compact
        sources. NaN where the pixel scale or the size is not known, or where no pixel lies in the annulus.
    """
    psf = psf or PsfFamily()
    rows = np.full((len(candidates), len(COLUMNS)), np.nan)
    if np.isfinite(tile.pixel_arcsec) and len(candidates):
        local = LocalBackground.of(tile)
        for row, candidate in enumerate(candidates):
            if np.isfinite(candidate["size_arcsec"]):
                rows[row] = _measure_one(tile, candidate, local=local, psf=psf)
    measured = candidates.copy()
    for (name, unit, description), values in zip(COLUMNS, rows.T, strict=True):
        measured[name] = Column(values, unit=unit, description=description)
    return measured


def radial_profile(
    tile: SkyTile,
    x: float,
    y: float,
    *,
    reach_arcsec: float,
    size_arcsec: float | None = None,
    label: str = "",
    psf: PsfFamily | None = None,
    local: LocalBackground | None = None,
) -> Profile:
    """Return the counts around a position by distance, with what point source and background account for.

    Parameters
    ----------
    tile
        Its pixel scale must be known.
    x, y
        Pixel coordinates; the source within an arcminute, if there is one, is the middle.
    reach_arcsec
        How far the profile goes.
    size_arcsec, label
        As for :func:`measure`; a third of the reach where the size is not given.
    psf
        What a point source may look like; that of eROSITA's survey where absent.
    local
        The background of the tile, for the profiles of many positions; found here where absent.
    """
    size = size_arcsec or reach_arcsec / 3
    rings, parts = _take_apart(
        tile,
        (x, y),
        size_arcsec=size,
        label=label,
        reach_arcsec=max(reach_arcsec, _reach(size, label)),
        psf=psf or PsfFamily(),
        local=local or LocalBackground.of(tile),
    )
    inside = np.linspace(0, CORE_ARCSEC, 4)
    edges = np.concatenate(
        [inside, np.geomspace(CORE_ARCSEC, max(reach_arcsec, 2 * CORE_ARCSEC), PROFILE_RINGS + 1)[1:]]
    )
    counts = rings.summed(rings.counts, edges)
    return Profile(
        edges_arcsec=edges,
        counts=counts,
        low=np.where(counts > 0, gammaincinv(np.where(counts > 0, counts, 1), ONE_SIGMA), 0.0),
        high=np.asarray(gammaincinv(counts + 1, 1 - ONE_SIGMA)),
        psf=rings.summed(parts.psf, edges),
        background=rings.summed(rings.background, edges),
        area_arcmin2=rings.summed(rings.pixels, edges) * (tile.pixel_arcsec / 60) ** 2,
    )


def poisson_sigma(counts: npt.ArrayLike, expected: npt.ArrayLike) -> FloatArray:
    """Return how many standard deviations of a normal distribution chance falls short of Poisson counts.

    The chance of ``counts`` or more where ``expected`` is the mean, as the one-sided deviation of a normal
    distribution with the same chance; 0 where the counts do not exceed the mean. It stays finite where the chance
    itself is too small for a floating-point number: for ``n > mu`` the tail is
    ``mu^n exp(-mu) / n! 1F1(1; n + 1; mu)``.
    """
    n, mean = np.broadcast_arrays(np.asarray(counts, dtype=np.float64), np.asarray(expected, dtype=np.float64))
    above = n > mean
    n, mean = np.where(above, n, 1.0), np.where(above, mean, 0.0)
    log_chance = xlogy(n, mean) - mean - log_gamma(n + 1) + np.log(hyp1f1(1, n + 1, mean))
    with np.errstate(divide="ignore"):
        sigma = np.where(log_chance < np.log(0.5), -ndtri_exp(np.minimum(log_chance, -1e-300)), 0.0)
    return np.asarray(np.where(above, np.maximum(sigma, 0.0), 0.0))


def _measure_one(tile: SkyTile, candidate: Row, *, local: LocalBackground, psf: PsfFamily) -> tuple[float, ...]:
    """Return the :data:`COLUMNS` of one candidate."""
    size, label = float(candidate["size_arcsec"]), str(candidate["label"])
    position = float(candidate["x"]), float(candidate["y"])
    reach = _reach(size, label)
    rings, parts = _take_apart(tile, position, size_arcsec=size, label=label, reach_arcsec=reach, psf=psf, local=local)
    edges = np.geomspace(CORE_ARCSEC, reach, ANNULI + 1)
    sums = {
        name: rings.summed(values, edges)
        for name, values in (
            ("counts", rings.counts),
            ("background", rings.background),
            ("psf", parts.psf),
            ("extended", parts.extended),
            ("pixels", rings.pixels),
        )
    }
    first, last = best_annulus(sums["extended"], sums["psf"] + sums["background"], from_core=label != RING)
    counts, background, point, pixels = (
        float(sums[name][first : last + 1].sum()) for name in ("counts", "background", "psf", "pixels")
    )
    if pixels == 0:
        return (np.nan,) * len(COLUMNS)
    halo = counts - point - background
    noise = np.sqrt(max(halo, 0.0) + point + background)
    snr = halo / noise if noise > 0 else 0.0
    chance = float(poisson_sigma(counts, point + background))
    return snr, chance, halo, point, background, float(edges[first]), float(edges[last + 1])


def _take_apart(
    tile: SkyTile,
    position: tuple[float, float],
    *,
    size_arcsec: float,
    label: str,
    reach_arcsec: float,
    psf: PsfFamily,
    local: LocalBackground,
) -> tuple[Rings, Parts]:
    """Return the photons around a source by distance, and what they are made of."""
    x, y = recentered(tile, *position, shift_arcsec=min(SHIFT_ARCSEC, 0.5 * size_arcsec))
    outside = 1.4 * size_arcsec if label == RING else 2.5 * size_arcsec
    scale = local.scale(x, y, outside_arcsec=outside)
    rings = rings_around(tile, x, y, reach_arcsec=reach_arcsec, background_scale=scale)
    return rings, decompose(rings, size_arcsec=size_arcsec, label=label, psf=psf)


def _reach(size_arcsec: float, label: str) -> float:
    sizes = RING_REACH_SIZES if label == RING else REACH_SIZES
    return float(np.clip(sizes * size_arcsec, *REACH_ARCSEC))
