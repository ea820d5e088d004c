import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkhet.config.array_models import Mapping
from merkhet.errors import ConfigError
from merkhet.io.cherenkov.camera import PixelShape, read_camera
from merkhet.models.cameras.lattice import FloatArray, find_lattice
from merkhet.models.cameras.mapping import map_camera
from tests.models.arrays import hexagons, squares
from tests.models.cameras.test_lattice import CAMERAS

METHODS = ("oversampling", "shifting", "axial", "nearest", "bilinear", "bicubic", "rebinning")
SHAPES: dict[PixelShape, FloatArray] = {"hexagonal": hexagons(6, turn_deg=10.0), "square": squares(4)}

FROZEN = {
    "oversampling": -0.251617,
    "shifting": -0.466837,
    "axial": -0.291194,
    "nearest": -0.389083,
    "bilinear": -0.413555,
    "bicubic": -0.406789,
    "rebinning": -0.406693,
}


def ellipse(positions, *, share=0.4):
    """A shower image off the center, cut off where it is faint."""
    radius = share * np.abs(positions - positions.mean(axis=0)).max()
    x, y = (positions - positions.mean(axis=0) - np.array([0.2, -0.1]) * radius).T
    u, v = x * np.cos(0.5) + y * np.sin(0.5), y * np.cos(0.5) - x * np.sin(0.5)
    image = np.exp(-0.5 * ((u / radius) ** 2 + (v / (0.4 * radius)) ** 2))
    return np.where(image > 1e-4, image, 0), radius


def moments(positions, charge):
    """Center, width, length and direction of an image, each of the size of one."""
    weight = charge / charge.sum()
    center = weight @ positions
    values, axes = np.linalg.eigh(((positions - center) * weight[:, None]).T @ (positions - center))
    return center, np.sqrt(values), axes[:, 1] * np.sign(axes[0, 1])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", METHODS)
def test_every_pixel_lands_and_charge_is_conserved(method, shape):
    mapping = map_camera(SHAPES[shape], shape, Mapping(method=method))
    np.testing.assert_allclose(mapping.matrix.sum(axis=0), 1, atol=1e-12)
    charge = np.random.default_rng(0).normal(2, 5, len(SHAPES[shape]))
    assert (mapping.matrix @ charge).sum() == pytest.approx(charge.sum(), rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
@given(turn=st.floats(-180, 180))
def test_charge_is_conserved_however_the_camera_is_turned(method, turn):
    positions = hexagons(3, turn_deg=turn)
    matrix = map_camera(positions, "hexagonal", Mapping(method=method, resolution=1.7)).matrix
    np.testing.assert_allclose(matrix.sum(axis=0), 1, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", METHODS)
def test_an_ellipse_stays_an_ellipse(method, shape):
    positions = SHAPES[shape]
    charge, radius = ellipse(positions)
    mapping = map_camera(positions, shape, Mapping(method=method, resolution=3.0))
    mine, truth = moments(mapping.cells(), mapping.matrix @ charge), moments(positions, charge)
    np.testing.assert_allclose(mine[0], truth[0], atol=0.06 * radius)
    np.testing.assert_allclose(mine[1], truth[1], atol=0.04 * radius)
    np.testing.assert_allclose(mine[2], truth[2], atol=0.05)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", METHODS)
def test_times_are_averaged_so_that_one_time_stays_that(method, shape):
    mapping = map_camera(SHAPES[shape], shape, Mapping(method=method))
    means = mapping.mean_weights() @ np.full(len(SHAPES[shape]), 30.0)
    touched = np.asarray(mapping.matrix.maximum(0).sum(axis=1)).ravel() > 0
    np.testing.assert_allclose(means[touched], 30.0)
    assert not means[~touched].any()


@pytest.mark.parametrize("method", ["shifting", "axial"])
def test_neighbors_stay_neighbors(method):
    """A pixel and its six neighbors: within one step of the grid; on the axial one, exactly six of the eight."""
    positions = SHAPES["hexagonal"]
    mapping = map_camera(positions, "hexagonal", Mapping(method=method))
    cell, pixel = mapping.matrix.tocoo().coords
    row, column = np.divmod(cell[np.argsort(pixel)], mapping.shape[1])
    neighbors = find_lattice(positions, "hexagonal").neighbors()
    first, slot = np.nonzero(neighbors >= 0)
    steps = np.stack([row, column], axis=1)
    away = steps[neighbors[first, slot]] - steps[first]
    assert np.abs(away).max() == 1
    assert len(np.unique(away, axis=0)) == (6 if method == "axial" else 8)


def test_oversampling_gives_each_pixel_four_cells_of_its_own():
    mapping = map_camera(SHAPES["hexagonal"], "hexagonal", Mapping(method="oversampling"))
    assert set(np.diff(mapping.matrix.indptr)) == {0, 1}
    assert (mapping.matrix.data == 0.25).all()
    # They lie about their pixel.
    centers = mapping.matrix.T @ mapping.cells()
    np.testing.assert_allclose(centers, SHAPES["hexagonal"], atol=1e-9)


def test_shifting_and_axial_cells_are_where_their_pixels_are():
    positions = SHAPES["hexagonal"]
    pitch = find_lattice(positions, "hexagonal").pitch
    for method, off in (("shifting", 0.25 * pitch), ("axial", 0.0)):
        mapping = map_camera(positions, "hexagonal", Mapping(method=method))
        distance = np.linalg.norm(mapping.matrix.T @ mapping.cells() - positions, axis=1)
        np.testing.assert_allclose(distance, off, atol=1e-9)


def test_nearest_is_the_nearest_pixel():
    for shape, positions in SHAPES.items():
        mapping = map_camera(positions, shape, Mapping(method="nearest", resolution=3.1))
        cell, pixel = mapping.matrix.tocoo().coords
        distance = np.linalg.norm(mapping.cells()[cell, None] - positions, axis=2)
        # Across gaps between modules the nearest column counts in steps of the lattice.
        np.testing.assert_allclose(
            distance[np.arange(len(cell)), pixel], distance.min(axis=1), atol=1e-9 if shape == "hexagonal" else 2e-3
        )


def test_a_grid_that_is_too_coarse_says_so():
    with pytest.raises(ConfigError, match=r"method=nearest with resolution 0.5 leaves \d+ of 127 pixels of LSTCam"):
        map_camera(hexagons(6), "hexagonal", Mapping(method="nearest", resolution=0.5), name="LSTCam")


def test_matrices_do_not_change():
    """A bundle keeps the pixels, not the matrix: a change here would change trained models."""
    found = {}
    for method in METHODS:
        mapping = map_camera(SHAPES["hexagonal"], "hexagonal", Mapping(method=method))
        row = np.linspace(-1, 1, mapping.matrix.shape[0])
        found[method] = round(float(row @ mapping.matrix @ np.linspace(0, 1, mapping.matrix.shape[1])), 6)
    assert found == pytest.approx(FROZEN, abs=2e-6)


@pytest.mark.real
@pytest.mark.parametrize("name", CAMERAS)
def test_real_cameras(name, real_data):
    camera = read_camera(real_data / "cherenkov" / "cameras" / f"{name}.camgeom.fits")
    charge, radius = ellipse(camera.positions)
    truth = moments(camera.positions, charge)
    for method in METHODS:
        mapping = map_camera(camera.positions, camera.pixel_shape, Mapping(method=method), name=name)
        matrix = mapping.matrix.astype(np.float32)
        assert (matrix @ charge.astype(np.float32)).sum() == pytest.approx(charge.sum(), rel=1e-5)
        np.testing.assert_allclose(matrix.sum(axis=0), 1, atol=1e-5)
        mine = moments(mapping.cells(), mapping.matrix @ charge)
        for a, b in zip(mine[:2], truth[:2], strict=True):
            np.testing.assert_allclose(a, b, atol=0.03 * radius, err_msg=method)
        np.testing.assert_allclose(mine[2], truth[2], atol=0.01, err_msg=method)
