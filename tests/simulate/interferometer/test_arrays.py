"""Layouts: as many tiles as there are, none on top of another, and as far apart as the published plan says."""

import numpy as np
import pytest

from merkhet.simulate.interferometer.arrays import ARRAYS, SPEED_OF_LIGHT

LONGEST_M = {"compact": (500, 800), "phase1": (2500, 3000), "extended": (4800, 5400)}


@pytest.mark.parametrize("name", ARRAYS)
def test_a_layout_follows_the_plan(name):
    array = ARRAYS[name]
    length = np.hypot(*array.baselines.T)
    assert array.positions.shape == (128, 2)
    assert len(length) == 128 * 127 // 2
    assert length.min() > 6
    assert LONGEST_M[name][0] < length.max() < LONGEST_M[name][1]
    np.testing.assert_array_equal(array.place(), array.positions)  # the same every time


def test_the_first_phase_has_half_of_its_tiles_in_the_core():
    assert 40 <= (np.hypot(*ARRAYS["phase1"].positions.T) < 60).sum() <= 70


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("channel", [59.5, 178.5])
def test_pixels_sample_the_longest_baseline_at_all_frequencies(name, channel):
    array = ARRAYS[name]
    pixel = np.deg2rad(array.pixel_deg(channel))
    longest = np.hypot(*array.baselines.T).max() * channel * 1.28e6 * 1.03 / SPEED_OF_LIGHT
    assert longest * pixel < 0.25


def test_a_pair_is_the_baseline_between_its_antennas():
    array = ARRAYS["compact"]
    first, second = array.pairs
    np.testing.assert_array_equal(array.baselines[77], array.positions[second[77]] - array.positions[first[77]])
