import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkhet.io.cherenkov.camera import read_camera
from merkhet.models.cameras.lattice import find_lattice, rotation
from tests.models.arrays import geometry, hexagons, squares

CAMERAS = ("ASTRICam", "CHEC", "DigiCam", "FACT", "FlashCam", "HESS-II", "LSTCam", "MAGICCam", "NectarCam", "SCTCam")


def sets(neighbors):
    return [set(row[row >= 0].tolist()) for row in neighbors]


@given(turn=st.floats(-180, 180), pitch=st.floats(1e-3, 0.1), shift=st.tuples(st.floats(-1, 1), st.floats(-1, 1)))
def test_hexagonal_pixels_get_whole_numbers_wherever_they_are_turned(turn, pitch, shift):
    positions = hexagons(4, pitch=pitch, turn_deg=turn) + np.array(shift)
    lattice = find_lattice(positions, "hexagonal")
    np.testing.assert_allclose(lattice.coordinates(positions), lattice.place, atol=1e-6)
    assert lattice.pitch == pytest.approx(pitch)
    assert (lattice.place.min(axis=0) == 0).all()
    assert sets(lattice.neighbors()) == sets(geometry(positions).neighbors())


def test_gaps_between_square_modules_are_closed():
    positions = squares(3, per_module=4)
    lattice = find_lattice(positions, "square")
    assert lattice.extent.tolist() == [12, 12]
    np.testing.assert_allclose(lattice.coordinates(positions), lattice.place, atol=1e-9)
    inner = (lattice.neighbors() >= 0).sum(axis=1)
    assert inner.max() == 8


def test_coordinates_go_on_beyond_the_camera():
    positions = np.stack(np.meshgrid(np.arange(3.0), np.arange(4.0)), axis=-1).reshape(-1, 2)
    lattice = find_lattice(positions, "square")
    np.testing.assert_allclose(lattice.coordinates(np.array([[-2.0, 5.5]])), [[-2.0, 5.5]])


def test_rotation_turns_from_x_towards_y():
    np.testing.assert_allclose(np.array([[1.0, 0.0]]) @ rotation(np.pi / 2), [[0, 1]], atol=1e-12)


def test_pixels_off_the_lattice_are_refused():
    positions = hexagons(4)
    positions[5] += 0.4 * 0.05
    with pytest.raises(ValueError, match=r"up to 0\.\d+ of their distance off a hexagonal lattice"):
        find_lattice(positions, "hexagonal")


def test_two_pixels_at_one_place_are_refused():
    positions = np.concatenate([hexagons(4), hexagons(4)[:1] + 1e-4])
    with pytest.raises(ValueError, match="LSTCam: two pixels stand at one place"):
        find_lattice(positions, "hexagonal", name="LSTCam")


@pytest.mark.real
@pytest.mark.parametrize("name", CAMERAS)
def test_real_cameras_lie_on_a_lattice_with_the_neighbors_that_touch(name, real_data):
    camera = read_camera(real_data / "cherenkov" / "cameras" / f"{name}.camgeom.fits")
    lattice = find_lattice(camera.positions, camera.pixel_shape, name=name)
    assert np.abs(lattice.coordinates(camera.positions) - lattice.place).max() < 0.05
    mine, theirs = sets(lattice.neighbors()), sets(camera.neighbors())
    # Across wide gaps between modules some pixels touch on the lattice only.
    assert all(b <= a for a, b in zip(mine, theirs, strict=True))
    assert np.mean([a == b for a, b in zip(mine, theirs, strict=True)]) > 0.5


@pytest.mark.real
def test_the_sct_camera_has_its_modules(real_data):
    camera = read_camera(real_data / "cherenkov" / "cameras" / "SCTCam.camgeom.fits")
    lattice = find_lattice(camera.positions, "square")
    modules = np.zeros((15, 15), dtype=int)
    np.add.at(modules, tuple((lattice.place // 8).T), 1)
    assert set(modules.ravel().tolist()) == {0, 64}
    expected = [5, 9, 11, 13, 13, 15, 15, 15, 15, 15, 13, 13, 11, 9, 5]
    assert (modules > 0).sum(axis=0).tolist() == expected
    assert (modules > 0).sum(axis=1).tolist() == expected
