"""Windows about each pixel, against scipy's filters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import maximum_filter, uniform_filter

from merkhet.scan.sliding import Windows, dilated, window_sums

SIZES = {"height": st.integers(1, 40), "width": st.integers(1, 40), "reach": st.integers(0, 8)}


@given(**SIZES)
def test_sums_are_those_of_a_uniform_filter_and_whole_numbers_stay_whole(height, width, reach):
    image = np.random.default_rng(0).poisson(2, (height, width)).astype(np.float32)
    side = 2 * reach + 1
    expected = uniform_filter(image.astype(np.float64), side, mode="constant") * side**2
    found = window_sums(image, side)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.rint(expected))


@given(**SIZES)
def test_a_few_windows_are_those_of_all_to_the_last_bit_and_none_is_below_the_bound(height, width, reach):
    image = np.random.default_rng(1).random((height, width), dtype=np.float32)
    sums = window_sums(image, 2 * reach + 1)
    some = Windows(image, 2 * reach + 1)
    place = np.arange(0, image.size, 3)
    np.testing.assert_array_equal(some.at(place), sums.ravel()[place])
    assert sums.min() >= some.lower_bound * (1 - 1e-6)


@given(**SIZES)
def test_masks_are_dilated_as_by_a_maximum_filter(height, width, reach):
    mask = np.random.default_rng(0).random((height, width)) < 0.05
    side = 2 * reach + 1
    np.testing.assert_array_equal(dilated(mask, side), maximum_filter(mask, side, mode="constant"))


@pytest.mark.parametrize("side", [0, 4])
def test_a_window_has_a_middle(side):
    with pytest.raises(ValueError, match="has no middle pixel"):
        window_sums(np.zeros((3, 3)), side)
