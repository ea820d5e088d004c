"""The restoring beam: the Gaussian that fits the main lobe of the point-spread function, and sources drawn with it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.ndimage

from merkhet.simulate.beams import FWHM_TO_SIGMA, FloatArray
from merkhet.simulate.interferometer.grids import RealMap

FIT_WINDOW_PX = 40
STAMP_FWHM = 2.3  # from the middle to the edge of a stamp: 4e-7 of the peak is left


@dataclass(frozen=True)
class RestoringBeam:
    """An elliptical Gaussian of peak 1.

    Attributes
    ----------
    major_px, minor_px
        Full widths at half maximum.
    pa_deg
        Position angle of the major axis, from north (+y) through east (-x).
    """

    major_px: float
    minor_px: float
    pa_deg: float

    @classmethod
    def fit(cls, psf: RealMap) -> Self:
        """Fit the main lobe of a point-spread function ``(y, x)`` of peak 1 in the middle, down to half its peak.

        The logarithm of the lobe is a quadratic form: least squares, weighted by the lobe, gives it at once.

        Raises
        ------
        ValueError
            The lobe has no width that the pixels resolve.
        """
        half = min(FIT_WINDOW_PX, psf.shape[0] // 2 - 1)
        row, column = psf.shape[0] // 2, psf.shape[1] // 2
        window = psf[row - half : row + half + 1, column - half : column + half + 1].astype(np.float64)
        labels, _ = scipy.ndimage.label(window > 0.5)
        y, x = np.nonzero(labels == labels[half, half])
        value = window[y, x]
        y, x = y - half, x - half
        form = np.stack([x**2, 2 * x * y, y**2], axis=1)
        (xx, xy, yy), _, rank, _ = np.linalg.lstsq(form * value[:, None], -2 * np.log(value) * value, rcond=None)
        inverse, axes = np.linalg.eigh(np.array([[xx, xy], [xy, yy]]))
        if rank < 3 or inverse[0] <= 0:
            raise ValueError("the main lobe is narrower than the pixels resolve")
        minor, major = 1 / np.sqrt(inverse[::-1]) / FWHM_TO_SIGMA
        east, north = -axes[0, 0], axes[1, 0]
        return cls(float(major), float(minor), float(np.rad2deg(np.arctan2(east, north)) % 180))

    def broadened(self, fwhm_px: float) -> "RestoringBeam":
        """Return the beam after a convolution with a circular Gaussian."""
        major, minor = np.hypot(self.major_px, fwhm_px), np.hypot(self.minor_px, fwhm_px)
        return RestoringBeam(float(major), float(minor), self.pa_deg)

    @property
    def area_px(self) -> float:
        """Solid angle: pi major minor / (4 ln 2)."""
        return float(np.pi * self.major_px * self.minor_px / (4 * np.log(2)))

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the beam at some offsets in pixels."""
        angle = np.deg2rad(self.pa_deg)
        along, across = y * np.cos(angle) - x * np.sin(angle), y * np.sin(angle) + x * np.cos(angle)
        return np.asarray(np.exp(-4 * np.log(2) * ((along / self.major_px) ** 2 + (across / self.minor_px) ** 2)))


def restore(image: RealMap, beam: RestoringBeam, *, x: FloatArray, y: FloatArray, peak: FloatArray) -> None:
    """Add sources to an image, each with the shape of a beam.

    Parameters
    ----------
    image
        ``(y, x)``, Jy/beam; changed.
    x, y
        Places ``(source,)`` in pixels from the middle, between pixels too.
    peak
        Jy/beam.
    """
    radius = int(np.ceil(STAMP_FWHM * beam.major_px))
    half, (height, width) = image.shape[0] // 2, image.shape
    offsets = np.arange(-radius, radius + 1)
    column, row = np.rint(x).astype(np.int64), np.rint(y).astype(np.int64)
    columns, rows = column[:, None] + offsets, row[:, None] + offsets
    stamp = peak[:, None, None] * beam((columns - x[:, None])[:, None, :], (rows - y[:, None])[:, :, None])
    columns, rows = columns + half, rows + half
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    index = (rows[:, :, None] * width + columns[:, None, :])[inside]
    # Not bincount: a few stamps in a large image.
    np.add.at(image.reshape(-1), index, stamp[inside].astype(np.float32))
