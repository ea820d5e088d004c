"""Simple numbers of images, for a classical classifier: what a network must beat to have learned morphology."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy.fft
from astropy.table import Table

from merkhet.data.noise import MAD_TO_SIGMA
from merkhet.errors import InputError
from merkhet.evaluate.answers import BoolArray, FloatArray

SIGMAS = (3, 5, 10)
RING_EDGES = (0.0, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Spatial frequencies, in cycles per pixel, that part the four rings of the power spectrum: octaves to Nyquist's."""


def pixel_statistics(
    images: npt.NDArray[np.float32],
    *,
    valid: BoolArray,
    noise: npt.NDArray[np.float32],
    bands: Sequence[str],
) -> Table:
    r"""Return statistics of each band of each image, one row per image.

    Heights are those above the image's median, in units of its noise, so that a sky level does not count as flux.

    Parameters
    ----------
    images
        ``(n, C, *S)``, two or three spatial axes, in any unit.
    valid
        Mask that broadcasts to the images; pixels that are not finite are left out as well.
    noise
        Sky sigma ``(n, C)`` of the parent images, in their unit.
    bands
        Name of each band.

    Returns
    -------
    Table
        For each band, columns ``<band>_<statistic>``:

        * ``rms``: 1.4826 times the median absolute deviation, in the images' unit;
        * ``minimum``, ``maximum``, ``skewness`` of the heights;
        * ``pixels_3``, ``pixels_5``, ``pixels_10``: pixels more than that many sigma high; ``flux``: sum of the
          heights of those above 3 sigma;
        * ``concentration``: share of that flux within the central half of each axis;
        * ``size``: its second-moment radius :math:`\sqrt{\mathrm{tr}\,\Sigma}` in pixels; ``axis_ratio``: shortest
          over longest axis, :math:`\sqrt{\lambda_\min / \lambda_\max}` of :math:`\Sigma`;
        * ``power_1`` to ``power_4``: decimal logarithm of the mean power of the heights between the
          :data:`RING_EDGES`, 0 for white noise of the stated sigma.

        NaN where a statistic is not defined: no valid pixel, no noise, nothing above 3 sigma, no such frequencies.

    Raises
    ------
    InputError
        The shapes do not fit each other.
    """
    if images.ndim not in (4, 5) or noise.shape != images.shape[:2] or len(bands) != images.shape[1]:
        seen = f"images {images.shape}, noise {noise.shape}, {len(bands)} bands"
        raise InputError("pixel statistics", seen, expected="images (n, C, *S), noise (n, C), C bands")
    good = np.broadcast_to(valid, images.shape) & np.isfinite(images)
    axes = tuple(range(2, images.ndim))
    with np.errstate(invalid="ignore", divide="ignore"):  # what is not defined becomes NaN
        median, rms = _median_and_rms(np.where(good, images, np.nan))
        sigma = np.where(noise > 0, noise, np.nan).reshape(median.shape)
        height = np.where(good, (images - median) / sigma, np.nan)
        columns = {"rms": rms, **_heights(height, axes), **_bright(height, axes), **_power(height, axes)}
    named = {f"{band}_{name}": values[:, c] for c, band in enumerate(bands) for name, values in columns.items()}
    return Table(named)


def _median_and_rms(values: npt.NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
    """Return the median, kept broadcastable to ``values``, and 1.4826 MAD ``(n, C)``."""
    shape = (*values.shape[:2], *(1 for _ in values.shape[2:]))
    median = _median(values).reshape(shape)
    return median, MAD_TO_SIGMA * _median(np.abs(values - median))


def _median(values: npt.NDArray[np.floating]) -> FloatArray:
    """Return the median ``(n, C)`` of the values that are not NaN; ``np.nanmedian`` would loop over the images."""
    ordered = np.sort(values.reshape(*values.shape[:2], -1), axis=2)  # NaN last
    count = np.isfinite(ordered).sum(axis=2, keepdims=True)
    middle = np.concatenate([(count - 1).clip(min=0) // 2, count // 2], axis=2)
    return np.asarray(np.take_along_axis(ordered, middle, axis=2).mean(axis=2, dtype=np.float64))


def _heights(height: FloatArray, axes: tuple[int, ...]) -> dict[str, FloatArray]:
    """Return extremes and skewness, ``(n, C)`` each."""
    known = np.isfinite(height)
    count = known.sum(axis=axes)
    kept = tuple(slice(None) if axis < 2 else None for axis in range(height.ndim))
    mean = np.where(known, height, 0).sum(axis=axes) / count
    residual = np.where(known, height - mean[kept], 0)
    square = residual**2
    second, third = square.sum(axis=axes) / count, (square * residual).sum(axis=axes) / count
    return {
        "minimum": _finite(np.where(known, height, np.inf).min(axis=axes)),
        "maximum": _finite(np.where(known, height, -np.inf).max(axis=axes)),
        "skewness": _finite(third / second**1.5),
    }


def _bright(height: FloatArray, axes: tuple[int, ...]) -> dict[str, FloatArray]:
    """Return number, flux, concentration and second moments of pixels above 3 sigma, ``(n, C)`` each."""
    known = np.isfinite(height).any(axis=axes)
    found = {f"pixels_{k}": np.where(known, (height > k).sum(axis=axes), np.nan) for k in SIGMAS}
    weight = np.where(height > SIGMAS[0], height, 0)
    flux = weight.sum(axis=axes)
    half = (slice(None), slice(None), *(slice(n // 4, n - n // 4) for n in height.shape[2:]))
    covariance = _covariance(weight)
    smallest, *_, largest = np.moveaxis(np.linalg.eigvalsh(covariance).clip(min=0), -1, 0)
    lit = flux > 0
    size = np.sqrt(np.trace(covariance, axis1=-2, axis2=-1).clip(min=0))
    return found | {
        "flux": np.where(known, flux, np.nan),
        "concentration": weight[half].sum(axis=axes) / flux,
        "size": np.where(lit, size, np.nan),
        "axis_ratio": np.where(lit & (largest > 0), np.sqrt(smallest / largest), np.nan),
    }


def _covariance(weight: FloatArray) -> FloatArray:
    """Return the weighted covariance of pixel positions ``(n, C, axes, axes)``; zero where there is no weight."""
    shape = weight.shape[2:]
    from_center = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij")
    position = np.stack(from_center).reshape(len(shape), -1)
    products = (position[:, None] * position).reshape(len(shape) ** 2, -1)
    basis = np.concatenate([np.ones((1, position.shape[1])), position, products])
    total, *sums = np.moveaxis(weight.reshape(*weight.shape[:2], -1) @ basis.T, -1, 0)
    moments = np.stack(sums, axis=-1) / np.where(total > 0, total, 1)[..., None]
    mean, second = moments[..., : len(shape)], moments[..., len(shape) :]
    return second.reshape(*mean.shape, len(shape)) - mean[..., :, None] * mean[..., None, :]


def _power(height: FloatArray, axes: tuple[int, ...]) -> dict[str, FloatArray]:
    """Return the logarithm of the mean power in each ring, ``(n, C)`` each; invalid pixels have height 0."""
    shape = height.shape[2:]
    known = np.isfinite(height)
    spectrum = scipy.fft.rfftn(np.where(known, height, 0), axes=axes)
    power = (spectrum.real**2 + spectrum.imag**2).reshape(*height.shape[:2], -1)
    frequencies = [scipy.fft.fftfreq(n) for n in shape[:-1]] + [scipy.fft.rfftfreq(shape[-1])]
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(*frequencies, indexing="ij")))
    # The transform of real numbers holds one of each pair of conjugate frequencies but for those that are their own.
    own = (frequencies[-1] == 0) | (frequencies[-1] == 0.5)
    pairs = np.broadcast_to(np.where(own, 1.0, 2.0), radius.shape).ravel()
    ring = np.searchsorted(RING_EDGES, radius.ravel(), side="left")  # 0 is the mean, 5 the corners beyond Nyquist's
    share = pairs[:, None] * (ring[:, None] == np.arange(1, len(RING_EDGES)))
    mean = power @ share / (share.sum(axis=0) * known.sum(axis=axes)[..., None])
    return {f"power_{k + 1}": _finite(np.log10(mean[..., k])) for k in range(len(RING_EDGES) - 1)}


def _finite(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)
