"""Offsets from the pointing, against astropy's SkyOffsetFrame, and back."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, SkyCoord, angular_separation
from hypothesis import given
from hypothesis import strategies as st

from merkhet.io.cherenkov.direction import camera_to_offset, offset_to_camera, separation_deg, to_altaz, to_offset

ALT, AZ = st.floats(-1.5, 1.5), st.floats(0, 6.28)


def test_offsets_are_those_of_astropy():
    rng = np.random.default_rng(1)
    alt, az = rng.uniform(0.1, 1.5, 50), rng.uniform(0, 2 * np.pi, 50)
    pointing = SkyCoord(alt=1.2 * u.rad, az=0.01 * u.rad, frame=AltAz())
    there = SkyCoord(alt=alt * u.rad, az=az * u.rad, frame=AltAz()).transform_to(pointing.skyoffset_frame())
    expected = np.stack([there.lon.wrap_at("180d").deg, there.lat.deg], axis=1)
    np.testing.assert_allclose(to_offset(alt, az, [1.2, 0.01]), expected, atol=1e-9)


def test_close_to_the_pointing_the_longitude_is_cos_alt_times_the_difference_in_azimuth():
    offset = to_offset(1.2 + 1e-4, 0.3 + 1e-4, (1.2, 0.3))
    np.testing.assert_allclose(np.deg2rad(offset), [1e-4 * np.cos(1.2), 1e-4], rtol=1e-3)


@given(ALT, AZ, ALT, AZ)
def test_there_and_back(alt, az, alt_0, az_0):
    altaz = to_altaz(to_offset(alt, az, (alt_0, az_0)), (alt_0, az_0))
    assert separation_deg(altaz[0], altaz[1], alt, az) < 1e-6
    assert 0 <= altaz[1] < 2 * np.pi


def test_one_pointing_for_all_or_one_for_each():
    alt, az = np.array([1.0, 1.1]), np.array([0.2, 0.1])
    each = np.array([[1.0, 0.2], [1.1, 0.0]])
    result = to_offset(alt, az, each)
    np.testing.assert_allclose(result[0], 0, atol=1e-9)
    np.testing.assert_allclose(result[1], to_offset(1.1, 0.1, each[1]))


@given(ALT, AZ, ALT, AZ)
def test_separation_is_that_of_astropy(alt, az, other_alt, other_az):
    expected = np.rad2deg(angular_separation(az, alt, other_az, other_alt))
    assert separation_deg(alt, az, other_alt, other_az) == pytest.approx(expected, abs=1e-9)


def test_camera_positions_look_at_offsets():
    np.testing.assert_allclose(camera_to_offset(0.28, 0, focal_length_m=28), [0, np.rad2deg(0.01)])  # x: altitude
    np.testing.assert_allclose(camera_to_offset(0, 0.28, focal_length_m=28), [np.rad2deg(0.01), 0])  # y: azimuth
    turned = camera_to_offset(0.28, 0, focal_length_m=28, camera_rotation_deg=90)
    np.testing.assert_allclose(turned, [np.rad2deg(0.01), 0], atol=1e-12)


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-180, 180))
def test_offsets_come_back_to_camera_positions(x, y, rotation):
    offset = camera_to_offset(x, y, focal_length_m=16, camera_rotation_deg=rotation)
    position = offset_to_camera(offset, focal_length_m=16, camera_rotation_deg=rotation)
    np.testing.assert_allclose(position, [x, y], atol=1e-12)
