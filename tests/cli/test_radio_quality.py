"""Radio snapshots on the command line, as a pipeline calls it: lists in, headers, verdicts and statistics out."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import merkhet
from merkhet import __version__
from merkhet.bundle.store import build_task, save_bundle
from merkhet.cli import main
from merkhet.config.bundle import BundleSpec
from merkhet.config.data import ReadSpec
from merkhet.config.inputs import Band, InputSpec
from merkhet.config.models import CNN
from merkhet.config.normalize import Robust
from merkhet.config.tasks import Classify
from merkhet.io.tables import read_table
from tests.bundle.bundles import PROVENANCE

EXCLUSIVE = ("GOOD", "RFI", "SIS", "RFISIS")
TASK = Classify(
    mode="multilabel",
    classes=("rfi", "sis"),
    derived={"good": (), "rfi": ("rfi",), "sis": ("sis",), "rfisis": ("rfi", "sis")},
    header={"CNNVER": "version"}
    | {name: f"p_only_{name.lower()}" for name in EXCLUSIVE}
    | {"PRFI": "p_rfi", "PSIS": "p_sis", "CNNMODEL": "model"},
)
EXPERIMENT = {"data": {"columns": {"label": ["rfi", "sis"], "group": "observation"}}}
NAMES = [
    f"11314{obs}_{pol}_{band}MHz.fits"
    for obs in (56789, 56912)
    for pol in ("XX", "YY")
    for band in ("72-80", "147-154")
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An untrained model with the answers and header keywords of the radio quality recipe, for images of any size."""
    spec = BundleSpec(
        input=InputSpec(bands=(Band(name="stokes_i", unit="Jy/beam"),), shape=(64, 64), fit="any", smallest=64),
        read=ReadSpec(),
        normalize=Robust(),
        model=CNN(widths=(4, 8)),
        task=TASK,
        provenance=PROVENANCE.model_copy(update={"experiment": EXPERIMENT}),
        weights_sha256="",
    )
    task = build_task(task=spec.task, model=spec.model, normalize=spec.normalize, spec=spec.input)
    folder = tmp_path_factory.mktemp("model") / "bundle"
    save_bundle(folder, spec, task.state_dict())
    return folder


@pytest.fixture
def snapshots(tmp_path, rng):
    """Eight snapshots of two observations, in a folder ``images`` beside a list."""
    (tmp_path / "images").mkdir()
    for name in NAMES:
        image = rng.normal(0, 0.03, (64, 64)).astype(np.float32)
        fits.writeto(tmp_path / "images" / name, image, fits.Header({"BUNIT": "JY/BEAM"}))
    return tmp_path


def listed(folder, *lines):
    (folder / "list.csv").write_text("".join(f"{line}\n" for line in lines))
    return str(folder / "list.csv")


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err.splitlines()


def test_the_drop_in_writes_headers_and_nothing_else(capsys, model, snapshots, monkeypatch):
    monkeypatch.chdir("/")
    paths = [snapshots / "images" / name for name in NAMES]
    before = [fits.getdata(path).tobytes() for path in paths]
    files = sorted(snapshots.rglob("*"))
    code, out, _ = run(
        capsys, "predict", model, listed(snapshots, *(f"images/{name}" for name in NAMES)), "--write-header"
    )
    assert (code, out) == (0, "")
    assert sorted(set(snapshots.rglob("*")) - set(files)) == [snapshots / "list.csv"]
    for path, data in zip(paths, before, strict=True):
        header = fits.getheader(path)
        assert header["CNNVER"] == __version__
        assert header["CNNMODEL"] == merkhet.load(model).spec.hash
        assert sum(header[name] for name in EXCLUSIVE) == pytest.approx(1, abs=1e-6)
        assert header["PRFI"] == pytest.approx(header["RFI"] + header["RFISIS"], abs=1e-6)
        assert header["PSIS"] == pytest.approx(header["SIS"] + header["RFISIS"], abs=1e-6)
        assert fits.getdata(path).tobytes() == data


def test_a_published_list_with_all_its_flaws(capsys, model, snapshots):
    cube = np.random.default_rng(0).normal(size=(24, 64, 64)).astype(np.float32)
    spoilt = {
        "cube.fits": cube,
        "nan.fits": np.full((64, 64), np.nan, np.float32),
        "small.fits": cube[0, :32, :32],
        "infinite.fits": np.where(np.arange(64) == 7, np.float32(np.inf), cube[0]),
    }
    for name, image in spoilt.items():
        fits.writeto(snapshots / name, image)
    lines = [
        f"images/{NAMES[0]},0,",
        f"images/{NAMES[1]},3,",
        f"images/{NAMES[2]},4",
        f"images/{NAMES[3]},rfi",
        "gone.fits,1",
    ]
    path = listed(snapshots, *lines, "images,2", *spoilt)
    code, _, errors = run(capsys, "predict", model, path, "--out", snapshots / "c.csv", "--stats", snapshots / "s.csv")
    assert code == 3
    assert errors[0] == f"{path}: 2 of 10 lines end with a comma; the empty field is left out"
    assert "3 images classified, 7 rejected" in errors
    assert read_table(snapshots / "s.csv")["true"].tolist() == ["good", "rfisis", ""]
    rejects = read_table(snapshots / "c_rejects.csv")
    reasons = {Path(row["file"]).name: str(row["reason"]) for row in rejects}
    assert reasons[NAMES[2]] == "label '4'; expected 0 (good), 1 (rfi), 2 (sis), 3 (rfisis)"
    assert reasons[NAMES[3]].startswith("label 'rfi'")
    assert reasons["gone.fits"] == "there is no such file"
    assert reasons["images"] == "is a folder; expected a file"
    assert reasons["nan.fits"] == "every pixel is NaN or infinite; expected some valid pixels"
    assert reasons["small.fits"].startswith("image is 32 x 32 px; expected at least 64 x 64 px")
    assert reasons["cube.fits"] == (
        "24 bands in shape (24, 64, 64); expected 1 as in input.bands. "
        "Select a plane with data.read.plane=0 (--plane 0)"
    )
    assert set(reasons) == {NAMES[2], NAMES[3], "gone.fits", "images", "nan.fits", "small.fits", "cube.fits"}
    flags = read_table(snapshots / "c.csv")["flags"]
    assert [bool(value & 1) for value in flags] == [False, False, True]


def test_a_plane_of_a_cube_is_answered_for(capsys, model, snapshots):
    cube = np.random.default_rng(0).normal(size=(1, 24, 64, 64)).astype(np.float32)
    fits.writeto(snapshots / "cube.fits", cube)
    code, _, _ = run(capsys, "predict", model, snapshots / "cube.fits", "--plane", "23", "--out", snapshots / "c.csv")
    assert code == 0
    expected = merkhet.load(model).predict(cube[0, 23])
    assert read_table(snapshots / "c.csv")["p_rfi"][0] == pytest.approx(expected["p_rfi"][0], abs=1e-6)


def test_verdicts_and_statistics_of_the_same_call(capsys, model, snapshots):
    path = listed(snapshots, *(f"images/{name},{code % 4}" for code, name in enumerate(NAMES)), "11314_XX_1-2MHz.fits")
    tables = {name: snapshots / f"{name}.ecsv" for name in ("out", "verdict", "stats")}
    options = [word for name, table in tables.items() for word in (f"--{name}", table)]
    code, out, _ = run(capsys, "predict", model, path, *options, "--json")
    said = json.loads(out)
    assert code == 3
    assert (said["rows"], said["rejected"], said["verdict"]) == (8, 1, str(tables["verdict"]))
    catalog, verdict, stats = (read_table(table) for table in tables.values())
    assert verdict["observation"].tolist() == ["1131456789", "1131456912", "11314"]
    assert verdict["images"].tolist() == [4, 4, 0]
    assert verdict["rejected"].tolist() == [0, 0, 1]
    assert verdict["subbands"].tolist() == [2, 2, 0]
    affected = 1 - np.asarray(catalog["p_only_good"], dtype=float)
    assert verdict["p_worst"][0] == pytest.approx(affected[:4].max(), abs=1e-6)
    subbands = np.maximum(affected[[0, 1]], affected[[2, 3]])  # XX and YY of one sub-band
    assert verdict["p_affected"][0] == pytest.approx(1 - np.prod(1 - subbands), abs=1e-6)
    assert stats["image"].tolist() == catalog["image"].tolist()
    assert stats["true"].tolist() == ["good", "rfi", "sis", "rfisis"] * 2
    assert stats["predicted"].tolist() == catalog["label"].tolist()
    rfi = np.array([0, 1, 0, 1] * 2)
    sis = np.array([0, 0, 1, 1] * 2)
    of_truth = [np.where(truth, p, 1 - p) for truth, p in ((rfi, catalog["p_rfi"]), (sis, catalog["p_sis"]))]
    np.testing.assert_allclose(stats["loss"], -np.log(of_truth).mean(axis=0), rtol=1e-5)
    assert (stats["seconds_prediction"] > 0).all()


def test_files_without_labels_and_a_group_column(capsys, model, snapshots):
    rows = "".join(f"images/{name},night{place % 2}\n" for place, name in enumerate(NAMES))
    (snapshots / "t.csv").write_text(f"path,night\n{rows}")
    options = ("--verdict", snapshots / "v.csv", "--stats", snapshots / "s.csv", "--quiet")
    assert run(capsys, "predict", model, snapshots / "t.csv", "--group-column", "night", *options)[0] == 0
    assert read_table(snapshots / "v.csv")["observation"].tolist() == ["night0", "night1"]
    stats = read_table(snapshots / "s.csv")
    assert set(stats["true"]) == {""}
    assert np.isnan(np.asarray(stats["loss"], dtype=float)).all()
    code, _, errors = run(
        capsys, "predict", model, snapshots / "t.csv", "--group-column", "day", "--verdict", snapshots / "w.csv"
    )
    assert code == 2
    assert "has no column 'day'" in errors[0]


def test_where_nothing_is_good_verdict_and_statistics_are_written(capsys, model, snapshots):
    options = ("--verdict", snapshots / "v.csv", "--stats", snapshots / "s.csv", "--quiet")
    assert run(capsys, "predict", model, snapshots / "1131456789_gone.fits", *options)[0] == 3
    assert read_table(snapshots / "v.csv")["rejected"].tolist() == [1]
    assert len(read_table(snapshots / "s.csv")) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--group-column", "night"], "--group-column says what an observation is; it goes with --verdict"),
        (["--stats", "t.csv", "--verdict", "t.csv"], "t.csv: is named for two tables"),
        (["--group-column", "night", "--verdict", "t.csv"], "stands in no table with a column 'night'"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(capsys, model, snapshots, options, message):
    options = [snapshots / option if option == "t.csv" else option for option in options]
    code, _, errors = run(capsys, "predict", model, snapshots / "images", *options, "--write-header")
    assert (code, len(errors)) == (2, 1)
    assert message in errors[0]
    assert "GOOD" not in fits.getheader(snapshots / "images" / NAMES[0])


@pytest.mark.parametrize("option", ["--verdict", "--stats"])
def test_a_table_that_exists_is_refused_before_any_header_is_written(capsys, model, snapshots, option):
    (snapshots / "v.csv").write_text("precious")
    code, _, errors = run(capsys, "predict", model, snapshots / "images", option, snapshots / "v.csv", "--write-header")
    assert code == 2
    assert "it exists already" in errors[0]
    assert (snapshots / "v.csv").read_text() == "precious"
    assert "GOOD" not in fits.getheader(snapshots / "images" / NAMES[0])


def test_a_read_only_file_is_answered_for_and_named(capsys, model, snapshots, monkeypatch):
    monkeypatch.setattr("merkhet.io.headers.os.access", lambda *_arguments, **_options: False)  # tests may run as root
    code, _, errors = run(capsys, "predict", model, snapshots / "images" / NAMES[0], "--write-header")
    assert code == 3
    assert errors[0] == "1 images classified, 1 rejected"
    assert "is read-only. Make it writable, or update a copy" in errors[1]


@pytest.mark.parametrize("cards", [27, 28, 34, 35, 36])
def test_a_header_that_ends_at_the_border_of_a_block_grows(capsys, model, snapshots, cards):
    path = snapshots / "border.fits"
    header = fits.Header([("BUNIT", "Jy/beam"), *((f"K{n}", n) for n in range(cards - 7))])
    image = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    fits.writeto(path, image, header)
    assert len(fits.getheader(path)) + 1 == cards  # 36 cards make a block, END is one
    assert run(capsys, "predict", model, path, "--write-header")[0] == 0
    with fits.open(path) as hdus:
        hdus.verify("exception")
        assert sum(hdus[0].header[name] for name in EXCLUSIVE) == pytest.approx(1, abs=1e-6)
        np.testing.assert_array_equal(hdus[0].data, image)


WRITE = """
import sys
from merkhet.io.headers import update_header
for turn in range(40):
    update_header(sys.argv[1], {f"{sys.argv[2]}{turn}": turn, "GOOD": turn / 40})
"""


def test_two_processes_write_headers_of_one_file(snapshots):
    path = snapshots / "images" / NAMES[0]
    data = fits.getdata(path).tobytes()
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, str(path), prefix]) for prefix in "AB"]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    header = fits.getheader(path)
    assert all(header[f"{prefix}{turn}"] == turn for prefix in "AB" for turn in range(40))
    assert header["GOOD"] == 39 / 40
    assert fits.getdata(path).tobytes() == data
    assert sorted(entry.name for entry in path.parent.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("recipe", ["radio_published"])
def test_a_list_trains(capsys, snapshots, recipe):
    path = listed(snapshots, *(f"images/{name},{code % 4}," for code, name in enumerate(NAMES)))
    split = ("split.train=0.5", "split.val=0.5", "split.test=0", "split.stratify=false", "train.stats=false")
    small = ("model.block_sizes=[2, 2, 2]", "model.hidden=[4, 4]", "train.epochs=1", "train.accelerator=cpu")
    code, _, errors = run(
        capsys, "train", recipe, f"data.table={path}", *split, *small, "train.devices=1", "--out", snapshots / "run"
    )
    assert code == 0, errors
    assert f"{path}: 8 of 8 lines end with a comma; the empty field is left out" in errors


@pytest.mark.real
def test_real_maps_go_through_without_a_reject(capsys, model, real_data, tmp_path):
    maps = [
        "0149+710.u.2017_01_28.icn.fits.gz",  # 4-D, gzipped, with a table behind the image
        "1904-66_SIN.fits",  # 40 % NaN
        "3c353_GTfits.fits",  # no WCS
        "HydA_VLA74MHz.fits",  # 4-D
        "tbdsf_process_image.in_fits.pybdsf.ch0_I.fits",
    ]
    paths = [real_data / "radio" / name for name in maps]
    assert run(capsys, "predict", model, *paths, "--out", tmp_path / "c.ecsv", "--quiet")[0] == 0
    assert len(read_table(tmp_path / "c.ecsv")) == len(maps)
    cube = real_data / "radio" / "1904-66_SIN_cube.fits"
    for plane in (0, 9):
        options = ("--plane", plane, "--out", tmp_path / f"{plane}.csv", "--quiet")
        assert run(capsys, "predict", model, cube, *options)[0] == 0
    assert run(capsys, "predict", model, cube, "--out", tmp_path / "none.csv", "--quiet")[0] == 3
    assert "--plane 0" in read_table(tmp_path / "none_rejects.csv")["reason"][0]
