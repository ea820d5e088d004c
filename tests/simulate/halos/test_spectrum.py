"""Absorption and the halo fraction of the band, against direct integration."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from merkhet.simulate.halos.dust import Dust, halo_fraction, scattering_depth
from merkhet.simulate.halos.spectrum import (
    BAND_KEV,
    ENERGY_BINS,
    Spectrum,
    absorption_cross_section_cm2,
    effective_area_cm2,
)


def test_a_column_of_1e22_removes_nine_photons_in_ten_at_1_kev():
    assert np.exp(-1e22 * absorption_cross_section_cm2(1.0)) == pytest.approx(0.089, abs=0.001)


def test_absorption_falls_with_energy_but_for_the_edges_of_the_elements():
    """Carbon, nitrogen, oxygen, iron, neon, magnesium, silicon; oxygen has the strongest."""
    energy = np.arange(0.1, 2.4, 1e-3)
    rises = energy[1:][np.diff(absorption_cross_section_cm2(energy)) > 0]
    np.testing.assert_allclose(rises, [0.284, 0.4, 0.532, 0.707, 0.867, 1.303, 1.84], atol=2e-3)
    below, above = (float(absorption_cross_section_cm2(0.532 + step)) for step in (-1e-5, 1e-5))
    assert above / below == pytest.approx(1.686, abs=0.002)


@pytest.mark.parametrize("energy", [0.02, 2.5])
def test_energies_outside_the_table_are_refused(energy):
    with pytest.raises(ValueError, match="expected"):
        absorption_cross_section_cm2(energy)


def integral(function):
    """Integrate over the band, edge by edge: the integrand jumps there."""
    joints = [0.2, 0.284, 0.4, 0.532, 0.707, 0.867, 1.303, 1.84, 2.3]
    return sum(quad(function, low, high, limit=200)[0] for low, high in pairwise(joints))


@pytest.mark.parametrize("n_h", [1e20, 3e21, 2e22])
def test_halo_fraction_of_the_band_is_the_integral(n_h):
    def counts(energy):
        return energy**-1.8 * np.exp(-n_h * absorption_cross_section_cm2(energy)) * effective_area_cm2(energy)

    def scattered(energy):
        return counts(energy) * float(halo_fraction(scattering_depth(n_h, energy)))

    assert ENERGY_BINS >= 10
    expected = integral(scattered) / integral(counts)
    assert Spectrum(1.8, n_h).halo_fraction == pytest.approx(expected, rel=0.01)


def test_energies_are_drawn_from_the_absorbed_spectrum(rng):
    spectrum = Spectrum(2.0, 5e21)
    for scattered, weight in ((False, spectrum.counts), (True, spectrum.scattered)):
        drawn = spectrum.draw_energies(rng, 20_000, scattered=scattered)
        ladder = np.append(0, np.cumsum(weight)) / weight.sum()
        assert kstest(drawn, lambda e, ladder=ladder: np.interp(e, spectrum.edges_kev, ladder)).pvalue > 0.001
        assert drawn.min() >= BAND_KEV[0]
        assert drawn.max() <= BAND_KEV[1]


def test_enclosed_halo_of_the_band_is_that_of_its_photons(rng):
    spectrum, dust = Spectrum(2.0, 1e22), Dust.uniform()
    theta = dust.draw_angles(rng, spectrum.draw_energies(rng, 20_000, scattered=True))
    assert kstest(theta, lambda t: spectrum.halo_enclosed(t, dust=dust)).pvalue > 0.001
