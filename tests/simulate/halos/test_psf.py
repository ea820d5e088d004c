"""The King profile against its own integral, its half-energy width, and its photons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import kstest

from merkhet.simulate.halos.psf import ALPHA_RANGE, CORE_ARCSEC, King


def test_half_energy_width_is_30_arcsec_and_two_root_three_cores():
    assert King().half_energy_width_arcsec == pytest.approx(2 * np.sqrt(3) * CORE_ARCSEC)
    assert King().half_energy_width_arcsec == pytest.approx(30, abs=0.2)


@given(alpha=st.floats(1.2, 3), radius=st.floats(0.1, 500))
def test_enclosed_is_the_integral_of_the_profile_and_radius_its_inverse(alpha, radius):
    king = King(8.0, alpha)
    norm = (alpha - 1) / (np.pi * 64)
    inside = quad(lambda r: 2 * np.pi * r * norm * (1 + (r / 8) ** 2) ** -alpha, 0, radius, limit=200)[0]
    assert king.enclosed(radius) == pytest.approx(inside, rel=1e-6)
    assert king.radius(king.enclosed(radius)) == pytest.approx(radius, rel=1e-6)


def test_photons_follow_the_profile_in_all_directions(rng):
    king = King.drawn(rng)
    offsets = king.draw(rng, 20_000)
    assert kstest(np.hypot(*offsets.T), king.enclosed).pvalue > 0.001
    assert kstest(np.arctan2(*offsets.T) / (2 * np.pi) + 0.5, "uniform").pvalue > 0.001


def test_profiles_vary_from_source_to_source(rng):
    drawn = [King.drawn(rng) for _ in range(300)]
    alphas, cores = np.array([(king.alpha, king.core_arcsec / CORE_ARCSEC) for king in drawn]).T
    assert alphas.min() == pytest.approx(ALPHA_RANGE[0], abs=0.02)
    assert alphas.max() == pytest.approx(ALPHA_RANGE[1], abs=0.02)
    assert cores.min() == pytest.approx(0.8, abs=0.02)
    assert cores.max() == pytest.approx(1.2, abs=0.02)
