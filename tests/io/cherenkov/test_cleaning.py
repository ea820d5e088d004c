import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkhet.io.cherenkov.cleaning import TailCuts, clean, count_neighbors
from tests.showers import array


def reference(charge, neighbors, cuts):
    """One pixel at a time, as the docstring says it."""
    sets = [{int(other) for other in row if other >= 0} for row in neighbors]
    picture = {
        p
        for p in range(len(charge))
        if charge[p] >= cuts.picture_pe
        and sum(charge[q] >= cuts.picture_pe for q in sets[p]) >= cuts.min_picture_neighbors
    }
    boundary = {p for p in range(len(charge)) if charge[p] >= cuts.boundary_pe}
    return np.array([bool((p in boundary and sets[p] & picture) or (p in picture and sets[p] & boundary))
                     for p in range(len(charge))])  # fmt: skip


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("least", [0, 1, 2])
def test_agrees_with_one_pixel_at_a_time(place, least, rng):
    camera = array().subarray.types[place].camera
    neighbors = camera.neighbors(diagonal=False)
    charge = rng.normal(2, 3, (3, camera.n_pixels))
    cuts = TailCuts(6.0, 3.0, least)
    found = clean(charge, neighbors=neighbors, cuts=cuts)
    for image, mask in zip(charge, found, strict=True):
        np.testing.assert_array_equal(mask, reference(image, neighbors, cuts))
    assert found.any()


@given(st.floats(1.0, 20.0), st.floats(0.1, 1.0))
def test_higher_thresholds_keep_a_part_of_what_lower_ones_keep(picture, factor):
    camera = array().subarray.types[0].camera
    charge = np.random.default_rng(3).normal(2, 4, (2, camera.n_pixels))
    neighbors = camera.neighbors()
    low = clean(charge, neighbors=neighbors, cuts=TailCuts(picture * factor, picture * factor / 2))
    high = clean(charge, neighbors=neighbors, cuts=TailCuts(picture, picture / 2))
    assert not (high & ~low).any()


def test_a_charge_that_is_no_number_does_not_survive():
    camera = array().subarray.types[0].camera
    charge = np.full((1, camera.n_pixels), 10.0)
    charge[0, 7] = np.nan
    mask = clean(charge, neighbors=camera.neighbors(), cuts=TailCuts())
    assert not mask[0, 7]
    assert mask[0].sum() == camera.n_pixels - 1


def test_neighbors_are_counted():
    neighbors = np.array([[1, -1], [0, 2], [1, -1]])
    mask = np.array([[True, False, True]])
    np.testing.assert_array_equal(count_neighbors(mask, neighbors), [[0, 2, 0]])
