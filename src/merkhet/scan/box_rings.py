"""Is there a ring around a position? Photons in annuli of many radii about every position at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.ndimage import maximum_filter

from merkhet.scan.box_sky import Sky, poisson_sigma
from merkhet.scan.pyramid import block_sum

FloatArray = npt.NDArray[np.float64]
FloatImage = npt.NDArray[np.float32]

RADII_ARCSEC = tuple((180 * 1.17 ** np.arange(20)).tolist())
HALF_WIDTH = 0.09
"""Of an annulus, over its radius: as wide as flares and clouds make rings."""
INSIDE = (0.3, 0.75)
"""Where the sky within a ring is taken from, over its radius."""
FILLED = 1.0
"""What lies inside counts so many times: the limb of a shell is about as much brighter than its middle."""
SECTORS, BRIGHTEST_SECTORS = 12, 3
EVEN = 0.6
"""Share of the photons of an even ring that is left, by chance, when those of its other sectors are scaled."""
CHANCE_SIGMA = 0.8
"""Of a ring, three quarters show half of its significance each, but for chance; an arc shows in two at most."""
BINNING = ((4, 640.0), (8, 1600.0), (16, np.inf))
"""Rings are searched on pixels of so many pixels of the sky, half an arcminute and more, up to a radius in arcsec."""
PEAK_PX = 5
TOLERANCE = 0.04
"""The sky is not known better than this."""
BRIGHT = 0.5
"""Pixels are left out where point sources are brighter than this share of the sky."""
LEAST_SIGMA = 4.0


@dataclass(frozen=True, eq=False)
class Rings:
    """Rings: 0-based centers in pixels of the sky, radius, and how many sigma they stand out; ``(n,)`` each."""

    x: FloatArray
    y: FloatArray
    size_arcsec: FloatArray
    sigma: FloatArray


def find_rings(sky: Sky) -> Rings:
    """Return the peaks of significance over positions and radii.

    Each annulus is cut in twelve sectors and judged without the three that stand out most: what is left of an arc, a
    streak, or a bright source that the annulus happens to cross, is no ring. What is brighter than expected inside of
    it is taken off: halos, clusters and the remnants of supernovae are filled, and so is what lies beside them.
    """
    found = [_peaks(sky, radius_arcsec=radius) for radius in RADII_ARCSEC]
    return Rings(*(np.concatenate(values) for values in zip(*found, strict=True)))


def _peaks(sky: Sky, *, radius_arcsec: float) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return position, radius and significance of the rings of one radius."""
    binning = next(binning for binning, most in BINNING if radius_arcsec < most)
    radius_px = radius_arcsec / sky.pixel_arcsec / binning
    reach = int(np.ceil((1 + HALF_WIDTH) * radius_px)) + 1
    cut = max(0, sky.margin // binning - reach) * binning  # what lies farther out has no part in a ring on the tile
    seen, expected = _binned(sky, binning, cut=cut)
    sigma = _sigma(Sums(np.stack([seen, expected]), reach=reach), radius_px=radius_px)
    row, column = np.nonzero((sigma == maximum_filter(sigma, PEAK_PX)) & (sigma > LEAST_SIGMA))
    middle = 0.5 * (binning - 1) + cut
    x, y = (np.asarray(place * binning + middle, dtype=np.float64) for place in (column, row))
    return x, y, np.full(len(x), radius_arcsec), np.asarray(sigma[row, column], dtype=np.float64)


def _binned(sky: Sky, binning: int, *, cut: int) -> tuple[FloatImage, FloatImage]:
    """Return photons seen and expected in coarse pixels, without the surroundings of bright point sources."""
    inside = (slice(cut, -cut or None),) * 2
    counts, background, points = (image[inside] for image in (sky.counts, sky.background, sky.point_sources))
    kept = points <= BRIGHT * background
    seen, expected = (block_sum(image * kept, binning) for image in (counts, background + points))
    return seen.astype(np.float32), expected.astype(np.float32)


def _sigma(sums: "Sums", *, radius_px: float) -> FloatImage:
    """Return how many sigma an annulus of this radius about each pixel stands out."""
    radius, angle = sums.polar
    within, empty = sums.over((radius > INSIDE[0] * radius_px) & (radius < INSIDE[1] * radius_px))
    brighter = 1 + FILLED * np.clip(within / np.maximum(empty, 1e-6) - 1, 0, None)
    annulus = np.abs(radius - radius_px) <= max(HALF_WIDTH * radius_px, 0.6)
    sector = np.floor(angle / (2 * np.pi) * SECTORS).astype(np.int64) % SECTORS
    parts = np.stack([sums.over(annulus & (sector == k)) for k in range(SECTORS)])  # (sectors, 2, y, x)
    surplus = parts[:, 0] - parts[:, 1] * brighter
    quarters = parts.reshape(4, SECTORS // 4, *parts.shape[1:]).sum(axis=1)
    weak = np.sort(poisson_sigma(quarters[:, 0], quarters[:, 1] * brighter), axis=0)[1]
    faint = np.argsort(surplus, axis=0)[: SECTORS - BRIGHTEST_SECTORS]
    seen, sky = (np.take_along_axis(parts[:, image], faint, axis=0).sum(axis=0) for image in (0, 1))
    sky = sky * brighter
    left = (seen - sky) * SECTORS / (SECTORS - BRIGHTEST_SECTORS) / np.maximum(surplus.sum(axis=0), 1e-6)
    sigma = poisson_sigma(seen, sky) / np.sqrt(1 + TOLERANCE**2 * sky)
    even = sigma * np.clip(left / EVEN, 0, 1)
    return np.asarray(np.minimum(even, 2 * np.maximum(weak + CHANCE_SIGMA, 0)), dtype=np.float32)


class Sums:
    """Sums over a neighborhood of every pixel, for many shapes of it.

    Parameters
    ----------
    images
        ``(n, y, x)``.
    reach
        Farthest pixel of any neighborhood.
    """

    def __init__(self, images: FloatImage, *, reach: int) -> None:
        self._shape = images.shape[1:]
        self._padded = tuple(next_fast_len(side + reach, real=True) for side in self._shape)
        self._transformed = rfft2(images, self._padded)
        offset = np.arange(-reach, reach + 1)
        self._offset = offset
        self.polar = np.hypot(offset, offset[:, None]), np.arctan2(*np.broadcast_arrays(offset[:, None], offset))
        """Distance and angle of the pixels about a pixel."""

    def over(self, neighborhood: npt.NDArray[np.bool_]) -> FloatImage:
        """Return the sums ``(n, y, x)`` over the pixels of a neighborhood of odd side."""
        rows, columns = self._padded
        kernel = np.zeros(self._padded, dtype=np.float32)
        kernel[np.ix_(-self._offset % rows, -self._offset % columns)] = neighborhood  # correlation, not convolution
        summed = irfft2(self._transformed * rfft2(kernel), self._padded)
        return np.asarray(summed[:, : self._shape[0], : self._shape[1]]).clip(min=0)
