import h5py
import numpy as np
import pytest

from merkhet.io.cherenkov.dl1_writer import Dl1Writer
from merkhet.io.cherenkov.reading import open_events
from merkhet.io.cherenkov.runs import SimulatedRun, read_runs
from merkhet.io.cherenkov.simulated import concatenate
from tests.showers import POINTING, array, events

RUNS = [
    SimulatedRun(number, 1000 * number, 0.02, 100.0, -2.0, 500.0, 3.0, tuple(POINTING.tolist()), 2150.0)
    for number in (1, 2, 3)
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path, block = tmp_path_factory.mktemp("dl1") / "events.h5", events(60)
    with h5py.File(path, "w") as file:
        writer = Dl1Writer(file, subarray=array().subarray)
        writer.write(block.take(np.arange(23)))
        writer.write(block.take(np.arange(23, 60)))
        writer.close(RUNS)
    return path


def test_our_reader_finds_every_event_and_image(written):
    block, subarray, found = events(60), array().subarray, open_events(written)
    assert (found.format, found.model_version, len(found.index)) == ("ctapipe DL1", "v7.1.0", 60)
    np.testing.assert_array_equal(found.index.event_id, block.event_id)
    for name, values in block.truth.items():
        np.testing.assert_allclose(found.index.labels[name], values, rtol=1e-6)
    assert found.index.pointing is not None
    np.testing.assert_allclose(found.index.pointing, np.tile(POINTING, (3, 1)), rtol=1e-6)
    for name in subarray.type_names:
        images, mine = found.images_of_type(name), block.images[name]
        read = found.images(name, images)
        np.testing.assert_array_equal(read["charge"], mine.charge)
        np.testing.assert_array_equal(read["time"], mine.time)
        np.testing.assert_array_equal(read["mask"], mine.mask)
        np.testing.assert_array_equal(found.index.events_of(images), mine.event)


def test_the_array_comes_back(written):
    subarray, found = array().subarray, open_events(written).subarray
    assert set(found.type_names) == set(subarray.type_names)
    for kind in subarray.types:
        other = found.type(kind.name)
        np.testing.assert_allclose(other.camera.positions, kind.camera.positions)
        assert other.camera.pixel_shape == kind.camera.pixel_shape
        assert other.focal_length_m == kind.focal_length_m
        np.testing.assert_allclose(found.positions(kind.name), subarray.positions(kind.name))


def test_parameters_stand_in_the_order_of_images(written):
    block, subarray, found = events(60), array().subarray, open_events(written)
    slot = int(subarray.slots(subarray.type_names[0])[1])
    mine = block.images[subarray.type_names[0]]
    tel_id = subarray.telescopes["tel_id"][slot]
    place = int(np.flatnonzero(found.subarray.telescopes["tel_id"] == tel_id)[0])
    read = found.read_parameters(place, ["hillas_intensity"])["hillas_intensity"]
    np.testing.assert_array_equal(read, mine.parameters["hillas_intensity"][mine.slot == slot])


def test_runs_come_back(written):
    for run, expected in zip(read_runs(written), RUNS, strict=True):
        assert run.n_showers == expected.n_showers
        assert (run.obs_id, run.core_radius_m, run.view_cone_deg) == (expected.obs_id, 500.0, 3.0)
        assert run.energy_min_tev == pytest.approx(0.02)
        assert run.pointing == pytest.approx(expected.pointing)


def test_the_file_says_whose_it_is(written):
    with h5py.File(written) as file:
        assert file.attrs["CTA PRODUCT DATA LEVELS"] == b"DL1_IMAGES,DL1_PARAMETERS"
        assert file.attrs["CTA PROCESS ID"] == b"1,2,3"


def test_ctapipe_reads_it(written):
    io = pytest.importorskip("ctapipe.io")
    block, subarray = events(60), array().subarray
    with io.TableLoader(written, dl1_images=True, true_images=True) as loader:
        table = loader.read_subarray_events()
        np.testing.assert_allclose(table["true_energy"], block.truth["energy"])
        images = loader.read_telescope_events_by_id()
    name = subarray.type_names[0]
    slot = int(subarray.slots(name)[0])
    mine = block.images[name]
    np.testing.assert_array_equal(images[int(subarray.telescopes["tel_id"][slot])]["image"],
                                  mine.charge[mine.slot == slot])  # fmt: skip
    with io.EventSource(written, max_events=2) as source:
        assert [event.index.event_id for event in source] == block.event_id[:2].tolist()


def test_blocks_are_taken_apart_and_joined():
    block, subarray = events(60), array().subarray
    parts = concatenate([block.take(np.arange(10)), block.take(np.arange(10, 60))])
    np.testing.assert_array_equal(parts.triggered(subarray), block.triggered(subarray))
    order = np.random.default_rng(0).permutation(60)
    mixed = block.take(order)
    np.testing.assert_array_equal(mixed.triggered(subarray), block.triggered(subarray)[order])
    name = subarray.type_names[1]
    back = mixed.take(np.argsort(order)).images[name]
    np.testing.assert_array_equal(back.charge, block.images[name].charge)
