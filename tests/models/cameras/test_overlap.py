import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkhet.models.cameras.lattice import FloatArray, find_lattice
from merkhet.models.cameras.overlap import area_below, overlap_areas
from tests.models.arrays import hexagons


def inside(outline, points):
    """Which points lie within a convex polygon, by the side of every edge that they are on."""
    edges = np.roll(outline, -1, axis=0) - outline
    offset = points[:, None] - outline
    return (edges[:, 0] * offset[..., 1] - edges[:, 1] * offset[..., 0] >= 0).all(axis=1)


@pytest.mark.parametrize("turn", [0.0, 11.0, 30.0])
def test_area_below_is_what_fine_points_count(turn):
    outline = find_lattice(hexagons(3, pitch=1.0, turn_deg=turn), "hexagonal").outline()
    grid = (np.stack(np.meshgrid(np.arange(400), np.arange(400)), axis=-1).reshape(-1, 2) + 0.5) / 400 * 1.4 - 0.7
    within = inside(outline, grid)
    for x, y in [(0.1, 0.2), (-0.3, 0.9), (2.0, -0.25), (0.4, 0.4), (-1.0, 1.0)]:
        counted = (within & (grid[:, 0] < x) & (grid[:, 1] < y)).sum() * (1.4 / 400) ** 2
        assert float(area_below(outline, np.array([x]), np.array([y]))[0]) == pytest.approx(counted, abs=3e-3)


@given(turn=st.floats(-30, 30), resolution=st.floats(0.3, 5))
def test_cells_share_all_of_every_pixel(turn, resolution):
    positions = hexagons(3, pitch=1.0, turn_deg=turn) + 5.0
    lattice = find_lattice(positions, "hexagonal")
    cell, pixel, area = overlap_areas(positions, lattice.outline(), side=1 / resolution, width=int(10 * resolution) + 2)
    np.testing.assert_allclose(np.bincount(pixel, weights=area), np.sqrt(0.75), rtol=1e-9)
    # Inside the camera the pixels leave nothing of a cell out.
    assert np.bincount(cell, weights=area).max() <= (1 / resolution) ** 2 * (1 + 1e-9)


def test_square_pixels_on_their_own_grid_keep_to_their_cells():
    positions: FloatArray = np.stack(np.meshgrid(np.arange(4.0), np.arange(3.0)), axis=-1).reshape(-1, 2) + 0.5
    outline = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    cell, pixel, area = overlap_areas(positions, outline, side=1.0, width=4)
    np.testing.assert_array_equal(cell, np.arange(12))
    np.testing.assert_array_equal(pixel, np.arange(12))
    np.testing.assert_allclose(area, 1.0)
