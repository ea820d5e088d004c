"""Rings: the echo of a flare on a cloud of dust.

Light that is scattered by dust at ``x`` travels a longer way and is late by ``x D theta^2 / (2 c (1 - x))``
(Trumper & Schonfelder 1973, A&A 25, 445): at one time all of it comes from one angle.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from merkhet.simulate.halos.dust import phase_function, scattering_depth, theta50_arcsec
from merkhet.simulate.halos.spectrum import Spectrum
from merkhet.simulate.halos.sphere import ARCSEC, FloatArray, Floats

LIGHT_PC_PER_DAY = 299_792_458.0 * 86_400 / 3.085_677_581_491_367e16
CELLS = 24  # in depth of the cloud and in time of the flare
SECONDS_PER_DAY = 86_400.0


def delay_days(theta_arcsec: npt.ArrayLike, *, x: npt.ArrayLike, distance_pc: float) -> FloatArray:
    """Return how late light arrives at an angle, ``x D theta^2 / (2 c (1 - x))``."""
    theta, x = np.asarray(theta_arcsec, dtype=np.float64) * ARCSEC, np.asarray(x, dtype=np.float64)
    return np.asarray(x * distance_pc * theta**2 / (2 * LIGHT_PC_PER_DAY * (1 - x)))


def ring_radius_arcsec(delay: npt.ArrayLike, *, x: npt.ArrayLike, distance_pc: float) -> FloatArray:
    """Return the radius of the ring a delay (days) after the flare."""
    x = np.asarray(x, dtype=np.float64)
    squared = 2 * LIGHT_PC_PER_DAY * np.asarray(delay, dtype=np.float64) * (1 - x) / (x * distance_pc)
    return np.asarray(np.sqrt(squared) / ARCSEC)


def ring_rate_per_day(
    delay: npt.ArrayLike, *, x: npt.ArrayLike, distance_pc: float, depth: Floats, theta50: Floats
) -> FloatArray:
    """Return the counts per day of a ring, for a flare that itself gave one count.

    ``2 pi c tau p(theta / (1 - x)) / (x (1 - x) D)`` with the phase function p per steradian. Over all delays it sums
    up to the optical depth ``tau``.

    Parameters
    ----------
    delay
        Days after the flare.
    x
        Place of the dust.
    depth
        Scattering optical depth of the cloud.
    theta50
        Median scattering angle, arcsec.
    """
    x = np.asarray(x, dtype=np.float64)
    scattering_angle = ring_radius_arcsec(delay, x=x, distance_pc=distance_pc) / (1 - x)
    density = phase_function(scattering_angle, theta50=theta50)
    return np.asarray(2 * np.pi * LIGHT_PC_PER_DAY * depth * density / (x * (1 - x) * distance_pc))


@dataclass(frozen=True)
class Echo:
    """The echo of one flare on one cloud, at the time of the observation.

    Attributes
    ----------
    spectrum
        Of the flare, with the whole column on its way.
    cloud_n_h_cm2
        Column of the cloud.
    distance_pc
        Of the source.
    near, far
        Faces of the cloud, as ``x``: between 0 and 1, both excluded.
    delay_days
        From the middle of the flare to the observation.
    flare_days
        Length of the flare, which is of constant brightness; less than twice the delay.
    """

    spectrum: Spectrum
    cloud_n_h_cm2: float
    distance_pc: float
    near: float
    far: float
    delay_days: float
    flare_days: float

    @property
    def radius_arcsec(self) -> float:
        """Radius of the ring from the middle of the cloud and of the flare."""
        x = 0.5 * (self.near + self.far)
        return float(ring_radius_arcsec(self.delay_days, x=x, distance_pc=self.distance_pc))

    @cached_property
    def _cells(self) -> tuple[FloatArray, FloatArray]:
        """Return places ``x`` and delays of the cells of the cloud and the flare, each ``(cells, cells)``."""
        middle = (np.arange(CELLS) + 0.5) / CELLS
        x = self.near + (self.far - self.near) * middle
        delay = self.delay_days + self.flare_days * (middle - 0.5)
        along, late = np.meshgrid(x, delay, indexing="ij")
        return along, late

    @cached_property
    def cell_rates(self) -> FloatArray:
        """Counts per second of each cell of cloud and flare, ``(x, time)``, for a flare of one count."""
        x, delay = self._cells
        energy = self.spectrum.energy_kev
        depth = scattering_depth(self.cloud_n_h_cm2, energy)
        by_energy = ring_rate_per_day(
            delay[..., None], x=x[..., None], distance_pc=self.distance_pc, depth=depth, theta50=theta50_arcsec(energy)
        )
        return np.asarray(by_energy @ self.spectrum.counts / CELLS**2 / SECONDS_PER_DAY)

    @property
    def rate(self) -> float:
        """Counts per second of the ring, for a flare that itself gave one count."""
        return float(self.cell_rates.sum())

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw the angles from the source, in arcsec, of ``n`` photons of the ring."""
        cell = rng.choice(CELLS**2, size=n, p=self.cell_rates.ravel() / self.rate)
        x, delay = (values.ravel()[cell] for values in self._cells)
        x = x + (self.far - self.near) / CELLS * (rng.uniform(size=n) - 0.5)
        delay = delay + self.flare_days / CELLS * (rng.uniform(size=n) - 0.5)
        return ring_radius_arcsec(delay, x=x, distance_pc=self.distance_pc)

    @cached_property
    def _ladder(self) -> tuple[FloatArray, FloatArray]:
        """Return radii of the cells in rising order, and the share of the photons within each."""
        x, delay = self._cells
        radius = ring_radius_arcsec(delay, x=x, distance_pc=self.distance_pc).ravel()
        order = np.argsort(radius)
        rates = self.cell_rates.ravel()[order]
        return radius[order], (np.cumsum(rates) - 0.5 * rates) / rates.sum()

    def enclosed(self, radius_arcsec: FloatArray) -> FloatArray:
        """Return the share of the photons within a radius, before the point-spread function."""
        radius, share = self._ladder
        return np.interp(radius_arcsec, radius, share, left=0.0, right=1.0)

    @property
    def half_arcsec(self) -> float:
        """Radius that holds half the photons, before the point-spread function."""
        radius, share = self._ladder
        return float(np.interp(0.5, share, radius))
