"""Rings: MAXI J1348-630, rate against delay, width, and the photons."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import kstest

from merkhet.simulate.halos.dust import phase_function
from merkhet.simulate.halos.rings import Echo, delay_days, ring_radius_arcsec, ring_rate_per_day
from merkhet.simulate.halos.spectrum import Spectrum

ECHO = Echo(
    spectrum=Spectrum(2.0, 1e22),
    cloud_n_h_cm2=4e21,
    distance_pc=3390.0,
    near=0.60,
    far=0.61,
    delay_days=200.0,
    flare_days=20.0,
)


def test_the_ring_of_maxi_j1348_630_is_398_days_late():
    assert delay_days(0.65 * 3600, x=2050 / 3390, distance_pc=3390.0) == pytest.approx(398, abs=1)


def test_delay_is_the_longer_way():
    """To leading order: the path over the dust, less the straight one."""
    x, distance, theta = 0.4, 5000.0, np.deg2rad(0.1)
    height = x * distance * np.tan(theta)
    detour = np.hypot(x * distance, height) + np.hypot((1 - x) * distance, height) - distance
    expected = (detour * u.pc / constants.c).to_value(u.day)
    assert delay_days(360.0, x=x, distance_pc=distance) == pytest.approx(expected, rel=1e-4)


@given(delay=st.floats(1e-3, 1e4), x=st.floats(0.01, 0.99), distance=st.floats(100, 2e4))
def test_radius_is_the_inverse_of_the_delay(delay, x, distance):
    radius = ring_radius_arcsec(delay, x=x, distance_pc=distance)
    assert delay_days(radius, x=x, distance_pc=distance) == pytest.approx(delay, rel=1e-9)


@given(delay=st.floats(0.1, 3000), x=st.floats(0.05, 0.95))
def test_echoes_up_to_a_delay_are_the_photons_enclosed_by_the_ring(delay, x):
    """Integrated over the delay, the rate is the optical depth times what a screen encloses."""
    way = {"x": x, "distance_pc": 4000.0}
    total, _ = quad(lambda t: float(ring_rate_per_day(t, depth=0.1, theta50=360.0, **way)), 0, delay, limit=200)
    theta = float(ring_radius_arcsec(delay, **way))
    assert total == pytest.approx(0.1 * theta**2 / (theta**2 + (360 * (1 - x)) ** 2), rel=1e-5)


def test_rate_is_the_formula_of_the_specification():
    """``2 pi c tau S p / (x (1-x) D)`` in SI units."""
    x, distance, delay = 0.5, 3000.0, 50.0
    theta = float(ring_radius_arcsec(delay, x=x, distance_pc=distance))
    p = float(phase_function(theta / (1 - x), theta50=300.0))
    expected = 2 * np.pi * constants.c * 0.2 * p / (x * (1 - x) * distance * u.pc)
    rate = ring_rate_per_day(delay, x=x, distance_pc=distance, depth=0.2, theta50=300.0)
    assert rate == pytest.approx(expected.to_value(1 / u.day), rel=1e-6)


def test_rate_of_an_echo_is_the_mean_over_cloud_and_flare():
    echo = replace(ECHO, far=0.7, flare_days=150.0)
    energy, counts = echo.spectrum.energy_kev, echo.spectrum.counts
    x = np.linspace(0.6, 0.7, 401)
    t = np.linspace(125, 275, 401)
    total = 0.0
    for e, share in zip(energy, counts, strict=True):
        depth, theta50 = 0.049 * 4 / e**2, 360 / e
        rates = ring_rate_per_day(t[None], x=x[:, None], distance_pc=3390.0, depth=depth, theta50=theta50)
        total += share * np.trapezoid(np.trapezoid(rates, t), x) / 150 / 0.1
    assert echo.rate * 86_400 == pytest.approx(total, rel=1e-3)


def test_the_ring_fades_as_it_grows():
    days = np.array([50.0, 200.0, 800.0])
    echoes = [replace(ECHO, delay_days=float(day), flare_days=5.0) for day in days]
    radii = np.array([echo.radius_arcsec for echo in echoes])
    np.testing.assert_allclose(radii / radii[0], np.sqrt(days / days[0]), rtol=1e-6)
    assert np.all(np.diff([echo.rate for echo in echoes]) < 0)


def test_width_follows_flare_and_cloud(rng):
    radii = replace(ECHO, far=0.600001).draw(rng, 4000)
    assert radii.std() / radii.mean() == pytest.approx(0.5 * 20 / 200 / np.sqrt(12), rel=0.05)
    thick = replace(ECHO, near=0.55, far=0.65, flare_days=0.01).draw(rng, 4000)
    edges = [float(ring_radius_arcsec(200.0, x=x, distance_pc=3390.0)) for x in (0.65, 0.55)]
    assert edges[0] - 1 < thick.min() < thick.max() < edges[1] + 1


def test_photons_follow_the_radii_that_enclose_them(rng):
    echo = replace(ECHO, far=0.65, flare_days=80.0)
    radius = echo.draw(rng, 3000)
    assert kstest(radius, echo.enclosed).pvalue > 0.001
    assert np.median(radius) == pytest.approx(echo.half_arcsec, rel=0.01)
