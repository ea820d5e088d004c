"""Prediction of events: what is answered, what is rejected, and what is written."""

import shutil

import h5py
import numpy as np
import pytest
from astropy.table import Table

from merkhet.cli import main
from merkhet.config.array_models import Mean, TelescopeArray
from merkhet.config.array_tasks import ArrayEvents
from merkhet.config.models import CNN
from merkhet.errors import InputError, Interrupted, OutputError
from merkhet.infer.event_outputs import EventDisplays
from merkhet.infer.events import predict_events
from merkhet.io.cherenkov.ctapipe_dl1 import VERSION
from merkhet.io.cherenkov.dl1_writer import Dl1Writer
from merkhet.io.cherenkov.reading import open_events
from merkhet.io.cherenkov.table import ChunkedTable
from merkhet.io.tables import read_table
from tests.infer.event_bundles import MODEL, make_event_bundle
from tests.io.cherenkov.test_dl1_writer import RUNS
from tests.showers import array, events

HOME = "dl2/event/subarray"


def write_events(path, block):
    with h5py.File(path, "w") as file:
        writer = Dl1Writer(file, subarray=array().subarray)
        writer.write(block)
        writer.close(RUNS)
    return path


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return write_events(tmp_path_factory.mktemp("events") / "first.h5", events(60).take(np.arange(12)))


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    return write_events(tmp_path_factory.mktemp("events") / "second.h5", events(60).take(np.arange(12, 20)))


@pytest.fixture(scope="module")
def bundle(first, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "bundle"
    make_event_bundle(folder, first)
    return folder


@pytest.fixture(scope="module")
def single(first, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "single"
    model = TelescopeArray(mapping=MODEL.mapping, backbone=CNN(widths=(4, 8)), features=8, combination=Mean())
    make_event_bundle(folder, first, slots="mono", model=model)
    return folder


def test_every_event_has_a_row_with_its_telescopes(bundle, first, second):
    found = predict_events(bundle, [first, second])
    index = open_events(first).index
    assert len(found.table) == 20
    assert found.rejects == ()
    np.testing.assert_array_equal(found.table["event_id"][:12], index.event_id)
    np.testing.assert_array_equal(found.table["n_telescopes"][:12], index.multiplicity)
    assert found.table["is_valid"].all()
    assert set(found.table["file"]) == {str(first), str(second)}
    assert [str(found.table[name].unit) for name in ("energy", "alt", "direction_uncertainty_deg")] == [
        "TeV",
        "deg",
        "deg",
    ]


def test_answers_do_not_depend_on_the_other_files(bundle, first, second):
    alone = predict_events(bundle, second).table
    together = predict_events(bundle, [first, second], batch_size=5).table[12:]
    np.testing.assert_allclose(alone["gammaness"], together["gammaness"], rtol=1e-4)


def test_dl2_holds_what_the_table_does(bundle, first, second, tmp_path):
    path = tmp_path / "events.dl2.h5"
    found = predict_events(bundle, [first, second], out=path)
    with h5py.File(path) as file:
        energy = ChunkedTable(file[f"{HOME}/energy/merkhet_energy"], path=path)
        columns = energy.read(energy.names)
        assert "simulation/event/subarray/shower" in file
        assert "configuration/simulation/run" in file
    np.testing.assert_array_equal(columns["event_id"], found.table["event_id"])
    np.testing.assert_allclose(columns["merkhet_energy_energy"], found.table["energy"])
    np.testing.assert_array_equal(columns["merkhet_energy_telescopes"].sum(axis=1), found.table["n_telescopes"])
    assert len(read_table(str(found.rejects_path))) == 0


def test_dl2_of_single_images_is_by_telescope(single, first, tmp_path):
    path = tmp_path / "events.dl2.h5"
    found = predict_events(single, first, out=path)
    index = open_events(first).index
    assert len(found.table) == index.n_images
    with h5py.File(path) as file:
        means = file["dl2/event/subarray/classification/merkhet_particle"]
        read = ChunkedTable(means, path=path).read(
            ["merkhet_particle_prediction", "merkhet_particle_is_valid", "merkhet_particle_telescopes"]
        )
        rows = sum(len(node) for node in file["dl2/event/telescope/energy/merkhet_energy"].values())
    assert rows == index.n_images
    # What stands for an event is the mean over its telescopes.
    event = index.events_of(np.arange(index.n_images))
    means = [np.mean(found.table["gammaness"][event == k]) for k in range(len(index))]
    np.testing.assert_allclose(read["merkhet_particle_prediction"], means, rtol=1e-6)
    assert read["merkhet_particle_is_valid"].all()
    assert read["merkhet_particle_telescopes"].sum() == index.n_images


def test_bad_files_are_rejected_and_the_others_go_on(bundle, first, tmp_path):
    cut = tmp_path / "cut.h5"
    cut.write_bytes(first.read_bytes()[:20_000])
    other = tmp_path / "other.h5"
    other.write_bytes(b"no HDF5 at all")
    found = predict_events(bundle, [cut, first, other, tmp_path / "gone.h5"], out=tmp_path / "out.ecsv")
    assert len(found.table) == 12
    assert [reject.file.rsplit("/", 1)[1] for reject in found.rejects] == ["cut.h5", "other.h5", "gone.h5"]
    assert "truncated" in found.rejects[0].reason
    assert list(read_table(str(found.rejects_path))["reason"]) == [reject.reason for reject in found.rejects]


def test_a_damaged_chunk_rejects_its_file(bundle, first, tmp_path):
    bad = tmp_path / "bad.h5"
    shutil.copy(first, bad)
    with h5py.File(bad) as file:
        images = file["dl1/event/telescope/images"]
        chunk = next(iter(images.values())).id.get_chunk_info(0)
    with bad.open("r+b") as stream:
        stream.seek(chunk.byte_offset)
        stream.write(b"\xff" * chunk.size)
    found = predict_events(bundle, [bad, first])
    assert len(found.table) == 12
    assert [(reject.file, reject.stage) for reject in found.rejects] == [(str(bad), "read")]


def test_telescope_types_that_the_model_does_not_know_are_left_out(first, tmp_path):
    name = array().subarray.type_names[0]
    make_event_bundle(tmp_path / "bundle", first, types=[name])
    path = tmp_path / "events.h5"
    found = predict_events(tmp_path / "bundle", first, out=path)
    source = open_events(first)
    seen = np.bincount(source.index.events_of(source.images_of_type(name)), minlength=len(source.index))
    np.testing.assert_array_equal(found.table["n_telescopes"], seen)
    assert "are left out: the model knows" in found.notes[0]
    unseen = seen == 0
    assert unseen.any()
    np.testing.assert_array_equal(found.table["is_valid"], ~unseen)
    assert np.isnan(found.table["energy"][unseen]).all()
    assert f"{unseen.sum()} of 12 events have no image of {name}" in found.rejects[0].reason
    with h5py.File(path) as file:  # every event and every telescope that triggered is there all the same
        trigger = ChunkedTable(file["dl1/event/subarray/trigger"], path=path).read(["tels_with_trigger"])
    assert trigger["tels_with_trigger"].sum() == source.index.n_images


def test_a_type_that_the_file_lacks_is_borne_by_a_model_of_any_telescopes(first, tmp_path):
    names = array().subarray.type_names
    block = events(60).take(np.arange(12))
    images = {name: part for name, part in block.images.items() if name == names[0]}
    kept = np.unique(images[names[0]].event)
    some = type(block)(block.obs_id, block.event_id, block.truth, images).take(kept)
    bare = write_events(tmp_path / "bare.h5", some)
    make_event_bundle(tmp_path / "any", first)
    found = predict_events(tmp_path / "any", bare)
    assert found.table["is_valid"].all()
    assert found.notes == (f"{bare}: no images of {', '.join(names[1:])}: the model answers from {names[0]}",)
    make_event_bundle(tmp_path / "fixed", first, slots="array")
    found = predict_events(tmp_path / "fixed", bare)
    assert len(found.table) == 0
    assert "holds no images of telescope type" in found.rejects[0].reason


def test_files_of_several_versions_are_noted(bundle, first, second, tmp_path):
    old = tmp_path / "old.h5"
    shutil.copy(second, old)
    with h5py.File(old, "r+") as file:
        file.attrs[VERSION] = "v6.0.0"
    found = predict_events(bundle, [first, old])
    assert len(found.table) == 20
    assert found.notes[0].startswith(f"{old}: is ctapipe DL1 v6.0.0, but {first} is ctapipe DL1 v7.1.0")


def test_one_dl2_file_does_not_hold_two_events_of_one_name(bundle, first, tmp_path):
    again = tmp_path / "again.h5"
    shutil.copy(first, again)
    found = predict_events(bundle, [first, again], out=tmp_path / "both.h5")
    assert len(found.table) == 12
    assert "stands in" in found.rejects[0].reason
    assert len(predict_events(bundle, [first, again], out=tmp_path / "table.parquet").table) == 24


def test_folders_and_patterns_stand_for_files(bundle, first, second, tmp_path):
    shutil.copy(first, tmp_path / "a.h5")
    shutil.copy(second, tmp_path / "b.h5")
    assert len(predict_events(bundle, tmp_path).table) == 20
    assert len(predict_events(bundle, [f"{tmp_path}/a*.h5", tmp_path / "a.h5"]).table) == 12
    with pytest.raises(InputError, match="the pattern matches no file"):
        predict_events(bundle, f"{tmp_path}/c*.h5")
    with pytest.raises(InputError, match="no input was given"):
        predict_events(bundle, [])


def test_outputs_are_refused_before_any_work(bundle, first, tmp_path):
    taken = tmp_path / "taken.h5"
    taken.write_bytes(b"x")
    with pytest.raises(OutputError, match="it exists already"):
        predict_events(bundle, first, out=taken)
    with pytest.raises(OutputError, match="is one of the inputs"):
        predict_events(bundle, taken, out=taken, overwrite=True)
    with pytest.raises(InputError, match="xyz"):
        predict_events(bundle, first, out=tmp_path / "a.xyz")


def test_ctrl_c_keeps_the_files_that_were_answered(bundle, first, second, tmp_path):
    def stop(done, total):
        if done > 12:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=r"1 of 2 files were answered: .*out\.csv holds their events"):
        predict_events(bundle, [first, second], out=tmp_path / "out.csv", progress=stop)
    assert len(read_table(tmp_path / "out.csv")) == 12


def test_pictures_are_of_the_first_events(bundle, first, tmp_path):
    drawn = []

    def draw(source, event, answer, path):
        if event == 1:
            raise InputError(source.path, "cannot be drawn")
        drawn.append((event, float(answer["gammaness"])))
        path.write_bytes(b"png")

    found = predict_events(bundle, first, displays=EventDisplays(tmp_path / "pictures", 3, draw))
    assert drawn == [(0, found.table["gammaness"][0]), (2, found.table["gammaness"][2])]
    assert [path.name[:10] for path in found.pictures] == ["001_first_", "003_first_"]
    assert found.rejects[0].stage == "display"


def test_the_verb(bundle, first, tmp_path, capsys):
    out = tmp_path / "events.dl2.h5"
    assert main(["predict", str(bundle), str(first), "--out", str(out), "--display", "1"]) == 0
    said = capsys.readouterr().err
    assert "12 events answered, 12 of them valid" in said
    assert len(list((tmp_path / "events_displays").glob("*.png"))) == 1
    assert main(["predict", str(bundle), str(first), str(tmp_path / "gone.h5"), "--json"]) == 3
    assert '"rows": 12, "rejected": 1' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--hdu", "1", "--heatmap", "x"], "--heatmap, --hdu: for models of images"),
        (["--displays", "x"], "say with --display how many"),
        (["--display", "3"], "say with --displays where the pictures go"),
        (["--camera", "LST"], "expected TYPE=TABLE"),
    ],
)
def test_options_that_do_not_fit_are_refused(bundle, first, capsys, options, line):
    assert main(["predict", str(bundle), str(first), *options]) == 2
    assert line in capsys.readouterr().err


def test_a_model_of_images_refuses_options_of_events(tmp_path, capsys):
    from tests.bundle.bundles import make_bundle

    make_bundle(tmp_path / "images")
    assert main(["predict", str(tmp_path / "images"), "a.fits", "--display", "3"]) == 2
    assert "--display: for models of events" in capsys.readouterr().err


def test_a_model_of_particles_alone_gives_no_energy(first, tmp_path):
    make_event_bundle(tmp_path / "bundle", first, task=ArrayEvents(heads=("particle",)))
    path = tmp_path / "events.h5"
    table = predict_events(tmp_path / "bundle", first, out=path).table
    assert "energy" not in table.colnames
    with h5py.File(path) as file:
        assert list(file[HOME]) == ["classification"]


def test_no_file_that_can_be_used_leaves_an_empty_table(bundle, tmp_path):
    found = predict_events(bundle, tmp_path / "gone.h5", out=tmp_path / "none.ecsv")
    assert isinstance(found.table, Table)
    assert len(read_table(tmp_path / "none.ecsv")) == 0
