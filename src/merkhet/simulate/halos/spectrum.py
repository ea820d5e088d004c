"""Spectra as a survey counts them: absorbed, weighted by effective area, divided into direct and scattered photons."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from merkhet.simulate.halos.dust import Dust, halo_fraction, scattering_depth, theta50_arcsec
from merkhet.simulate.halos.sphere import FloatArray, Floats

BAND_KEV = (0.2, 2.3)
ENERGY_BINS = 84

# Morrison & McCammon (1983, ApJ 270, 119), table 2: lower end of each interval in keV, and the polynomial of
# sigma E^3 in 1e-24 cm^2 keV^3 per hydrogen atom.
_EDGES_KEV = np.array([0.03, 0.1, 0.284, 0.4, 0.532, 0.707, 0.867, 1.303, 1.84])
_TOP_KEV = 2.471
_COEFFICIENTS = np.array([
    (17.3, 608.1, -2150.0), (34.6, 267.9, -476.1), (78.1, 18.8, 4.3), (71.4, 66.8, -51.4), (95.5, 145.8, -61.1),
    (308.9, -380.6, 294.0), (120.6, 169.3, -47.7), (141.3, 146.8, -31.5), (202.7, 104.7, -17.0),
])  # fmt: skip

# Effective area of the seven telescopes of eROSITA with their filters, after Predehl et al. (2021, A&A 647, A1), from
# memory and rounded: only its run with energy matters here, since sources are given in counts.
AREA_KEV = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3, 1.5, 1.8, 2.0, 2.2, 2.3)
AREA_CM2 = (100.0, 650.0, 850.0, 900.0, 1150.0, 1650.0, 1900.0, 2050.0, 2000.0, 1500.0, 1250.0, 950.0, 700.0)


def absorption_cross_section_cm2(energy_kev: npt.ArrayLike) -> FloatArray:
    """Return the photoelectric cross-section per hydrogen atom (Morrison & McCammon 1983), 0.03 to 2.471 keV.

    Raises
    ------
    ValueError
        An energy is outside the table.
    """
    energy = np.asarray(energy_kev, dtype=np.float64)
    if np.any((energy < _EDGES_KEV[0]) | (energy >= _TOP_KEV)):
        raise ValueError(f"energy {energy} keV; expected {_EDGES_KEV[0]} to {_TOP_KEV}")
    c0, c1, c2 = np.moveaxis(_COEFFICIENTS[np.searchsorted(_EDGES_KEV, energy, side="right") - 1], -1, 0)
    return np.asarray((c0 + c1 * energy + c2 * energy**2) / energy**3 * 1e-24)


def effective_area_cm2(energy_kev: Floats) -> FloatArray:
    """Return the effective area, linear between the energies of the table."""
    return np.asarray(np.interp(energy_kev, AREA_KEV, AREA_CM2))


@dataclass(frozen=True)
class Spectrum:
    """A power law behind a column of gas and dust, in the band 0.2 to 2.3 keV.

    Absorption and scattering act on the way together: of the photons that are not absorbed a share ``1 - exp(-tau)`` is
    scattered into the halo.

    Attributes
    ----------
    photon_index
        Of the source: photons per keV fall as ``E^-index``.
    n_h_cm2
        Column density of hydrogen.
    """

    photon_index: float
    n_h_cm2: float

    @cached_property
    def edges_kev(self) -> FloatArray:
        """Edges of the energy bins."""
        return np.linspace(*BAND_KEV, ENERGY_BINS + 1)

    @cached_property
    def energy_kev(self) -> FloatArray:
        """Centers of the energy bins."""
        return 0.5 * (self.edges_kev[1:] + self.edges_kev[:-1])

    @cached_property
    def counts(self) -> FloatArray:
        """Share of all counts, direct and scattered, in each energy bin."""
        energy = self.energy_kev
        transmitted = np.exp(-self.n_h_cm2 * absorption_cross_section_cm2(energy))
        counts = energy**-self.photon_index * transmitted * effective_area_cm2(energy)
        return np.asarray(counts / counts.sum())

    @cached_property
    def scattered(self) -> FloatArray:
        """Share of all counts that is scattered, in each energy bin; their sum is the halo fraction of the band."""
        return self.counts * halo_fraction(scattering_depth(self.n_h_cm2, self.energy_kev))

    @property
    def halo_fraction(self) -> float:
        """Share of the counts of the band that is in the halo."""
        return float(self.scattered.sum())

    def draw_energies(self, rng: np.random.Generator, n: int, *, scattered: bool) -> FloatArray:
        """Draw the energies, in keV, of ``n`` photons: of the halo, or of all there are."""
        weight = self.scattered if scattered else self.counts
        ladder = np.append(0.0, np.cumsum(weight))
        return np.interp(rng.uniform(0, ladder[-1], n), ladder, self.edges_kev)

    def halo_enclosed(self, theta_arcsec: npt.ArrayLike, *, dust: Dust) -> FloatArray:
        """Return the share of the halo's counts within an angle of the source, over all energies of the band.

        Parameters
        ----------
        theta_arcsec
            ``(n,)``.
        """
        theta = np.asarray(theta_arcsec, dtype=np.float64)
        by_energy = dust.enclosed(theta[:, None], theta50=theta50_arcsec(self.energy_kev))
        return np.asarray(by_energy @ self.scattered / self.halo_fraction)
