"""A brightness distribution as a sum of circular Gaussians: exact fluxes, no pixels until the very end.

A circular Gaussian seen through a Gaussian beam is again one, with the sum of the variances, so that the map of a
model is written down, not convolved: no padding, no regridding, no flux lost to a pixel grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from merkhet.simulate.beams import FWHM_TO_SIGMA, FloatArray

OUTLINE_ANGLES = np.linspace(0, np.pi, 48, endpoint=False)


@dataclass(frozen=True)
class Components:
    """Circular Gaussians.

    Attributes
    ----------
    x, y
        Centers ``(k,)``, in any one unit of length.
    sigma
        Widths ``(k,)`` in that unit; zero is a point source.
    flux
        Integrated fluxes ``(k,)``.
    """

    x: FloatArray
    y: FloatArray
    sigma: FloatArray
    flux: FloatArray

    @classmethod
    def points(cls, *, x: FloatArray, y: FloatArray, flux: FloatArray) -> Self:
        """Return point sources."""
        return cls(x, y, np.zeros_like(x), flux)

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Return one model with the components of several."""
        names = ("x", "y", "sigma", "flux")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Self:
        """Return some of the components."""
        return type(self)(self.x[index], self.y[index], self.sigma[index], self.flux[index])

    def with_flux(self, flux: FloatArray) -> Self:
        """Return the same shapes with other fluxes."""
        return replace(self, flux=flux)

    def scaled(self, factor: float) -> Self:
        """Return the model stretched about the origin; fluxes stay."""
        return replace(self, x=self.x * factor, y=self.y * factor, sigma=self.sigma * factor)

    def rotated(self, angle: float) -> Self:
        """Return the model turned about the origin by an angle in radians, from +x towards +y."""
        cos, sin = np.cos(angle), np.sin(angle)
        return replace(self, x=cos * self.x - sin * self.y, y=sin * self.x + cos * self.y)

    def shifted(self, *, x: float, y: float) -> Self:
        """Return the model moved."""
        return replace(self, x=self.x + x, y=self.y + y)

    def extent(self) -> float:
        """Return the largest angular size: the greatest width, over all directions, of the half-maximum outlines.

        The diameter of a set of points equals its greatest width; 48 directions find it to 0.05 %.
        """
        along = np.outer(np.cos(OUTLINE_ANGLES), self.x) + np.outer(np.sin(OUTLINE_ANGLES), self.y)
        half_width = 0.5 * self.sigma / FWHM_TO_SIGMA
        return float(((along + half_width).max(axis=1) - (along - half_width).min(axis=1)).max())

    def bounds(self) -> tuple[float, float, float, float]:
        """Return ``(x_min, x_max, y_min, y_max)`` of the half-maximum outlines."""
        half = 0.5 * self.sigma / FWHM_TO_SIGMA
        x, y = self.x, self.y
        return float((x - half).min()), float((x + half).max()), float((y - half).min()), float((y + half).max())


def responses(components: Components, *, x: FloatArray, y: FloatArray, beam_fwhm: float) -> FloatArray:
    """Return what each component of unit flux adds to the brightness per beam at some places.

    A component of variance s^2 behind a beam of variance b^2 adds b^2 / (b^2 + s^2) exp(-r^2 / (2 (b^2 + s^2))).

    Returns
    -------
    ndarray
        ``(place, component)``, in 1/beam; times the fluxes it is a brightness in Jy/beam.
    """
    beam_variance = (beam_fwhm * FWHM_TO_SIGMA) ** 2
    variance = beam_variance + components.sigma**2
    squared = (x[:, None] - components.x) ** 2 + (y[:, None] - components.y) ** 2
    return np.exp(-squared / (2 * variance)) * (beam_variance / variance)


def render(components: Components, *, shape: tuple[int, int], beam_fwhm_px: float) -> FloatArray:
    """Draw a model whose unit of length is the pixel, with the origin at the center of the first pixel.

    A Gaussian is the product of one in x and one in y, so the map is one matrix product, not a sum over images.

    Returns
    -------
    ndarray
        ``(y, x)``, flux unit per beam. A point source of S Jy at the center of a pixel is S Jy/beam there.
    """
    beam_variance = (beam_fwhm_px * FWHM_TO_SIGMA) ** 2
    variance = beam_variance + components.sigma**2
    along_y, along_x = (
        np.exp(-((np.arange(side)[:, None] - center) ** 2) / (2 * variance))
        for side, center in zip(shape, (components.y, components.x), strict=True)
    )
    return (along_y * (components.flux * beam_variance / variance)) @ along_x.T
