"""The sky noise of an image, from the image itself."""

import numpy as np
import numpy.typing as npt

from merkhet.data.arrays import FloatArray

MAD_TO_SIGMA = 1.482602218505602
"""``1 / Phi^-1(3/4)``: the standard deviation of a normal over its median absolute deviation."""

ITERATIONS = 20
MAX_PIXELS = 1_000_000
COARSE_STEPS = 25.0
STEP_TOLERANCE = 0.01


def sky_noise(image: FloatArray, valid: npt.NDArray[np.bool_]) -> FloatArray:
    r"""Return the standard deviation of the sky in each band, sources left out.

    The median absolute deviation about the median, times 1.4826, of the valid pixels within 3 sigma of the median;
    clipped and measured again until nothing changes.

    The MAD fails where data come in steps (counts, digitized units) that are coarse against the noise: it is itself
    a multiple of the step, and zero once more than half of the pixels are equal. Where sigma is below 25 steps, the
    answer is the standard deviation of the pixels within ``max(4 sigma, 5 steps)`` of their mean, clipped in the same
    way: for counts of mean :math:`\mu` this is :math:`\sqrt{\mu}`, however sparse they are. The step is the smallest
    distance of a pixel from the median; where more than half are equal and the others not whole steps away (counts
    less a model of out-of-time events, say), their median distance. An image of one value has noise zero.

    Parameters
    ----------
    image
        Pixels ``(C, *S)``.
    valid
        Mask that broadcasts to the image. Pixels that are not finite are left out as well.

    Returns
    -------
    noise
        float32 ``(C,)`` in the image's units; NaN for a band without valid pixels. Beyond a million valid pixels, an
        evenly spaced subset of a third of a million or more is measured (statistical error 0.2 % at most).
    """
    good = np.broadcast_to(valid, image.shape) & np.isfinite(image)
    return np.array([_sigma(chosen(*pair)) for pair in zip(image, good, strict=True)], dtype=np.float32)


def chosen(band: FloatArray, mask: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the pixels ``(n,)`` where a mask of the same shape is True; no copy where it is True everywhere."""
    return band.ravel() if mask.all() else band[mask]


def _sigma(pixels: FloatArray) -> float:
    """Return sigma of one band's valid pixels."""
    if not pixels.size:
        return float("nan")
    pixels = np.sort(evenly_spaced(pixels))
    median, sigma = _clipped_mad(pixels)
    step = _step(pixels, median=median, sparse=sigma == 0)
    if sigma < COARSE_STEPS * step:
        return _clipped_std(pixels, center=median, sigma=sigma, step=step)
    return sigma


def evenly_spaced(pixels: FloatArray) -> FloatArray:
    """Return the pixels ``(n,)``; of more than a million, an evenly spaced subset of a third of a million or more."""
    # An odd stride, so that the subset does not fall on a few columns of an image of even width.
    return pixels[:: -(-pixels.size // MAX_PIXELS) | 1]


def _clipped_mad(pixels: FloatArray) -> tuple[float, float]:
    """Return median and 1.4826 MAD of sorted pixels, clipped at 3 sigma. Sorted, clipping is a slice."""
    kept = pixels
    for _ in range(ITERATIONS):
        middle = kept.size // 2
        median = kept[middle]
        sigma = MAD_TO_SIGMA * np.partition(np.abs(kept - median), middle)[middle]
        before, kept = kept, _within(pixels, center=float(median), limit=3 * float(sigma))
        if kept.size == before.size:
            break
    return float(median), float(sigma)


def _clipped_std(pixels: FloatArray, *, center: float, sigma: float, step: float) -> float:
    """Return the standard deviation of sorted pixels within ``max(4 sigma, 5 steps)`` of their mean."""
    kept = pixels[:0]
    for _ in range(ITERATIONS):
        before, kept = kept, _within(pixels, center=center, limit=max(4 * sigma, 5 * step))
        if kept.size == before.size:
            break
        center, sigma = float(kept.mean(dtype=np.float64)), float(kept.std(dtype=np.float64))
    return sigma


def _within(pixels: FloatArray, *, center: float, limit: float) -> FloatArray:
    low = np.searchsorted(pixels, np.float32(center - limit), side="left")
    high = np.searchsorted(pixels, np.float32(center + limit), side="right")
    return pixels[low:high]


def _step(pixels: FloatArray, *, median: float, sparse: bool) -> float:
    """Return the step of quantized data, as :func:`sky_noise` describes it; 0 for pixels of one value."""
    distance = np.abs(pixels - np.float32(median))
    distance = distance[distance > 0]
    if not distance.size:
        return 0.0
    steps = distance / distance.min()
    if sparse and np.abs(steps - np.rint(steps)).max() > STEP_TOLERANCE:
        return float(np.median(distance))
    return float(distance.min())
