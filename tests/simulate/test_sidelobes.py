"""Baselines of the Very Large Array, and what its dirty beam does to a map."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkhet.simulate.beams import beam_area_px, beam_transfer
from merkhet.simulate.components import Components, render
from merkhet.simulate.sidelobes import VLA_LATITUDE, baselines, coverage, residual_sidelobes

ANGLES = np.array([-0.2, 0.1])


def test_at_the_zenith_the_array_is_seen_from_above():
    uv = baselines(hour_angle=0.0, declination=VLA_LATITUDE)
    assert uv.shape == (27 * 26 // 2, 2)
    length = np.hypot(*uv.T)
    longest = np.sqrt(2 - 2 * np.cos(np.deg2rad(121)))  # between the ends of the west and the east arm
    assert length.max() == pytest.approx(longest)
    assert length.min() == pytest.approx((1 / 9) ** 1.716 * 2 * np.sin(np.deg2rad(119 / 2)), rel=0.02)


@given(hour=st.floats(-1, 1), declination=st.floats(-0.3, 1.3))
def test_projection_shortens_and_hour_angle_mirrors(hour, declination):
    """A baseline is a rotated vector without its component along the line of sight."""
    uv = baselines(hour_angle=hour, declination=declination)
    ground = baselines(hour_angle=0.0, declination=VLA_LATITUDE)
    along_sight_squared = (ground**2).sum(axis=1) - (uv**2).sum(axis=1)
    assert (along_sight_squared > -1e-12).all()
    x, y, z = -np.sin(VLA_LATITUDE) * ground[:, 1], ground[:, 0], np.cos(VLA_LATITUDE) * ground[:, 1]
    toward = np.cos(declination) * np.cos(hour), -np.cos(declination) * np.sin(hour), np.sin(declination)
    w = x * toward[0] + y * toward[1] + z * toward[2]
    np.testing.assert_allclose(along_sight_squared, w**2, atol=1e-12)


@pytest.mark.parametrize("shape", [(60, 60), (45, 72)])
def test_coverage_is_that_of_a_real_sky(shape):
    uv = baselines(hour_angle=0.3, declination=0.5) * 0.26
    half = coverage(uv, shape=shape)
    whole = np.zeros(shape, dtype=bool)
    for u, v in np.concatenate([uv, -uv]):
        whole[round(v * shape[0]) % shape[0], round(u * shape[1]) % shape[1]] = True
    whole[0, 0] = False
    np.testing.assert_array_equal(half, whole[:, : shape[1] // 2 + 1])


def test_baselines_that_the_pixels_cannot_sample_are_left_out():
    assert not coverage(np.array([[0.6, 0.1], [0.1, -0.5]]), shape=(32, 32)).any()


@pytest.mark.parametrize("shape", [(168, 168), (125, 144)])
def test_residuals_are_the_dirty_beam_less_the_clean_one(shape):
    beam, center = 3.0, (shape[0] // 2, shape[1] // 2)
    point = Components.points(x=np.array([float(center[1])]), y=np.array([float(center[0])]), flux=np.ones(1))
    restored = render(point, shape=shape, beam_fwhm_px=beam)
    residual = residual_sidelobes(restored, hour_angles=ANGLES, declination=0.6, beam_fwhm_px=beam)
    dirty = restored + residual
    assert dirty[center] == pytest.approx(1, abs=5e-4)  # a peak of one
    assert dirty.sum() / beam_area_px(beam) == pytest.approx(0, abs=1e-9)  # and no short spacings
    assert dirty.max() == dirty[center]
    assert dirty.min() < -0.02
    spectrum = np.abs(np.fft.rfft2(dirty)) / beam_transfer(shape, beam_fwhm_px=beam)
    measured = [coverage(baselines(hour_angle=h, declination=0.6) * [-0.261, 0.261], shape=shape) for h in ANGLES]
    np.testing.assert_array_equal(spectrum > 1e-3 * spectrum.max(), np.any(measured, axis=0))


def test_residuals_are_linear_in_the_sky(rng):
    first, second = rng.normal(size=(2, 48, 48))
    residual = partial(residual_sidelobes, hour_angles=ANGLES, declination=0.2, beam_fwhm_px=3.0)
    np.testing.assert_allclose(residual(first + 2 * second), residual(first) + 2 * residual(second), atol=1e-12)
