from dataclasses import replace

import numpy as np
import pytest

from merkhet.errors import InputError
from merkhet.simulate.cherenkov.array import KINDS, built_in_cameras, make_array, read_cameras
from tests.showers import array


def test_built_in_cameras_have_the_pixels_of_those_they_are_named_for():
    large, medium, small = built_in_cameras()
    assert [camera.n_pixels for camera in (large, medium, small)] == [1855, 1764, 2048]
    for camera in (large, medium):
        neighbors = camera.neighbors()
        assert np.mean((neighbors >= 0).sum(axis=1) == 6) > 0.9
        assert camera.pitch == pytest.approx(0.05)
        assert camera.pixel_width == pytest.approx(0.05)
    assert (small.neighbors(diagonal=False) >= 0).sum(axis=1).min() >= 2


def test_telescopes_of_a_size_stand_apart_on_its_sites():
    subarray = array().subarray
    assert [len(subarray.slots(name)) for name in subarray.type_names] == [4, 9, 8]
    positions = np.concatenate([subarray.positions(name) for name in subarray.type_names])
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    assert distance[np.triu_indices(21, 1)].min() > 50


def test_cameras_of_one_size_take_turns():
    cameras = [camera for camera in built_in_cameras() if camera.name == "FlashCam"]
    twin = replace(cameras[0], name="NectarCam")
    subarray = make_array([*cameras, twin]).subarray
    assert [len(subarray.slots(name)) for name in subarray.type_names] == [5, 4]


def test_a_folder_without_known_cameras_is_refused(tmp_path):
    with pytest.raises(InputError, match="no known camera"):
        read_cameras(tmp_path)


@pytest.mark.real
def test_real_cameras_make_an_array(real_data):
    cameras = read_cameras(real_data / "cherenkov" / "cameras")
    assert {camera.name for camera in cameras} == set(KINDS)
    assert len(make_array(cameras).subarray.types) == 6
