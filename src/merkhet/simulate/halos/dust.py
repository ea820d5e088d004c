"""Where the dust lies on the way to a source, and how it scatters X-rays by small angles.

Draine (2003, ApJ 598, 1026) fits the halo of Milky Way dust above about 0.5 keV with the phase function
``dsigma/dOmega ~ 1 / (1 + (theta_s / theta50)^2)^2``, ``theta50 = 360 arcsec / E``. The numbers are quoted from memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from merkhet.simulate.halos.sphere import ARCSEC, FloatArray, Floats

THETA50_ARCSEC = 360.0  # median scattering angle at 1 keV
DEPTH_PER_1E21 = 0.049  # scattering optical depth at 1 keV for 1e21 hydrogen atoms per cm^2


def theta50_arcsec(energy_kev: npt.ArrayLike) -> FloatArray:
    """Return the median scattering angle (Draine 2003)."""
    return np.asarray(THETA50_ARCSEC / np.asarray(energy_kev, dtype=np.float64))


def scattering_depth(n_h_cm2: npt.ArrayLike, energy_kev: npt.ArrayLike) -> FloatArray:
    """Return the optical depth for scattering: 0.049 per 1e21 cm^-2 at 1 keV, falling as E^-2."""
    return np.asarray(DEPTH_PER_1E21 * np.asarray(n_h_cm2) / 1e21 / np.asarray(energy_kev, dtype=np.float64) ** 2)


def halo_fraction(depth: npt.ArrayLike) -> FloatArray:
    """Return the share of the photons that are scattered at least once: ``1 - exp(-tau)``."""
    return np.asarray(-np.expm1(-np.asarray(depth, dtype=np.float64)))


def phase_function(theta_s_arcsec: npt.ArrayLike, *, theta50: Floats) -> FloatArray:
    """Return the probability per steradian of a scattering angle, ``(1 + theta_s^2/theta50^2)^-2 / (pi theta50^2)``.

    Both angles are in arcsec. It is normalized in the plane: half the photons lie within ``theta50``.
    """
    ratio = np.asarray(theta_s_arcsec, dtype=np.float64) / theta50
    return np.asarray((1 + ratio**2) ** -2 / (np.pi * (np.asarray(theta50) * ARCSEC) ** 2))


@dataclass(frozen=True)
class Dust:
    """Dust along a sightline, as slabs of constant density.

    ``x`` is the distance of the dust over that of the source: 0 at the observer, 1 at the source.

    Attributes
    ----------
    near, far
        The faces of each slab, ``0 <= near <= far <= 1``; equal for a thin screen, which must be in front of the
        source (below 1).
    weight
        Share of the column in each slab; they sum to one.

    Raises
    ------
    ValueError
        A slab has no place between observer and source, or the weights do not sum to one.
    """

    near: tuple[float, ...]
    far: tuple[float, ...]
    weight: tuple[float, ...]

    def __post_init__(self) -> None:
        for near, far in zip(self.near, self.far, strict=True):
            if not (0 <= near <= far <= 1 and near < 1):
                raise ValueError(f"a slab from {near} to {far}; expected 0 <= near <= far <= 1 and near < 1")
        if len(self.weight) != len(self.near) or min(self.weight) < 0 or abs(sum(self.weight) - 1) > 1e-9:
            raise ValueError(f"weights {self.weight}; expected one per slab, none negative, of sum 1")

    @classmethod
    def uniform(cls) -> Self:
        """Return dust that is spread evenly from the observer to the source."""
        return cls((0.0,), (1.0,), (1.0,))

    @classmethod
    def screen(cls, x: float) -> Self:
        """Return all dust in one thin sheet."""
        return cls((x,), (x,), (1.0,))

    @classmethod
    def mixture(cls, slabs: Sequence[tuple[float, float]], *, columns: Sequence[float]) -> Self:
        """Return slabs whose weights are in proportion to their columns."""
        total = float(np.sum(columns))
        return cls(
            tuple(float(near) for near, _ in slabs),
            tuple(float(far) for _, far in slabs),
            tuple(float(column) / total for column in columns),
        )

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw the places ``x`` where ``n`` photons are scattered."""
        slab = np.searchsorted(np.cumsum(self.weight)[:-1], rng.uniform(size=n), side="right")
        near, far = np.array(self.near)[slab], np.array(self.far)[slab]
        return np.asarray(near + (far - near) * rng.uniform(size=n))

    def draw_angles(self, rng: np.random.Generator, energy_kev: FloatArray) -> FloatArray:
        """Draw the angle from the source, in arcsec, at which each scattered photon of an energy arrives.

        The scattering angle follows from its distribution by inversion, ``theta_s = theta50 sqrt(q / (1 - q))``, and
        the observer sees ``theta = (1 - x) theta_s``: the cusp in the center needs no grid.
        """
        x, q = self.draw(rng, len(energy_kev)), rng.uniform(size=len(energy_kev))
        return (1 - x) * theta50_arcsec(energy_kev) * np.sqrt(q / (1 - q))

    def enclosed(self, theta_arcsec: npt.ArrayLike, *, theta50: Floats) -> FloatArray:
        """Return the share of the scattered photons within an angle of the source.

        A screen encloses ``u^2 / (u^2 + (1-x)^2)`` with ``u = theta / theta50``; a slab is its mean over x,
        ``u (atan((1-near)/u) - atan((1-far)/u)) / (far - near)``. ``theta_arcsec`` and ``theta50`` broadcast.
        """
        u = np.asarray(theta_arcsec, dtype=np.float64) / np.asarray(theta50, dtype=np.float64)
        total = np.zeros(u.shape)
        with np.errstate(divide="ignore"):  # u = 0 encloses nothing: atan(inf) is right
            for near, far, weight in zip(self.near, self.far, self.weight, strict=True):
                if far - near < 1e-6:
                    total += weight * u**2 / (u**2 + (1 - 0.5 * (near + far)) ** 2)
                else:
                    ends = np.arctan((1 - near) / u) - (np.arctan((1 - far) / u) if far < 1 else 0.0)
                    total += weight * u * ends / (far - near)
        return total
