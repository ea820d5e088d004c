"""Cameras: the lattice is found, neighbors touch, and ten real cameras are read."""

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from merkhet.errors import InputError
from merkhet.io.cherenkov.camera import (
    CameraGeometry,
    describe_camera,
    lattice_rotation_deg,
    lattice_shape,
    read_camera,
)
from tests.io.cherenkov.files import hexagonal_pixels, square_pixels

PIXELS = {"ASTRICam": 2368, "CHEC": 2048, "DigiCam": 1296, "FACT": 1440, "FlashCam": 1764, "HESS-II": 2048,
          "LSTCam": 1855, "MAGICCam": 1039, "NectarCam": 1855, "SCTCam": 11328}  # fmt: skip


def turned(x, y, angle_deg):
    rotated = (x + 1j * y) * np.exp(1j * np.deg2rad(angle_deg))
    return np.stack([rotated.real, rotated.imag], axis=1)


def camera(x, y, shape, **options):
    return CameraGeometry("tiny", x, y, np.full(len(x), 0.01), shape, **options)


def test_neighbors_of_a_hexagonal_camera_are_the_pixels_at_the_pitch():
    x, y = hexagonal_pixels(rings=3)
    mine = camera(x, y, "hexagonal")
    near = mine.neighbors()
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    for pixel, others in enumerate(near):
        assert set(others[others >= 0]) == set(np.flatnonzero(np.isclose(distance[pixel], 0.05)))
    assert np.bincount((near >= 0).sum(axis=1)).tolist() == [0, 0, 0, 6, 12, 0, 19]  # corners, sides, inner ones
    assert mine.pitch == pytest.approx(0.05)


@pytest.mark.parametrize(("diagonal", "inner"), [(True, 8), (False, 4)])
def test_neighbors_of_a_square_camera_with_a_gap_between_modules(diagonal, inner):
    x, y = square_pixels(side=6)
    x = x + np.where(x > 0, 0.0015, 0)  # a quarter of a pixel
    near = camera(x, y, "square").neighbors(diagonal=diagonal)
    assert near.shape == (36, inner)
    counts = (near >= 0).sum(axis=1).reshape(6, 6)
    assert (counts[1:-1, 1:-1] == inner).all()
    assert counts[0, 0] == (3 if diagonal else 2)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 360), st.sampled_from(["hexagonal", "square"]))
def test_shape_and_rotation_are_found_on_the_lattice(angle, shape):
    x, y = hexagonal_pixels(rings=3) if shape == "hexagonal" else square_pixels(side=6)
    positions = turned(x, y, angle)
    fold = 60 if shape == "hexagonal" else 90
    assert lattice_shape(positions) == shape
    found = lattice_rotation_deg(positions, shape)
    assert abs((found - angle + fold / 2) % fold - fold / 2) < 1e-3
    assert 0 <= found < fold


def test_neighbors_are_mutual_even_where_modules_are_askew():
    rng = np.random.default_rng(5)
    x, y = square_pixels(side=8)
    near = camera(x + rng.normal(0, 0.001, 64), y + rng.normal(0, 0.001, 64), "square").neighbors()
    for pixel, others in enumerate(near):
        assert all(pixel in near[other] for other in others[others >= 0])


def test_width_is_that_of_a_pixel_of_the_same_area():
    x, y = square_pixels()
    assert camera(x, y, "square").pixel_width == pytest.approx(0.1)
    assert camera(x, y, "hexagonal").pixel_width == pytest.approx(np.sqrt(0.02 / np.sqrt(3)))  # from side to side


@pytest.mark.parametrize("suffix", ["csv", "ecsv", "fits"])
def test_a_camera_is_read_from_a_table_and_sorted_by_pixel(tmp_path, suffix):
    x, y = hexagonal_pixels()
    order = np.random.default_rng(0).permutation(len(x))
    columns = {"pix_id": order, "pix_x": x[order], "pix_y": y[order], "pix_area": np.full(len(x), 0.002)}
    table = Table(columns)
    if suffix != "csv":
        table.meta |= {"CAM_ID": "Tiny", "PIX_TYPE": "hexagonal", "PIX_ROT": 30.0, "CAM_ROT": 5.0}
    table.write(tmp_path / f"own.{suffix}")
    read = read_camera(tmp_path / f"own.{suffix}")
    np.testing.assert_allclose(read.pix_x, x)
    assert read.pixel_shape == "hexagonal"
    expected = ("own", 0.0, 0.0) if suffix == "csv" else ("Tiny", 30.0, 5.0)
    assert (read.name, read.pixel_rotation_deg, read.camera_rotation_deg) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pix_x": np.array([0.0, np.nan, 1])}, "without a finite position"),
        ({"pix_area": np.zeros(3)}, "positive area"),
        ({"pix_area": np.ones(2)}, "one length"),
    ],
)
def test_unusable_pixels_are_refused(change, message):
    columns = {"pix_x": np.arange(3.0), "pix_y": np.zeros(3), "pix_area": np.ones(3)} | change
    with pytest.raises(ValueError, match=message):
        CameraGeometry("bad", **columns, pixel_shape="square")


def test_an_unknown_shape_and_a_missing_column_are_one_line_each(tmp_path):
    x, y = square_pixels()
    with pytest.raises(ValueError, match="shape 'octagon'; expected hexagonal or rectangular"):
        describe_camera("x", x, y, np.ones(16), meta={"PIX_TYPE": "octagon", "PIX_ROT": 0})
    (tmp_path / "c.csv").write_text("pix_x,pix_y\n0,0\n")
    with pytest.raises(InputError, match="has no column 'pix_area'"):
        read_camera(tmp_path / "c.csv")
    (tmp_path / "d.csv").write_text("pix_x,pix_y,pix_area\n0,0,1\n1,0,1\n")
    with pytest.raises(InputError, match=r"d\.csv: camera d: 2 pixels are too few"):
        read_camera(tmp_path / "d.csv")


@pytest.mark.real
@pytest.mark.parametrize("name", PIXELS)
def test_real_cameras(real_data, name):
    mine = read_camera(real_data / "cherenkov" / "cameras" / f"{name}.camgeom.fits")
    assert (mine.name, mine.n_pixels) == (name, PIXELS[name])
    assert lattice_shape(mine.positions) == mine.pixel_shape  # what the file says is what its pixels show
    fold = 60 if mine.pixel_shape == "hexagonal" else 90
    apart = lattice_rotation_deg(mine.positions, mine.pixel_shape) - mine.pixel_rotation_deg
    assert abs((apart + fold / 2) % fold - fold / 2) < 0.01
    neighbors = (mine.neighbors() >= 0).sum(axis=1)
    assert np.median(neighbors) == (6 if mine.pixel_shape == "hexagonal" else 8)
    assert neighbors.min() >= 2
