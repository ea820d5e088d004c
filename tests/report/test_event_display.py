import h5py
import numpy as np
import pytest
from astropy.table import Table
from matplotlib.collections import PolyCollection

from merkhet.io.cherenkov.dl1_writer import Dl1Writer
from merkhet.io.cherenkov.reading import open_events
from merkhet.report.event_display import MOST_CAMERAS, Answer, answer_of, event_display, pixel_outlines
from tests.io.cherenkov.test_dl1_writer import RUNS
from tests.showers import array, events


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("display") / "events.h5"
    with h5py.File(path, "w") as file:
        writer = Dl1Writer(file, subarray=array().subarray)
        writer.write(events(60).take(np.arange(20)))
        writer.close(RUNS)
    return open_events(path)


@pytest.mark.parametrize("place", [0, 2])
def test_outlines_have_the_area_of_their_pixels_and_touch(place):
    camera = array().subarray.types[place].camera
    shapes = pixel_outlines(camera)
    x, y = shapes[..., 0], shapes[..., 1]
    area = 0.5 * np.abs((x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1))
    np.testing.assert_allclose(area, camera.pix_area)
    neighbor = camera.neighbors(diagonal=False)[0, 0]
    distance = np.linalg.norm(shapes[0][:, None] - shapes[neighbor][None], axis=2)
    assert (np.sort(distance.min(axis=1))[:2] < 1e-6 + 0.11 * camera.pixel_width).all()


def test_every_camera_of_an_event_is_drawn_with_what_was_found(source, tmp_path):
    path = tmp_path / "event.png"
    event = int(np.argmax(source.index.multiplicity))
    answer = Answer(alt=70.2, az=180.5, energy=1.25, gammaness=0.9)
    figure = event_display(source, event, answer=answer, save_path=path)
    assert path.stat().st_size > 10_000
    drawn = min(int(source.index.multiplicity[event]), MOST_CAMERAS)
    cameras = [axes for axes in figure.axes if any(isinstance(item, PolyCollection) for item in axes.collections)
               and axes.get_title(loc="left")]  # fmt: skip
    assert len(cameras) == drawn
    text = figure.get_suptitle()
    assert "gammaness 0.90, 1.25 TeV" in text
    assert f"event {int(source.index.event_id[event])}" in text
    assert "true:" in text


def test_an_event_is_drawn_without_an_answer(source):
    assert "found" not in event_display(source, 3).get_suptitle()


def test_the_brightest_cameras_are_drawn_where_few_are_asked_for(source):
    event = int(np.argmax(source.index.multiplicity))
    drawn = [
        {axes.get_title(loc="left"): axes.get_xlabel() for axes in figure.axes}
        for figure in (event_display(source, event), event_display(source, event, most_cameras=2))
    ]
    every, two = ({title: text for title, text in found.items() if title} for found in drawn)
    assert list(two.items()) == list(every.items())[:2]


def test_what_is_not_finite_is_not_said():
    rows = Table({"alt": [70.0, np.nan], "az": [180.0, np.nan], "gammaness": [np.nan, np.nan], "id": ["a", "b"]})
    assert answer_of(rows[0]) == Answer(alt=70.0, az=180.0)
    assert answer_of(rows[1]) is None
