import numpy as np
import pytest
from scipy.interpolate import LinearNDInterpolator, RegularGridInterpolator
from scipy.spatial import KDTree

from merkhet.models.cameras.taps import bicubic, bilinear, nearest

PLACES = np.stack(np.meshgrid(np.arange(12), np.arange(12), indexing="ij"), axis=-1).reshape(-1, 2)
TO_PLANE = {"hexagonal": np.array([[1, 0], [0.5, np.sqrt(0.75)]]), "square": np.eye(2)}
POINTS = np.random.default_rng(3).uniform(3, 8, (500, 2))


def interpolate(taps, shape, values):
    place, weight = taps(shape, POINTS)
    np.testing.assert_allclose(weight.sum(axis=1), 1, atol=1e-12)
    return (values[place[..., 0], place[..., 1]] * weight).sum(axis=1)


def test_bilinear_is_linear_in_triangles_and_squares(rng):
    values = rng.random((12, 12))
    square = RegularGridInterpolator((np.arange(12), np.arange(12)), values)(POINTS)
    np.testing.assert_allclose(interpolate(bilinear, "square", values), square)
    # Delaunay's triangles of a hexagonal lattice are its own; stretched by a hair, so that none is a tie.
    plane = TO_PLANE["hexagonal"] @ np.diag([1, 1 + 1e-9])
    triangles = LinearNDInterpolator(PLACES @ plane, values.ravel())(POINTS @ plane)
    np.testing.assert_allclose(interpolate(bilinear, "hexagonal", values), triangles, atol=1e-7)


@pytest.mark.parametrize("shape", TO_PLANE)
def test_bicubic_is_exact_for_parabolas(shape):
    def parabola(points):
        x, y = (points @ TO_PLANE[shape]).T
        return 2 + x - 3 * y + 0.5 * x**2 - x * y + 0.2 * y**2

    values = parabola(PLACES).reshape(12, 12)
    np.testing.assert_allclose(interpolate(bicubic, shape, values), parabola(POINTS), atol=1e-9)


@pytest.mark.parametrize("shape", TO_PLANE)
def test_nearest_is_what_a_tree_finds(shape):
    place, weight = nearest(shape, POINTS)
    _, expected = KDTree(PLACES @ TO_PLANE[shape]).query(POINTS @ TO_PLANE[shape])
    np.testing.assert_array_equal(place[:, 0], PLACES[expected])
    assert (weight == 1).all()
