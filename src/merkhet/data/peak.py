"""The brightest pixel of an image over its sky noise."""

import numpy as np

from merkhet.data.arrays import FloatArray
from merkhet.data.noise import chosen, evenly_spaced


def peak_over_noise(image: FloatArray, noise: FloatArray) -> FloatArray:
    """Return by how many sigma the brightest pixel of each band is above the band's median.

    Beyond a million valid pixels, the median is that of an evenly spaced subset of a third of a million or more.

    Parameters
    ----------
    image
        Pixels ``(C, *S)``; those that are not finite are left out.
    noise
        Sky sigma of each band ``(C,)``, in the image's unit.

    Returns
    -------
    float32 ``(C,)``; NaN for a band without valid pixels or without noise.
    """
    return np.array([_peak(band, float(sigma)) for band, sigma in zip(image, noise, strict=True)], dtype=np.float32)


def _peak(band: FloatArray, sigma: float) -> float:
    pixels = chosen(band, np.isfinite(band))
    if not pixels.size or not sigma > 0:
        return float("nan")
    return float(pixels.max() - np.median(evenly_spaced(pixels))) / sigma
