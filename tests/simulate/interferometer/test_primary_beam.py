"""The tile's beam against a sum over its dipoles."""

import numpy as np
import pytest

from merkhet.simulate.interferometer.arrays import SPEED_OF_LIGHT
from merkhet.simulate.interferometer.primary_beam import TileBeam, array_factor

ZENITH = np.array([0.0, 0.0, 1.0])
FREQUENCY = 180e6


def direction(zenith_angle, azimuth):
    z, a = np.deg2rad([zenith_angle, azimuth])
    return np.array([np.sin(z) * np.sin(a), np.sin(z) * np.cos(a), np.cos(z)])


@pytest.mark.parametrize("steered", [ZENITH, direction(30, 200)])
def test_the_array_factor_is_the_sum_over_sixteen_dipoles(steered, rng):
    dipoles = np.stack(np.meshgrid(np.arange(4) * 1.1, np.arange(4) * 1.1), axis=-1).reshape(16, 2)
    for there in (direction(*each) for each in rng.uniform((0, 0), (90, 360), size=(20, 2))):
        phase = 2 * np.pi * FREQUENCY / SPEED_OF_LIGHT * dipoles @ (there - steered)[:2]
        expected = abs(np.exp(1j * phase).mean()) ** 2
        assert array_factor(there - steered, frequency_hz=FREQUENCY) == pytest.approx(expected, abs=1e-12)


def test_the_first_null_and_sidelobe_are_where_a_row_of_four_has_them():
    wavelength = SPEED_OF_LIGHT / FREQUENCY
    null = np.array([wavelength / 4.4, 0.0, 0.0])
    assert array_factor(null, frequency_hz=FREQUENCY) == pytest.approx(0, abs=1e-12)
    sine = np.linspace(wavelength / 4.4, 2 * wavelength / 4.4, 500)
    sidelobe = array_factor(np.stack([sine, 0 * sine, 0 * sine], axis=1), frequency_hz=FREQUENCY).max()
    assert 10 * np.log10(sidelobe) == pytest.approx(-11.3, abs=0.1)  # four elements of equal weight


def test_the_beam_is_one_where_it_points_and_narrows_with_frequency():
    steered = direction(25, 60)
    beam = TileBeam(steered)
    assert beam.power(steered, frequency_hz=FREQUENCY, polarization="YY") == pytest.approx(1)
    low, high = (TileBeam(ZENITH).power(direction(9, 40), frequency_hz=f, polarization="XX") for f in (80e6, 220e6))
    assert high < 0.6 * low


def test_each_dipole_sees_little_along_its_arms_and_nothing_below_the_horizon():
    beam, east, north = TileBeam(ZENITH), direction(75, 90), direction(75, 0)
    xx, yy = (partial_power(beam, east, name) / partial_power(beam, north, name) for name in ("XX", "YY"))
    assert xx == pytest.approx(1 - np.sin(np.deg2rad(75)) ** 2, rel=1e-9)
    assert yy == pytest.approx(1 / xx)
    assert beam.power(direction(91, 10), frequency_hz=FREQUENCY, polarization="XX") == 0


def partial_power(beam, there, polarization):
    return beam.power(there, frequency_hz=FREQUENCY, polarization=polarization)


def test_the_screen_makes_the_image_of_a_dipole():
    """A current above a plane and its negative below it: the field of both is 2 sin(2 pi h cos z / lambda)."""
    beam, there = TileBeam(ZENITH), direction(40, 0)
    turns = 2 * np.pi * 0.3 * FREQUENCY / SPEED_OF_LIGHT
    screen = (np.sin(turns * there[2]) / np.sin(turns)) ** 2
    expected = screen * array_factor(there - ZENITH, frequency_hz=FREQUENCY)
    assert beam.power(there, frequency_hz=FREQUENCY, polarization="XX") == pytest.approx(expected)
