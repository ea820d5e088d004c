"""Positions carried between images, against the world coordinates of astropy for each."""

import numpy as np
import pytest

from merkhet.io.wcs import celestial_wcs
from merkhet.scan.carrying import carry, carry_grid, spread_nodes
from merkhet.scan.footprints import Footprint
from tests.scan.fields import make_header

SHAPE = (900, 1100)


def footprint(name, **place):
    return Footprint(name, celestial_wcs(make_header(SHAPE, **place)), SHAPE)


SOURCE, TARGET = footprint("source"), footprint("target", ra=150.9, dec=10.6, rotation_deg=30)


def directly(x, y):
    return np.array(TARGET.wcs.world_to_pixel(SOURCE.wcs.pixel_to_world(x, y)))


def test_positions_are_carried_to_a_hundredth_of_a_pixel(rng):
    x, y = rng.uniform(0, SHAPE[1] - 1, 500), rng.uniform(0, SHAPE[0] - 1, 500)
    np.testing.assert_allclose(carry(x, y, source=SOURCE, target=TARGET), directly(x, y), atol=0.01)


@pytest.mark.parametrize("level", range(7))
def test_grids_are_carried_to_a_hundredth_of_a_cell_far_beyond_the_image(level):
    """As the margins of coarse levels ask for: degrees away."""
    width = 2**level
    x, y = np.arange(-96.0, 140) * width, np.arange(-96.0, 100) * width
    found = carry_grid(x, y, width=width, source=SOURCE, target=TARGET)
    expected = directly(*np.meshgrid(x, y))
    np.testing.assert_allclose(found, expected, atol=0.01 * width)


def test_nodes_reach_both_ends():
    assert spread_nodes(-10, 200)[[0, -1]].tolist() == [-10, 200]
    assert np.diff(spread_nodes(-10, 200)).max() <= 64
    assert spread_nodes(3, 3).tolist() == [3, 4]
