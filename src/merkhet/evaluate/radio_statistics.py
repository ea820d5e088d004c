"""What betrays interference and undeconvolved sources in a radio snapshot, as numbers for a classical classifier.

The cuts that pipelines apply to images (rms, extremes, flux over peak of the bright sources: Hurley-Walker et al. 2022,
PASA 39, e035), and what the physics says: interference is excess power in a few cells of the Fourier plane, a source
in a sidelobe of the primary beam a strip of it, a source that was not deconvolved a pit around a peak.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage
from astropy.table import Table, hstack

from merkhet.data.noise import MAD_TO_SIGMA
from merkhet.errors import InputError
from merkhet.evaluate.answers import BoolArray, FloatArray, IntArray
from merkhet.evaluate.pixel_statistics import pixel_statistics

Pixels = npt.NDArray[np.float32]

CLIP_SIGMA = 4.0
"""Heights are cut off here before their power is taken: point sources would drown everything."""
CELLS_PER_RING = 400
"""Fewest Fourier cells of a ring whose power is compared."""
SECTORS = 36
"""Directions of the Fourier plane, 5 degrees each: a real image has half of it."""
PATCH = 3
"""Side in cells of the patches of the Fourier plane that are searched for excess power."""
BLOCKS = 8
"""The image is divided into so many blocks along each axis."""
BRIGHT_SIGMA, MOST_BRIGHT, BOX = 8.0, 40, 15
"""Height of sources that are measured, how many of them at most, and the side in pixels of the box about each."""
FLOOR = 1e-4
"""Rings whose power is below this share of the largest hold no visibilities: beyond the longest baseline."""
EULER = float(np.euler_gamma)


def radio_statistics(
    images: Pixels, *, valid: BoolArray, noise: npt.NDArray[np.float32], bands: Sequence[str]
) -> Table:
    r"""Return statistics of each band of each image, one row per image; those of the pixels among them.

    Parameters
    ----------
    images, valid, noise, bands
        See :func:`merkhet.evaluate.pixel_statistics.pixel_statistics`; two spatial axes.

    Returns
    -------
    Table
        For each band, the columns of :func:`~merkhet.evaluate.pixel_statistics.pixel_statistics`, and

        * ``negative_ratio``: depth of the minimum over height of the maximum; ``kurtosis``: excess kurtosis of heights
          clipped at :data:`CLIP_SIGMA`; ``pits``: share of pixels more than 4 sigma below the median, in logarithm;
        * ``central_rms``: 1.4826 MAD of the central quarter over that of the image; ``block_high``, ``block_low``,
          ``block_scatter``: largest, smallest and standard deviation of those of :data:`BLOCKS` x :data:`BLOCKS`
          blocks over their median;
        * ``cell_peak``, ``cell_scatter``, ``cell_tail``: of the clipped, tapered image's Fourier power over that of its
          ring, which is exponential with mean 1 for noise: largest less :math:`\ln N` of :math:`N` cells, standard
          deviation, and logarithm of the number of cells above :math:`\ln N - 2` (:math:`e^2` for noise);
        * ``patch_peak``: largest mean of :data:`PATCH` x :data:`PATCH` cells;
        * ``sector_peak``, ``sector_scatter``, ``sector_elongation``: of the mean of that power in :data:`SECTORS`
          directions: largest and standard deviation, in units of what noise gives, and amplitude of its quadrupole;
          ``sector_peak_inner``, ``sector_peak_outer``: the largest among short and long baselines alone;
        * ``extent``, ``extent_scatter``: median, and spread over median, of sum over peak of the sources above
          :data:`BRIGHT_SIGMA`; ``bowl``, ``bowl_scatter``: the same of the deepest pit about a source over its peak.

        NaN where a statistic is not defined.

    Raises
    ------
    InputError
        The shapes do not fit each other, or the images are cubes.
    """
    if images.ndim != 4:
        raise InputError("radio statistics", f"images {images.shape}", expected="two spatial axes, (n, C, y, x)")
    table = pixel_statistics(images, valid=valid, noise=noise, bands=bands)
    good = np.broadcast_to(valid, images.shape) & np.isfinite(images)
    rows = [[_of_band(*band) for band in zip(*image, strict=True)] for image in zip(images, good, noise, strict=True)]
    measured = [
        Table([{f"{band}_{name}": value for name, value in row[c].items()} for row in rows])
        for c, band in enumerate(bands)
    ]
    return hstack([table, *measured])


def _of_band(image: Pixels, good: BoolArray, noise: float) -> dict[str, float]:
    """Return the statistics of one band ``(y, x)``."""
    sigma = noise if noise > 0 and np.isfinite(noise) and good.any() else np.nan
    center = np.median(image[good]) if good.any() else np.nan
    height = np.where(good, (image - center) / np.float32(sigma), np.float32(np.nan))
    known = np.isfinite(height)
    clipped = np.where(known, height.clip(-CLIP_SIGMA, CLIP_SIGMA), np.float32(0))
    if min(image.shape) < 4 * BLOCKS or not known.any():
        height, clipped, known = (np.full((4 * BLOCKS, 4 * BLOCKS), fill, np.float32) for fill in (np.nan, 0, 0))
        known = known.astype(bool)
    found = {
        **_extremes(height, clipped, known),
        **_blocks(height, known),
        **_fourier(clipped, known),
        **_sources(height, known),
    }
    return {name: float(value) if np.isfinite(value) else np.nan for name, value in found.items()}


def _extremes(height: Pixels, clipped: Pixels, known: BoolArray) -> dict[str, float]:
    count = known.sum()
    if not count:
        return dict.fromkeys(("negative_ratio", "kurtosis", "pits"), np.nan)
    values = clipped[known].astype(np.float64)
    values -= values.mean()
    second = (values**2).mean()
    return {
        "negative_ratio": -float(np.nanmin(height)) / max(float(np.nanmax(height)), 1e-6),
        "kurtosis": (values**4).mean() / second**2 - 3 if second > 0 else np.nan,
        "pits": np.log10(((height < -4).sum() + 0.5) / count),
    }


def _mad(values: Pixels) -> FloatArray:
    """Return 1.4826 times the median absolute deviation along the last axis, NaN where half is not known."""
    known = np.isfinite(values).mean(axis=-1) > 0.5
    filled = np.where(known[..., None], values, 0)
    middle = np.nanmedian(filled, axis=-1, keepdims=True)
    return np.where(known, MAD_TO_SIGMA * np.nanmedian(np.abs(filled - middle), axis=-1), np.nan)


def _blocks(height: Pixels, known: BoolArray) -> dict[str, float]:
    """Compare the noise of blocks of the image; of large blocks, every few pixels serve."""
    rows, columns = (n // BLOCKS for n in height.shape)
    blocks = height[: rows * BLOCKS, : columns * BLOCKS].reshape(BLOCKS, rows, BLOCKS, columns).transpose(0, 2, 1, 3)
    step = max(1, min(rows, columns) // 32)
    spread = _mad(blocks[..., ::step, ::step].reshape(BLOCKS, BLOCKS, -1))
    quarter = slice(BLOCKS // 4, -(BLOCKS // 4))
    found = spread[np.isfinite(spread)]
    if not len(found) or not np.median(found) > 0:
        return dict.fromkeys(("central_rms", "block_high", "block_low", "block_scatter"), np.nan)
    middle, central = np.median(found), spread[quarter, quarter]
    return {
        "central_rms": np.median(central[np.isfinite(central)]) / middle if np.isfinite(central).any() else np.nan,
        "block_high": found.max() / middle,
        "block_low": found.min() / middle,
        "block_scatter": found.std() / middle,
    }


@dataclass(frozen=True)
class _Plane:
    """The half of the Fourier plane that a real image has, cell by cell: ring, sector, and whether it counts.

    ``ring`` and ``sector`` are ``(cells,)`` numbers, ``outer`` says which rings are of the longer baselines.
    """

    ring: IntArray
    sector: IntArray
    counted: BoolArray
    rings: int


@lru_cache(maxsize=4)
def _plane(shape: tuple[int, int]) -> _Plane:
    """Divide the plane of an image of that shape into rings of at least :data:`CELLS_PER_RING` cells and sectors."""
    v, u = np.meshgrid(scipy.fft.fftfreq(shape[0]), scipy.fft.rfftfreq(shape[1]), indexing="ij")
    radius, cells = np.hypot(u, v).ravel(), u.size
    rings = int(np.clip(cells // CELLS_PER_RING, 4, 64))
    # Equal areas hold equally many cells; Nyquist's circle is the last edge, the corners beyond it are left out.
    ring = np.floor(rings * (radius / 0.5) ** 2).astype(np.int64)
    conjugate = (u == 0) & (v < 0)  # is the conjugate of a cell that is there
    angle = np.arctan2(v, u).ravel() % np.pi
    sector = np.minimum((angle / np.pi * SECTORS).astype(np.int64), SECTORS - 1)
    counted = (ring < rings) & (radius > 2 / min(shape)) & ~conjugate.ravel()
    return _Plane(np.minimum(ring, rings - 1), sector, counted, rings)


def _fourier(clipped: Pixels, known: BoolArray) -> dict[str, float]:
    """Measure the power of an image relative to that of its rings."""
    shape = (clipped.shape[0], clipped.shape[1])
    taper = np.outer(*(np.hanning(n + 2)[1:-1] for n in shape)).astype(np.float32) * known
    weight = float((taper.astype(np.float64) ** 2).sum())
    mean = float((clipped * taper).sum() / max(taper.sum(), 1e-6))
    spectrum = scipy.fft.rfft2((clipped - mean) * taper)
    plane = _plane(shape)
    power = (spectrum.real**2 + spectrum.imag**2) / max(weight, 1e-6)
    relative, counted = _whitened(power.ravel().astype(np.float64), plane)
    if not counted.any():
        names = ("cell_peak", "cell_scatter", "cell_tail", "patch_peak")
        return dict.fromkeys((*names, *_sector_names()), np.nan)
    cells, values = int(counted.sum()), relative[counted]
    patch = scipy.ndimage.uniform_filter(np.where(counted, relative, 1).reshape(power.shape), PATCH, mode="nearest")
    return {
        "cell_peak": values.max() - np.log(cells),
        "cell_scatter": values.std(),
        "cell_tail": np.log10((values > np.log(cells) - 2).sum() + 1),
        "patch_peak": patch.max(),
        **_directions(relative, counted, plane),
    }


def _whitened(power: FloatArray, plane: _Plane) -> tuple[FloatArray, BoolArray]:
    """Return power over that of the ring, and which cells lie on rings that hold any.

    The mean of an exponential is taken from its mean logarithm, which few outstanding cells do not move.
    """
    counted = plane.counted & (power > 0)
    number = np.bincount(plane.ring[counted], minlength=plane.rings)
    logs = np.bincount(plane.ring[counted], np.log(power[counted]), minlength=plane.rings)
    level = np.where(number > 0, np.exp(logs / np.maximum(number, 1) + EULER), 0)
    counted &= (level > FLOOR * level.max(initial=0))[plane.ring]
    return np.divide(power, level[plane.ring], out=np.ones_like(power), where=counted), counted


def _sector_names() -> tuple[str, ...]:
    return ("sector_peak", "sector_scatter", "sector_elongation", "sector_peak_inner", "sector_peak_outer")


def _directions(relative: FloatArray, counted: BoolArray, plane: _Plane) -> dict[str, float]:
    """Compare the directions of the Fourier plane: all baselines, the inner and the outer half of the rings."""
    used = np.unique(plane.ring[counted])
    inner = plane.ring < used[len(used) // 2]
    whole = _sectors(relative, counted, plane)
    quadrupole = np.abs((whole * np.exp(2j * np.pi * np.arange(SECTORS) / SECTORS)).mean())
    peaks = [_sectors(relative, counted & rows, plane).max() for rows in (inner, ~inner)]
    return dict(zip(_sector_names(), (whole.max(), whole.std(), quadrupole, *peaks), strict=True))


def _sectors(relative: FloatArray, counted: BoolArray, plane: _Plane) -> FloatArray:
    """Return how far the mean of each sector lies above that of all, in standard errors of exponential power."""
    number = np.bincount(plane.sector[counted], minlength=SECTORS)
    mean = np.bincount(plane.sector[counted], relative[counted], minlength=SECTORS) / np.maximum(number, 1)
    return np.where(number > 0, (mean - np.median(mean[number > 0])) * np.sqrt(number), 0) if number.any() else mean


def _sources(height: Pixels, known: BoolArray) -> dict[str, float]:
    """Measure the brightest peaks: sum and deepest pit in a box about each, over its peak."""
    names = ("extent", "extent_scatter", "bowl", "bowl_scatter")
    y, x = np.nonzero(known & (height > BRIGHT_SIGMA))
    order = np.argsort(-height[y, x], kind="stable")[: 50 * MOST_BRIGHT]
    half = BOX // 2
    filled = np.pad(np.where(known, height, 0), half)
    boxes = np.lib.stride_tricks.sliding_window_view(filled, (BOX, BOX))[y[order], x[order]]
    peak = boxes[:, half, half]
    summits = np.flatnonzero(peak >= boxes.max(axis=(1, 2), initial=-np.inf))[:MOST_BRIGHT]
    if not len(summits):
        return dict.fromkeys(names, np.nan)
    core = boxes[summits, half - 3 : half + 4, half - 3 : half + 4]
    ratios = core.sum(axis=(1, 2)) / peak[summits], boxes[summits].min(axis=(1, 2)) / peak[summits]
    found: list[float] = []
    for ratio in ratios:
        middle = float(np.median(ratio))
        found += [middle, float(MAD_TO_SIGMA * np.median(np.abs(ratio - middle)))]
    return dict(zip(names, found, strict=True))
