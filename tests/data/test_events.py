"""The list of samples: files joined, groups by shower, units that are read together, and what is refused."""

import numpy as np
import pytest
from astropy.table import Table

from merkhet.config.data import Between
from merkhet.config.events import EventData, EventSelection
from merkhet.data.events import event_files, list_events
from merkhet.errors import InputError
from merkhet.io.cherenkov.packed import pack_events
from merkhet.io.cherenkov.reading import open_event_file
from tests.io.cherenkov.files import HEXAGONAL, SQUARE, TEL_IDS, TYPES, draw, write_data_handler, write_dl1


@pytest.fixture
def two(tmp_path):
    truths = draw(seed=1), draw(events=30, seed=2)
    paths = tuple(write_dl1(tmp_path / f"{n}.h5", truth) for n, truth in enumerate(truths))
    return truths, EventData(files=paths)


def test_files_stand_one_after_another(two):
    truths, data = two
    events = list_events(data)
    used = [truth.trigger.any(axis=1) for truth in truths]
    assert len(events) == sum(map(np.sum, used))
    assert events.left_out == tuple(int((~mine).sum()) for mine in used)
    for name in ("event_id", "obs_id"):
        expected = np.concatenate([getattr(truth, name)[mine] for truth, mine in zip(truths, used, strict=True)])
        np.testing.assert_array_equal(getattr(events, name), expected)
    energy = np.concatenate([truth.energy[mine] for truth, mine in zip(truths, used, strict=True)])
    np.testing.assert_allclose(events.labels["energy"], energy, rtol=1e-6)
    file, local = events.locate(np.array([0, used[0].sum() - 1, used[0].sum()]))
    assert (file.tolist(), local.tolist()) == ([0, 0, 1], [0, used[0].sum() - 1, 0])
    np.testing.assert_allclose(events.offsets(), np.zeros((len(events), 2)), atol=1e-4)  # in deg, on the axis


def test_of_mono_data_a_sample_is_an_image(two):
    truths, data = two
    events = list_events(data, types=[SQUARE], slots="mono")
    images = [np.nonzero(truth.trigger[:, 2:]) for truth in truths]
    assert len(events) == sum(len(event) for event, _ in images)
    expected = np.concatenate([truth.event_id[event] for truth, (event, _) in zip(truths, images, strict=True)])
    np.testing.assert_array_equal(events.event_id, expected)
    np.testing.assert_array_equal(events.tel_id, np.concatenate([np.array(TEL_IDS)[2:][tel] for _, tel in images]))
    assert len(events.pointing) == len(events.group) == len(events.labels["energy"]) == len(events)
    assert list_events(data).tel_id is None


def test_images_of_one_chunk_are_one_unit(two):
    _, data = two
    events = list_events(data, slots="mono")
    units = events.units()
    for unit in np.unique(units):
        mine = np.flatnonzero(units == unit)
        file, image = events.locate(mine)
        index = events.files[file[0]].index
        chunk = index.row[image] // 4  # rows of a chunk in these files
        assert len(set(file)) == len(set(index.slot[image])) == len(set(chunk)) == 1
    assert len(np.unique(units)) > 10


def test_a_shower_that_is_used_again_is_one_group(tmp_path):
    truth = draw()
    truth.energy = np.repeat(truth.energy[::5], 5)  # every shower five times
    data = EventData(files=(write_dl1(tmp_path / "a.h5", truth), write_dl1(tmp_path / "b.h5", truth)))
    events = list_events(data)
    kept = truth.trigger.any(axis=1)
    expected = np.flatnonzero(kept) // 5
    expected = np.r_[expected, expected + 8]
    np.testing.assert_array_equal(
        np.unique(events.group, return_inverse=True)[1], np.unique(expected, return_inverse=True)[1]
    )


def test_observed_events_are_groups_of_their_own(tmp_path):
    events = list_events(EventData(files=(write_dl1(tmp_path / "a.h5", draw(), simulated=False),)))
    assert len(np.unique(events.group)) == len(events)
    with pytest.raises(InputError, match="holds no true directions"):
        events.offsets()


@pytest.mark.parametrize(
    ("select", "kept"),
    [
        ({"multiplicity": 3}, lambda truth: truth.trigger.sum(axis=1) >= 3),
        ({"energy": Between(min=5)}, lambda truth: (truth.energy >= 5) & truth.trigger.any(axis=1)),
        ({"energy": Between(min=2, max=5), "multiplicity": 2},
         lambda truth: (truth.energy >= 2) & (truth.energy <= 5) & (truth.trigger.sum(axis=1) >= 2)),
    ],
)  # fmt: skip
def test_events_are_selected(tmp_path, select, kept):
    truth = draw()
    data = EventData(files=(write_dl1(tmp_path / "a.h5", truth),), select=EventSelection(**select))
    np.testing.assert_array_equal(list_events(data).event_id, truth.event_id[kept(truth)])


@pytest.mark.parametrize("packed", [False, True])
def test_images_are_selected_by_size_and_leakage(tmp_path, packed):
    truth = draw()
    path = write_dl1(tmp_path / "a.h5", truth)
    if packed:
        path = pack_events(open_event_file(path), tmp_path / "pack").path
    select = EventSelection(intensity=Between(min=40), leakage=Between(max=0.5), multiplicity=2)
    events = list_events(EventData(files=(path,), select=select))
    good = truth.trigger.copy()
    for tel in range(len(TYPES)):
        mine = truth.images_of(tel)
        size, leakage = truth.charge[tel].sum(axis=1), np.linspace(0, 1, len(mine))
        good[mine, tel] = (size >= 40) & (leakage <= 0.5)
    good[good.sum(axis=1) < 2] = False
    np.testing.assert_array_equal(events.event_id, truth.event_id[good.any(axis=1)])
    np.testing.assert_array_equal(events.files[0].index.slot, np.nonzero(good[good.any(axis=1)])[1])


def test_a_type_is_counted_by_itself(two):
    (truth, _), data = two
    events = list_events(data, types=[HEXAGONAL])
    np.testing.assert_array_equal(events.event_id[: events.starts[1]], truth.event_id[truth.trigger[:, :2].any(axis=1)])


def test_what_cannot_be_selected_or_is_not_there(tmp_path, two):
    _, data = two
    with pytest.raises(
        InputError, match=f"holds no images of telescope type MST; expected one of {HEXAGONAL}, {SQUARE}"
    ):
        list_events(data, types=["MST"])
    with pytest.raises(InputError, match=r"no event is left of 70: none passes the selection with 5 images"):
        list_events(data.model_copy(update={"select": EventSelection(multiplicity=5)}))
    observed = EventData(
        files=(write_dl1(tmp_path / "o.h5", draw(), simulated=False),), select=EventSelection(energy=Between(min=1))
    )
    with pytest.raises(InputError, match="holds no true energies"):
        list_events(observed)
    old = EventData(
        files=(write_data_handler(tmp_path / "d.h5", draw()),), select=EventSelection(intensity=Between(min=1))
    )
    with pytest.raises(InputError, match="holds no image parameters of telescope 1; expected columns hillas_intensity"):
        list_events(old)


def test_zero_triggered_telescopes(tmp_path):
    truth = draw()
    truth.trigger[:] = False
    truth.charge, truth.time, truth.mask = (
        [values[:0] for values in part] for part in (truth.charge, truth.time, truth.mask)
    )
    with pytest.raises(InputError, match="no event is left of 40: none passes the selection with 1 images of"):
        list_events(EventData(files=(write_dl1(tmp_path / "a.h5", truth),)))


def test_files_of_several_versions_layouts_or_arrays(tmp_path, monkeypatch):
    paths = [write_dl1(tmp_path / f"{version}.h5", draw(), version=version) for version in ("v5.0.0", "v7.1.0")]
    with pytest.raises(
        InputError, match=r"v7\.1\.0\.h5: is ctapipe DL1 v7\.1\.0, but .*v5\.0\.0\.h5 is ctapipe DL1 v5\.0\.0"
    ):
        list_events(EventData(files=tuple(paths)))
    assert len(list_events(EventData(files=tuple(paths), mixed_versions=True)).files) == 2
    monkeypatch.setattr("tests.io.cherenkov.files.TEL_IDS", (1, 2, 5, 8))
    other = write_dl1(tmp_path / "other.h5", draw())
    with pytest.raises(InputError, match=r"other\.h5: is of another array than .*: only one has telescope 7"):
        list_events(EventData(files=(paths[1], other)))


def test_folders_stand_for_their_files_and_packs_for_themselves(tmp_path, two):
    _, data = two
    pack = pack_events(open_event_file(data.files[0]), tmp_path / "pack").path
    found = event_files([tmp_path, pack])
    assert [path.name for path in found] == ["0.h5", "1.h5", "pack"]
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="holds no HDF5 file"):
        event_files([tmp_path / "none"])


def test_cameras_for_files_without(tmp_path):
    path = write_data_handler(tmp_path / "a.h5", draw(), geometry=False)
    names = {}
    from tests.io.cherenkov.files import PIXELS

    for place, (kind, (x, y)) in enumerate(PIXELS.items()):
        names[kind] = tmp_path / f"{place}.csv"
        Table({"pix_id": np.arange(len(x)), "pix_x": x, "pix_y": y, "pix_area": np.ones(len(x))}).write(names[kind])
    events = list_events(EventData(files=(path,), cameras=names))
    assert events.subarray.type(SQUARE).camera.pixel_shape == "square"
