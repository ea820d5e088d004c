"""What a sliding box sees: a coarse image of a tile, its point sources, and how far their wings reach."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.ndimage import gaussian_filter, maximum_filter, rank_filter, uniform_filter
from scipy.special import xlogy

from merkhet.scan.field import Level
from merkhet.scan.pyramid import block_sum
from merkhet.simulate.halos.psf import King

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

BOX_PX = 5
PEAK_SIGMA = 4.0
CONTRAST = 2.0
CORE_BLUR_PX = 1.0
WINGS_ARCSEC = 1800.0
ROUNDS = 3
SKY_ROUNDS = 8
SUBSAMPLED_PX = 8  # about the center, where the profile changes within a pixel
SKY_BLOCK_PX = 32
SKY_CLIP_SIGMA = 3.0


def poisson_sigma(counts: FloatArray, expected: FloatArray) -> FloatArray:
    r"""Return how many sigma counts lie above what is expected, negative where they lie below.

    This is :math:`\sqrt{2 (N \ln(N/M) - N + M)}`, the root of twice the logarithm of the likelihood ratio of Poisson
    counts (Cash 1979, ApJ 228, 939; Li & Ma 1983, ApJ 272, 317, for a background that is known). 0 where nothing is
    expected.
    """
    expected = np.where(expected > 0, expected, np.nan)
    twice = 2 * (xlogy(counts, counts / expected) - counts + expected)
    return np.asarray(np.nan_to_num(np.sign(counts - expected) * np.sqrt(np.clip(twice, 0, None))))


@dataclass(frozen=True, eq=False)
class Sources:
    """Point sources: 0-based positions in pixels of the sky, and their counts without limit of radius; ``(n,)``."""

    x: FloatArray
    y: FloatArray
    counts: FloatArray


@dataclass(frozen=True, eq=False)
class Sky:
    """Counts of a tile and its surroundings, and what is known to be in them. Arrays are ``(y, x)``.

    Attributes
    ----------
    counts
        Photons.
    background
        Expected photons of the sky, those of sources too faint to be told apart among them.
    exposure
        Seconds; 0 where nothing was observed.
    sources, point_sources
        The point sources, and their expected photons.
    pixel_arcsec
        Side of a pixel.
    margin
        Pixels on each side that lie beyond the tile.
    """

    counts: FloatArray
    background: FloatArray
    exposure: FloatArray
    sources: Sources
    point_sources: FloatArray
    pixel_arcsec: float
    margin: int


def find_sky(level: Level, *, psf: King) -> Sky:
    """Find the point sources of a level of the pyramid, and the sky between them.

    Sources that are too faint to be told apart add to what the map of the background says: it is scaled to the counts
    without the point sources, one factor for the whole.
    """
    counts, background, exposure = (
        np.where(level.valid, image, 0).astype(np.float64) for image in (level.counts, level.background, level.exposure)
    )
    wings = Wings(psf, shape=counts.shape, pixel_arcsec=level.pixel_arcsec)
    sources = find_sources(counts, background=background, wings=wings)
    point_sources = np.where(exposure > 0, wings.image(sources), 0)
    factor = _sky_factor(counts - point_sources, background)
    return Sky(counts, factor * background, exposure, sources, point_sources, level.pixel_arcsec, level.margin)


class Wings:
    """Draws the point-spread function of many sources at once.

    Parameters
    ----------
    psf
        Its profile, cut at :data:`WINGS_ARCSEC`.
    shape
        Rows and columns of the image.
    pixel_arcsec
        Side of a pixel.
    """

    def __init__(self, psf: King, *, shape: tuple[int, ...], pixel_arcsec: float) -> None:
        reach = int(np.ceil(WINGS_ARCSEC / pixel_arcsec))
        self._shape = shape
        self._padded = tuple(next_fast_len(side + reach, real=True) for side in shape)
        offset, core = np.arange(-reach, reach + 1), slice(reach - SUBSAMPLED_PX, reach + SUBSAMPLED_PX + 1)
        share = _king_pixels(psf, offset, pixel_arcsec=pixel_arcsec, subpixels=1)
        share[core, core] = _king_pixels(psf, offset[core], pixel_arcsec=pixel_arcsec, subpixels=8)
        kernel = np.zeros(self._padded, dtype=np.float32)
        kernel[np.ix_(offset % self._padded[0], offset % self._padded[1])] = share
        self._kernel = rfft2(kernel)
        self.box_share = float(share[_about(reach), _about(reach)].sum())
        """Share of a source's photons in the box about its pixel."""

    def image(self, sources: Sources) -> FloatArray:
        """Return the expected photons of sources in each pixel."""
        points = _spread(sources, self._shape).astype(np.float32)
        blurred = irfft2(rfft2(points, self._padded) * self._kernel, self._padded)
        return np.asarray(np.clip(blurred[: self._shape[0], : self._shape[1]], 0, None), dtype=np.float64)


def find_sources(counts: FloatArray, *, background: FloatArray, wings: Wings) -> Sources:
    """Find the peaks of at least :data:`PEAK_SIGMA` in a box of 5 x 5 pixels, above the sky and each other's wings.

    A peak must also outshine its surroundings: what shows in two boxes beside it is part of a ring, a shell or a cloud.

    The counts are such that the box of each source holds what was seen: ``counts *= seen / expected``, all at once, a
    few times (Richardson 1972, JOSA 62, 55; Lucy 1974, AJ 79, 745).
    """
    smooth, seen, sky = gaussian_filter(counts, CORE_BLUR_PX), _box(counts), _box(background)
    peak = (smooth == maximum_filter(smooth, BOX_PX)) & (poisson_sigma(seen, sky) > PEAK_SIGMA)
    peak &= seen > CONTRAST * _surroundings(seen)
    row, column = np.nonzero(peak)
    seen, sky = seen[row, column], sky[row, column]
    x, y = _centroids(np.maximum(smooth - background, 0), row, column)
    strength = np.maximum(seen - sky, 1) / wings.box_share
    for _ in range(ROUNDS):
        light = _box(wings.image(Sources(x, y, strength)))[row, column]
        others = np.maximum(light - strength * wings.box_share, 0)
        strength = strength * seen / (sky + light)
        keep = poisson_sigma(seen, sky + others) > PEAK_SIGMA
        x, y, seen, sky, strength = (values[keep] for values in (x, y, seen, sky, strength))
        row, column = row[keep], column[keep]
    return Sources(x, y, strength)


def _about(pixel: int) -> slice:
    """Return the pixels of the box about one."""
    return slice(pixel - BOX_PX // 2, pixel + BOX_PX // 2 + 1)


def _box(image: FloatArray) -> FloatArray:
    """Return the sum of the box about each pixel."""
    return np.asarray(uniform_filter(image, BOX_PX, mode="constant") * BOX_PX**2).clip(min=0)


def _surroundings(boxes: FloatArray) -> FloatArray:
    """Return the second brightest of the eight boxes about the box of each pixel."""
    step = BOX_PX + 1
    footprint = np.zeros((2 * step + 1, 2 * step + 1), dtype=bool)
    footprint[::step, ::step] = True
    footprint[step, step] = False
    return np.asarray(rank_filter(boxes, -2, footprint=footprint, mode="constant"))


def _centroids(image: FloatArray, row: IntArray, column: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the centers of light ``x, y`` in the boxes about pixels."""
    reach = BOX_PX // 2
    offset = np.arange(-reach, reach + 1)
    padded = np.pad(image, reach)
    boxes = padded[row[:, None, None] + offset[:, None] + reach, column[:, None, None] + offset + reach]
    light = np.maximum(boxes.sum(axis=(1, 2)), 1e-12)
    return column + (boxes.sum(axis=1) @ offset) / light, row + (boxes.sum(axis=2) @ offset) / light


def _spread(sources: Sources, shape: tuple[int, ...]) -> FloatArray:
    """Return an image of points, each shared between the four pixels about it."""
    image = np.zeros(shape)
    left, low = np.floor(sources.x).astype(np.int64), np.floor(sources.y).astype(np.int64)
    for right, up in ((0, 0), (0, 1), (1, 0), (1, 1)):
        share = np.abs(1 - right - (sources.x - left)) * np.abs(1 - up - (sources.y - low))
        x, y = np.clip(left + right, 0, shape[1] - 1), np.clip(low + up, 0, shape[0] - 1)
        np.add.at(image, (y, x), sources.counts * share)
    return image


def _king_pixels(psf: King, offset: IntArray, *, pixel_arcsec: float, subpixels: int) -> FloatArray:
    """Return the share of a source's photons in each pixel of a square of offsets from it."""
    within = (np.arange(subpixels) + 0.5) / subpixels - 0.5
    place = (offset[:, None] + within).ravel() * pixel_arcsec
    density = (1 + (place[:, None] ** 2 + place**2) / psf.core_arcsec**2) ** -psf.alpha
    density *= (psf.alpha - 1) / (np.pi * psf.core_arcsec**2) * (pixel_arcsec / subpixels) ** 2
    side = len(offset)
    return np.asarray(density.reshape(side, subpixels, side, subpixels).sum(axis=(1, 3)))


def _sky_factor(counts: FloatArray, background: FloatArray) -> float:
    """Return counts over background in those blocks of the image that are like most others."""
    seen, expected = block_sum(counts, SKY_BLOCK_PX).ravel(), block_sum(background, SKY_BLOCK_PX).ravel()
    seen, expected = np.maximum(seen[expected > 0], 0), expected[expected > 0]
    factor = float(np.median(seen / expected))
    for _ in range(SKY_ROUNDS):
        kept = np.abs(poisson_sigma(seen, factor * expected)) < SKY_CLIP_SIGMA
        factor = float(seen[kept].sum() / expected[kept].sum()) if kept.any() else factor
    return factor
