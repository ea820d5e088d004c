"""Layouts are told apart by their content, and what is none of them is said in one line."""

import pickle
from typing import Any

import h5py
import numpy as np
import pytest

from merkhet.errors import InputError
from merkhet.io.cherenkov.camera import CameraGeometry
from merkhet.io.cherenkov.events import EventFile
from merkhet.io.cherenkov.reading import open_event_file, open_events
from tests.io.cherenkov.files import (
    ALT,
    AZ,
    HEXAGONAL,
    POSITIONS,
    SQUARE,
    TEL_IDS,
    TYPES,
    draw,
    hexagonal_pixels,
    square_pixels,
    write_data_handler,
    write_dl1,
    write_image_extractor,
    write_lstchain,
)

WRITERS: dict[str, Any] = {
    "ctapipe DL1": write_dl1,
    "lstchain DL1": write_lstchain,
    "DL1-Data-Handler": write_data_handler,
    "ImageExtractor": write_image_extractor,
}


def image_of(events, truth, event, slot, kind):
    """Return the image that a file gives for an event of the truth."""
    index = events.index
    number = np.flatnonzero(
        (index.event_id == truth.event_id[event]) & (index.obs_id_of(np.arange(len(index))) == truth.obs_id[event])
    )
    images, _ = index.images_of(number)
    images = images[index.slot[images] == slot]
    assert len(images) == 1
    return events.images(kind, images, fields=("charge", "time"))


@pytest.mark.parametrize("layout", WRITERS)
def test_each_layout_is_told_by_its_content(tmp_path, layout):
    events = open_event_file(WRITERS[layout](tmp_path / "name_says_nothing.dat", draw()))
    assert events.format == layout


@pytest.mark.parametrize("layout", [*WRITERS][1:])
def test_every_image_of_the_other_layouts(tmp_path, layout):
    truth = draw()
    events = open_event_file(WRITERS[layout](tmp_path / "a.h5", truth))
    grid = layout == "ImageExtractor"
    tolerance = {"charge": 0.006, "time": 0.51} if grid else {"charge": 0, "time": 0}
    assert events.subarray.telescopes["tel_id"].tolist() == list(TEL_IDS)
    seen = 0
    for slot in (0, 1) if layout == "lstchain DL1" else range(4):
        kind = "SCT" if grid else TYPES[slot]
        for row, event in enumerate(truth.images_of(slot)):
            found = image_of(events, truth, event, slot, kind)
            np.testing.assert_allclose(
                found["charge"][0], truth.charge[slot][row][: 16 if grid else None], atol=tolerance["charge"]
            )
            np.testing.assert_allclose(
                found["time"][0], truth.time[slot][row][: 16 if grid else None], atol=tolerance["time"]
            )
            seen += 1
    assert events.index.n_images == seen


@pytest.mark.parametrize("layout", [*WRITERS][1:])
def test_labels_and_pointing_of_the_other_layouts(tmp_path, layout):
    truth = draw()
    index = open_event_file(WRITERS[layout](tmp_path / "a.h5", truth)).index
    obs = index.obs_id_of(np.arange(len(index)))
    for number in range(len(index)):
        event = np.flatnonzero((truth.event_id == index.event_id[number]) & (truth.obs_id == obs[number]))[0]
        assert index.labels["energy"][number] == pytest.approx(truth.energy[event], rel=1e-6)
        assert index.labels["shower_primary_id"][number] == truth.primary[event]
        assert index.labels["alt"][number] == pytest.approx(ALT)
        altitude = ALT + 0.001 * event if layout == "lstchain DL1" else ALT  # telescopes that track
        np.testing.assert_allclose(index.pointing_of(np.array([number]))[0], [altitude, AZ], rtol=1e-6)


def test_data_handler_before_version_0_8(tmp_path):
    truth = draw()
    events = open_event_file(write_data_handler(tmp_path / "a.h5", truth, old=True))
    assert events.model_version == "0.7.2"
    assert events.fields(SQUARE) == ("charge", "time")
    kind = events.subarray.type(HEXAGONAL)
    assert kind.camera.pixel_shape == "hexagonal"
    assert kind.camera.pix_area[0] == pytest.approx(0.05**2 * np.sqrt(0.75), rel=1e-5)
    np.testing.assert_allclose(events.subarray.positions(SQUARE), POSITIONS[2:])


def test_data_handler_without_geometry_takes_the_cameras_that_are_given(tmp_path):
    path = write_data_handler(tmp_path / "a.h5", draw(), geometry=False)
    with pytest.raises(InputError, match=rf"no camera geometry of {HEXAGONAL}, {SQUARE}\. Give it with data\.cameras"):
        open_event_file(path)
    (x, y), (u, v) = hexagonal_pixels(), square_pixels()
    cameras = {
        HEXAGONAL: CameraGeometry("a", x, y, np.ones(19), "hexagonal"),
        SQUARE: CameraGeometry("b", u, v, np.ones(16), "square"),
    }
    assert open_event_file(path, cameras=cameras).subarray.types[1].camera is cameras[SQUARE]


def test_data_handler_whose_images_name_other_events(tmp_path):
    events = open_event_file(write_data_handler(tmp_path / "a.h5", draw(), event_shift=1))
    with pytest.raises(InputError, match=r"row 1 of .* has event_index"):
        events.images(SQUARE, events.images_of_type(SQUARE), fields=["charge"])


def test_image_extractor_of_one_channel(tmp_path):
    events = open_event_file(write_image_extractor(tmp_path / "a.h5", draw(), channels=1))
    assert events.fields("SCT") == ("charge",)
    camera = events.subarray.type("SCT").camera
    assert (camera.name, camera.n_pixels, camera.pixel_shape) == ("SCT_4x4", 16, "square")


def test_lstchain_without_images_or_with_other_parameters(tmp_path):
    path = write_lstchain(tmp_path / "a.h5", draw())
    with h5py.File(path, "a") as file:
        table = file["dl1/event/telescope/parameters/LST_LSTCam"][:-1]
        del file["dl1/event/telescope/parameters/LST_LSTCam"]
        file["dl1/event/telescope/parameters/LST_LSTCam"] = table
    with pytest.raises(InputError, match=r"\d+ images, \d+ rows of parameters; expected as many of each"):
        open_event_file(path)
    with h5py.File(path, "a") as file:
        del file["dl1/event/telescope/image"]
    with pytest.raises(InputError, match=r"holds no images .*lstchain_r0_to_dl1"):
        open_event_file(path)


def test_an_unknown_layout(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["weights"] = np.arange(3)
    with pytest.raises(InputError, match=r"a\.h5: is HDF5 of an unknown layout: it holds weights; expected events as"):
        open_events(tmp_path / "a.h5")


@pytest.mark.parametrize("layout", WRITERS)
def test_a_file_goes_to_a_worker_without_its_handle(tmp_path, layout):
    events = open_event_file(WRITERS[layout](tmp_path / "a.h5", draw()))
    kind = events.subarray.type_names[0]
    images = events.images_of_type(kind)
    expected = events.images(kind, images, fields=["charge"])["charge"]
    copy: EventFile = pickle.loads(pickle.dumps(events))
    assert not copy._open
    np.testing.assert_array_equal(copy.images(kind, images, fields=["charge"])["charge"], expected)
    events.close()
    np.testing.assert_array_equal(events.images(kind, images, fields=["charge"])["charge"], expected)  # opens it again
