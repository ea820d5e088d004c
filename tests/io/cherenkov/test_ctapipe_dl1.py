"""DL1 files of ctapipe: what is read is what was drawn, however the rows stand."""

import h5py
import numpy as np
import pytest

from merkhet.errors import InputError
from merkhet.io.cherenkov.reading import open_event_file
from tests.io.cherenkov.files import (
    ALT,
    AZ,
    HEXAGONAL,
    POSITIONS,
    SQUARE,
    TEL_IDS,
    TYPES,
    draw,
    write_dl1,
    write_table,
)


def rewrite(path, name, **changes):
    """Replace columns of a table that was written."""
    with h5py.File(path, "a") as file:
        from merkhet.io.cherenkov.table import ChunkedTable

        table = ChunkedTable(file[name], path=path)
        columns, attributes = table.read(table.names), dict(file[name].attrs)
        del file[name]
        write_table(file, name, columns | changes, attributes=attributes)


def assert_same_images(events, truth, *, slots=range(4)):
    for kind in (HEXAGONAL, SQUARE):
        images = events.images_of_type(kind)
        read = events.images(kind, images)
        for slot in slots:
            if TYPES[slot] != kind:
                continue
            mine = events.index.slot[images] == slot
            event = events.index.events_of(images[mine])
            np.testing.assert_array_equal(event, truth.images_of(slot))
            np.testing.assert_array_equal(read["charge"][mine], truth.charge[slot])
            np.testing.assert_array_equal(read["time"][mine], truth.time[slot])
            np.testing.assert_array_equal(read["mask"][mine], truth.mask[slot])


@pytest.mark.parametrize("version", ["v4.0.0", "v5.1.0", "v6.0.0", "v7.1.0", "v7.6.0"])
@pytest.mark.parametrize("compressed", [True, False])
def test_everything_is_read(tmp_path, version, compressed):
    truth = draw()
    events = open_event_file(write_dl1(tmp_path / "a.h5", truth, version=version, compressed=compressed))
    assert (events.format, events.model_version) == ("ctapipe DL1", version)
    assert_same_images(events, truth)
    index = events.index
    np.testing.assert_array_equal(index.event_id, truth.event_id)
    np.testing.assert_array_equal(index.obs_id_of(np.arange(40)), truth.obs_id)
    np.testing.assert_array_equal(index.labels["shower_primary_id"], truth.primary)
    for name, expected in (("energy", truth.energy), ("alt", ALT), ("az", AZ), ("h_first_int", 20e3), ("x_max", 300)):
        np.testing.assert_allclose(index.labels[name], expected, rtol=1e-6)  # GeV, deg and km in the file
    np.testing.assert_allclose(index.pointing_of(np.arange(40)), np.tile([ALT, AZ], (40, 1)))


def test_the_array(tmp_path):
    subarray = open_event_file(write_dl1(tmp_path / "a.h5", draw())).subarray
    assert subarray.name == "Tiny"
    assert subarray.type_names == (HEXAGONAL, SQUARE)
    assert subarray.telescopes["tel_id"].tolist() == list(TEL_IDS)
    np.testing.assert_allclose(subarray.positions(SQUARE), POSITIONS[2:])
    lst, sst = subarray.types
    assert (lst.focal_length_m, sst.focal_length_m) == (29.3, 2.15)  # the nominal one where none is effective
    assert (lst.camera.pixel_shape, sst.camera.pixel_shape) == ("hexagonal", "square")
    assert lst.camera.pitch == pytest.approx(0.05)  # cm in the file


def test_any_images_in_any_order(tmp_path):
    truth = draw()
    events = open_event_file(write_dl1(tmp_path / "a.h5", truth))
    images = np.random.default_rng(1).permutation(events.images_of_type(HEXAGONAL))[:11]
    read = events.images(HEXAGONAL, images, fields=["charge"])
    assert list(read) == ["charge"]
    for image, charge in zip(images, read["charge"], strict=True):
        slot, event = events.index.slot[image], events.index.events_of(image[None])[0]
        row = np.flatnonzero(truth.images_of(slot) == event)[0]
        np.testing.assert_array_equal(charge, truth.charge[slot][row])


def test_rows_in_another_order_are_found_by_their_ids(tmp_path):
    truth = draw()
    shuffled = write_dl1(tmp_path / "a.h5", truth, order=lambda n: np.random.default_rng(n).permutation(n))
    assert_same_images(open_event_file(shuffled), truth)


def test_images_that_were_selected_away(tmp_path):
    truth = draw()
    path = write_dl1(tmp_path / "a.h5", truth, order=lambda n: np.arange(0, n, 2))
    events = open_event_file(path)
    assert events.index.n_images == sum((len(truth.images_of(tel)) + 1) // 2 for tel in range(4))
    images = events.images_of_type(HEXAGONAL)
    mine = images[events.index.slot[images] == 0]
    np.testing.assert_array_equal(events.images(HEXAGONAL, mine)["charge"], truth.charge[0][::2])
    np.testing.assert_array_equal(events.index.events_of(mine), truth.images_of(0)[::2])


def test_an_image_of_another_event_is_found_when_it_is_read(tmp_path):
    truth = draw(events=200)
    count = len(truth.images_of(0))
    swapped = np.arange(count)
    swapped[[9, 10]] = [10, 9]  # not in the first, the middle or the last chunk
    events = open_event_file(
        write_dl1(tmp_path / "a.h5", truth, order=lambda n: swapped if n == count else np.arange(n))
    )
    with pytest.raises(InputError, match=r"a\.h5: .*row 9 of .*tel_001 has event_id \d+; expected \d+ as in the table"):
        events.images(HEXAGONAL, events.images_of_type(HEXAGONAL))


@pytest.mark.parametrize(("scale", "offset", "kind"), [(10, 3000, np.uint16), (4, -100, np.int16), (10, 0, np.int32)])
def test_fixed_point_charges(tmp_path, scale, offset, kind):
    truth = draw()
    truth.charge[0][0, :3] = [np.nan, np.inf, -np.inf]
    options = {"scale": scale, "offset": offset, "dtype": kind}
    events = open_event_file(write_dl1(tmp_path / "a.h5", truth, fixed_point=options))
    images = events.images_of_type(HEXAGONAL)
    charge = events.images(HEXAGONAL, images)["charge"][events.index.slot[images] == 0]
    np.testing.assert_allclose(charge, truth.charge[0], atol=0.5 / scale + 1e-5)
    np.testing.assert_array_equal(charge[0, :3], [np.nan, np.inf, -np.inf])


def test_showers_in_another_order_are_found_by_their_ids(tmp_path):
    truth = draw()
    path = write_dl1(tmp_path / "a.h5", truth)
    rewrite(path, "simulation/event/subarray/shower", **_permuted(path, "simulation/event/subarray/shower"))
    np.testing.assert_allclose(open_event_file(path).index.labels["energy"], truth.energy, rtol=1e-6)


def _permuted(path, name):
    from merkhet.io.cherenkov.table import ChunkedTable

    with h5py.File(path) as file:
        table = ChunkedTable(file[name], path=path)
        columns = table.read(table.names)
    order = np.random.default_rng(0).permutation(len(columns["event_id"]))
    return {key: values[order] for key, values in columns.items()}


def test_an_event_without_a_shower(tmp_path):
    path = write_dl1(tmp_path / "a.h5", draw())
    name = "simulation/event/subarray/shower"
    rewrite(path, name, event_id=np.arange(40))
    with pytest.raises(
        InputError, match=r"a\.h5: 3\d of 40 events are not in simulation/event/subarray/shower, the first"
    ):
        open_event_file(path)


def test_observed_data_have_no_labels(tmp_path):
    events = open_event_file(write_dl1(tmp_path / "a.h5", draw(), simulated=False))
    assert events.index.labels == {}


def test_pointing(tmp_path):
    path = write_dl1(tmp_path / "a.h5", draw(), pointing=False)
    assert open_event_file(path).index.pointing is None
    with h5py.File(path, "a") as file:  # as ctapipe wrote it until 0.20: an entry where it changed
        times = {"time": np.array([0.5, 1.0]), "azimuth": np.array([AZ, AZ]), "altitude": np.array([ALT, ALT + 0.1])}
        write_table(file, "dl1/monitoring/telescope/pointing/tel_001", times)
    rewrite(path, "dl1/event/subarray/trigger", time=np.linspace(0, 3, 40))
    events = open_event_file(path)
    assert events.index.tracking
    expected = np.where(np.linspace(0, 3, 40) < 0.75, ALT, ALT + 0.1)
    np.testing.assert_allclose(events.index.pointing_of(np.arange(40))[:, 0], expected)


def test_telescopes_that_do_not_point_in_parallel(tmp_path):
    path = write_dl1(tmp_path / "a.h5", draw())
    name = "configuration/telescope/pointing/tel_005"
    rewrite(path, name, telescope_pointing_altitude=np.array([ALT, ALT + 0.01]))
    with pytest.raises(
        InputError, match=r"tel_005 points 0\.573 deg away .*expected telescopes that point in parallel"
    ):
        open_event_file(path)


def test_parameters_stand_beside_their_images(tmp_path):
    truth = draw()
    events = open_event_file(write_dl1(tmp_path / "a.h5", truth))
    read = events.read_parameters(2, ["hillas_intensity"])["hillas_intensity"]
    np.testing.assert_allclose(read, truth.charge[2].sum(axis=1))
    with pytest.raises(InputError, match="has no column 'width'"):
        events.read_parameters(2, ["width"])


def test_what_is_missing_is_named(tmp_path):
    path = write_dl1(tmp_path / "a.h5", draw(), geometry=False)
    with pytest.raises(InputError, match=r"a\.h5: holds no camera geometry .*geometry_1; expected the positions"):
        open_event_file(path)
    path = write_dl1(tmp_path / "b.h5", draw())
    with h5py.File(path, "a") as file:
        del file["dl1/event/telescope/images"]
    with pytest.raises(InputError, match=r"b\.h5: holds no images .*--write-images"):
        open_event_file(path)
    with pytest.raises(InputError, match=r"ctapipe data model v3\.0\.0; expected v4 to v7"):
        open_event_file(write_dl1(tmp_path / "c.h5", draw(), version="v3.0.0"))


def test_a_file_without_one_event(tmp_path):
    with pytest.raises(InputError, match="holds no event"):
        open_event_file(write_dl1(tmp_path / "a.h5", draw(events=0)))


def test_another_number_of_pixels_than_the_camera(tmp_path):
    truth = draw()
    path = write_dl1(tmp_path / "a.h5", truth)
    rewrite(path, "dl1/event/telescope/images/tel_001", image=truth.charge[0][:, :18])
    events = open_event_file(path)
    with pytest.raises(InputError, match="tel_001 have 18 pixels; expected 19 as their camera has"):
        events.images(HEXAGONAL, events.images_of_type(HEXAGONAL))


def test_fields_that_are_not_there(tmp_path):
    path = write_dl1(tmp_path / "a.h5", draw())
    with h5py.File(path, "a") as file:
        for tel_id in (1, 2):
            name = f"dl1/event/telescope/images/tel_{tel_id:03d}"
            from merkhet.io.cherenkov.table import ChunkedTable

            columns = ChunkedTable(file[name], path=path).read(["obs_id", "event_id", "image", "peak_time"])
            del file[name]
            write_table(file, name, columns)
    events = open_event_file(path)
    assert (events.fields(HEXAGONAL), events.fields(SQUARE)) == (("charge", "time"), ("charge", "time", "mask"))
    with pytest.raises(InputError, match=f"holds charge, time of the images of {HEXAGONAL}, not mask"):
        events.images(HEXAGONAL, np.array([0]))
