"""Directions against astropy, and against the equations for the VLA."""

import numpy as np
import pytest
from astropy.coordinates import Angle, SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from merkhet.simulate.interferometer.pointing import Pointing
from merkhet.simulate.sidelobes import VLA_LATITUDE, baselines

angles = st.floats(-1.2, 1.2)


@given(hour=angles, declination=angles, latitude=angles)
def test_axes_are_a_rotation(hour, declination, latitude):
    axes = Pointing(hour, declination, latitude).axes()
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1)


@given(hour=angles, declination=angles)
def test_baselines_are_those_of_the_simulator_of_the_vla(hour, declination):
    ground = baselines(hour_angle=0.0, declination=VLA_LATITUDE)  # seen from above: east and north
    expected = baselines(hour_angle=hour, declination=declination)
    found = ground @ Pointing(hour, declination, VLA_LATITUDE).axes()[:2, :2].T
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_direction_is_that_of_the_sky_at_this_hour_angle():
    pointing = Pointing(0.2, -0.5, np.deg2rad(-26.7))
    center = SkyCoord(1.0, pointing.declination, unit="rad")
    place = SkyCoord(1.1, -0.4, unit="rad")
    east, north = (np.sin(center.separation(place).rad) * f(center.position_angle(place).rad) for f in (np.sin, np.cos))
    there = Pointing(pointing.hour_angle - 0.1, -0.4, pointing.latitude)
    np.testing.assert_allclose(pointing.ground(east, north), there.axes()[2], atol=1e-12)


def test_the_meridian_is_as_high_as_latitude_and_declination_say():
    up = Pointing(0.0, np.deg2rad(-55), np.deg2rad(-26.7)).axes()[2]
    np.testing.assert_allclose(up, [0, -np.sin(Angle("28.3d").rad), np.cos(Angle("28.3d").rad)], atol=1e-12)
