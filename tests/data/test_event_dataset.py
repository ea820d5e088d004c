"""Batches of events against what was drawn for their files."""

import numpy as np
import pytest
import torch

from merkhet.config.events import EventData
from merkhet.data.dataset import TargetColumn
from merkhet.data.event_dataset import EventDataset
from merkhet.data.events import Slots, list_events
from merkhet.errors import InputError
from tests.io.cherenkov.files import (
    ALT,
    AZ,
    HEXAGONAL,
    POSITIONS,
    SQUARE,
    TYPES,
    draw,
    write_data_handler,
    write_dl1,
)


@pytest.fixture(scope="module")
def truths():
    return draw(seed=1), draw(events=30, seed=2)


@pytest.fixture(scope="module")
def data(truths, tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    return EventData(files=tuple(write_dl1(folder / f"{n}.h5", truth) for n, truth in enumerate(truths)))


def drawn(truths):
    """Return the images of all events that have any: for each a dict of telescope to (charge, time, mask)."""
    events = []
    for truth in truths:
        for event in np.flatnonzero(truth.trigger.any(axis=1)):
            images = {}
            for tel in np.flatnonzero(truth.trigger[event]):
                row = np.flatnonzero(truth.images_of(tel) == event)[0]
                images[int(tel)] = (truth.charge[tel][row], truth.time[tel][row], truth.mask[tel][row])
            events.append(images)
    return events


ROWS = np.array([40, 3, 3, 0, 58, 17, 36])


def test_all_telescopes_of_the_array(data, truths):
    batch = EventDataset(list_events(data), slots="array").fetch(ROWS)
    for kind in (HEXAGONAL, SQUARE):
        part, slots = batch["telescopes"][kind], [tel for tel in range(4) if TYPES[tel] == kind]
        assert part["charge"].dtype == part["time"].dtype == part["position"].dtype == torch.float32
        assert part["mask"].dtype == part["trigger"].dtype == torch.bool
        for b, row in enumerate(ROWS):
            images = drawn(truths)[row]
            for t, tel in enumerate(slots):
                assert part["trigger"][b, t] == (tel in images)
                expected = images.get(tel, (0, 0, False))
                for name, values in zip(("charge", "time", "mask"), expected, strict=True):
                    np.testing.assert_array_equal(part[name][b, t], np.broadcast_to(values, part[name][b, t].shape))
                np.testing.assert_allclose(part["position"][b, t], POSITIONS[tel])
    np.testing.assert_allclose(batch["pointing"], np.tile([ALT, AZ], (len(ROWS), 1)), rtol=1e-6)
    np.testing.assert_array_equal(batch["index"], ROWS)


def test_only_those_that_triggered(data, truths):
    batch = EventDataset(list_events(data), slots="triggered").fetch(ROWS)
    for kind in (HEXAGONAL, SQUARE):
        part = batch["telescopes"][kind]
        most = 1
        for b, row in enumerate(ROWS):
            mine = {tel: images for tel, images in drawn(truths)[row].items() if TYPES[tel] == kind}
            most = max(most, len(mine))
            assert part["trigger"][b].tolist() == [t < len(mine) for t in range(part["trigger"].shape[1])]
            for t, (tel, images) in enumerate(mine.items()):
                np.testing.assert_array_equal(part["charge"][b, t], images[0])
                np.testing.assert_allclose(part["position"][b, t], POSITIONS[tel])
            assert not part["charge"][b, len(mine) :].any()
            assert not part["position"][b, len(mine) :].any()
        assert part["charge"].shape[1] == most


def test_single_images(data, truths):
    dataset = EventDataset(list_events(data, types=[SQUARE], slots="mono"), slots="mono")
    images = [image for event in drawn(truths) for tel, image in event.items() if TYPES[tel] == SQUARE]
    assert len(dataset) == len(images)
    rows = np.array([5, 60, 0, 5])
    part = dataset.fetch(rows)["telescopes"][SQUARE]
    assert part["charge"].shape == (4, 1, 16)
    assert part["trigger"].all()
    for b, row in enumerate(rows):
        for name, values in zip(("charge", "time", "mask"), images[row], strict=True):
            np.testing.assert_array_equal(part[name][b, 0], values)


def test_several_types_of_single_images_have_one_each(data):
    dataset = EventDataset(list_events(data, slots="mono"), slots="mono")
    parts = dataset.fetch(np.arange(20))["telescopes"]
    assert (parts[HEXAGONAL]["trigger"] ^ parts[SQUARE]["trigger"]).all()


@pytest.mark.parametrize("slots", ["array", "triggered"])
def test_batches_that_are_read_together_are_those_that_are_read_alone(data, slots):
    dataset = EventDataset(list_events(data), slots=slots)
    parts = [ROWS[:3], ROWS[3:6], ROWS[6:]]
    for together, part in zip(dataset.fetch_batches(parts), parts, strict=True):
        alone = dataset.fetch(part)
        for kind in (HEXAGONAL, SQUARE):
            for name, values in alone["telescopes"][kind].items():
                torch.testing.assert_close(together["telescopes"][kind][name], values)


def test_targets_and_fields(data):
    events = list_events(data)
    particle = TargetColumn("label", (events.labels["shower_primary_id"] == 0).astype(np.int64))
    batch = EventDataset(events, slots="array", fields=["charge"], targets={"particle": particle}).fetch(ROWS)
    np.testing.assert_array_equal(batch["target"]["particle"].value, particle.values[ROWS])
    assert set(batch["telescopes"][SQUARE]) == {"charge", "trigger", "position"}


def test_a_field_that_a_file_does_not_hold_is_refused_before_any_work(tmp_path):
    events = list_events(EventData(files=(write_data_handler(tmp_path / "a.h5", draw()),)))
    with pytest.raises(InputError, match=r"a\.h5: holds charge, time of the images of .*, not mask"):
        EventDataset(events, slots="array")


def test_pixels_that_are_not_finite_are_switched_off(tmp_path):
    truth = draw()
    tel, row = 2, 4
    event = truth.images_of(tel)[row]
    truth.charge[tel][row, :2] = [np.nan, np.inf]
    truth.time[tel][row, 5] = np.nan
    truth.mask[tel][row] = True
    broken = 6  # an image without one charge
    truth.charge[tel][broken] = np.nan
    events = list_events(EventData(files=(write_dl1(tmp_path / "a.h5", truth),)))
    kept = np.flatnonzero(truth.trigger.any(axis=1))
    rows = np.searchsorted(kept, [event, truth.images_of(tel)[broken]])
    part = EventDataset(events, slots="array").fetch(rows)["telescopes"][SQUARE]
    expected = truth.charge[tel][row].copy()
    expected[[0, 1, 5]] = 0
    np.testing.assert_array_equal(part["charge"][0, 0], expected)
    assert np.flatnonzero(~part["mask"][0, 0]).tolist() == [0, 1, 5]
    assert part["trigger"][:, 0].tolist() == [True, False]
    assert not part["charge"][1, 0].any()
    assert all(torch.isfinite(part[name]).all() for name in ("charge", "time"))


def test_a_batch_in_which_no_telescope_of_a_type_triggered(tmp_path):
    truth = draw()
    only = np.flatnonzero(truth.trigger[:, 2:].any(axis=1) & ~truth.trigger[:, :2].any(axis=1))
    events = list_events(EventData(files=(write_dl1(tmp_path / "a.h5", truth),)))
    rows = np.searchsorted(np.flatnonzero(truth.trigger.any(axis=1)), only)
    assert len(rows)
    cases: tuple[tuple[Slots, int], ...] = (("array", 2), ("triggered", 1))
    for slots, width in cases:
        part = EventDataset(events, slots=slots).fetch(rows)["telescopes"][HEXAGONAL]
        assert part["charge"].shape == (len(rows), width, 19)
        assert not part["trigger"].any()
