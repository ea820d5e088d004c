"""Scattering: normalization, half-light radii, enclosed fractions against quadrature, and photons against formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import kstest

from merkhet.simulate.halos.dust import (
    Dust,
    halo_fraction,
    phase_function,
    scattering_depth,
    theta50_arcsec,
)
from merkhet.simulate.halos.sphere import ARCSEC

MIXTURE = Dust.mixture([(0.0, 1.0), (0.3, 0.34), (0.8, 0.8)], columns=[1.0, 2.0, 1.0])
CASES = {"uniform": Dust.uniform(), "screen": Dust.screen(0.7), "mixture": MIXTURE}


def test_halo_fractions_of_the_literature():
    assert halo_fraction(scattering_depth(1e22, 1.0)) == pytest.approx(0.387, abs=0.002)
    assert halo_fraction(scattering_depth(1e22, 2.0)) == pytest.approx(0.115, abs=0.002)


def test_phase_function_is_normalized_and_half_lies_within_theta50():
    def within(limit):
        return quad(lambda t: 2 * np.pi * t * ARCSEC**2 * float(phase_function(t, theta50=360.0)), 0, limit)[0]

    assert within(np.inf) == pytest.approx(1, rel=1e-6)
    assert within(360.0) == pytest.approx(0.5, rel=1e-6)


def test_uniform_dust_has_its_half_light_radius_at_0_429_theta50():
    assert Dust.uniform().enclosed(0.429 * 360, theta50=360.0) == pytest.approx(0.5, abs=5e-4)
    assert Dust.uniform().enclosed(100.0, theta50=360.0) == pytest.approx(100 / 360 * np.arctan(3.6))


@pytest.mark.parametrize("x", [0.0, 0.5, 0.95])
def test_a_screen_encloses_what_the_formula_says(x):
    theta, width = np.array([0.0, 10.0, 200.0]), (1 - x) * 360
    expected = theta**2 / (theta**2 + width**2)
    np.testing.assert_allclose(Dust.screen(x).enclosed(theta, theta50=360.0), expected)


@given(near=st.floats(0, 0.9), depth=st.floats(0.001, 1), theta=st.floats(0.1, 3000))
def test_a_slab_is_the_mean_of_its_screens(near, depth, theta):
    far = min(near + depth, 1.0)
    mean = quad(lambda x: float(theta**2 / (theta**2 + ((1 - x) * 360) ** 2)), near, far, limit=200)[0] / (far - near)
    assert Dust((near,), (far,), (1.0,)).enclosed(theta, theta50=360.0) == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize("dust", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("energy", [0.6, 1.5])
def test_photons_follow_the_enclosed_fraction(dust, energy, rng):
    theta = dust.draw_angles(rng, np.full(20_000, energy))
    assert kstest(theta, lambda t: dust.enclosed(t, theta50=theta50_arcsec(energy))).pvalue > 0.001


def test_radial_profile_of_a_screen_is_the_cross_section(rng):
    """Counts in annuli against ``f / (1-x)^2 dsigma/dOmega(theta / (1-x))`` times their area."""
    edges = np.array([0, 30, 60, 120, 240, 480, 960])
    drawn, _ = np.histogram(Dust.screen(0.5).draw_angles(rng, np.ones(200_000)), edges)
    for low, high, count in zip(edges[:-1], edges[1:], drawn, strict=True):
        brightness = quad(
            lambda t: 2 * np.pi * t * ARCSEC**2 * float(phase_function(t / 0.5, theta50=360.0)) / 0.25, low, high
        )[0]
        assert count == pytest.approx(200_000 * brightness, abs=5 * np.sqrt(200_000 * brightness))


@pytest.mark.parametrize(
    ("near", "far", "weight"),
    [((-0.1,), (0.5,), (1.0,)), ((0.5,), (0.4,), (1.0,)), ((1.0,), (1.0,), (1.0,)), ((0.0,), (1.0,), (0.7,))],
)
def test_impossible_dust_is_refused(near, far, weight):
    with pytest.raises(ValueError, match="expected"):
        Dust(near, far, weight)
