"""The files: names, headers, table, record, refusals, interruption."""

import csv
import json
import shlex
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from merkhet.cli import main
from merkhet.errors import ConfigError, Interrupted, OutputError
from merkhet.io.image_lists import name_parts
from merkhet.simulate.radio_snapshots.dataset import observe, simulate
from merkhet.simulate.radio_snapshots.survey import Survey

SMALL = Survey(size_px=64, array="compact", subbands=2)


def read(table):
    with table.open() as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("sky") / "out", observations=6, seed=3, survey=SMALL, truth=True)


def test_the_table_lists_every_image_with_its_truth(made):
    rows = read(made)
    assert list(rows[0])[:17] == [
        "id", "path", "label", "rfi", "sis", "faint", "observation", "polarization", "subband", "frequency_mhz",
        "suffix", "rfi_strength", "sis_strength", "rfi_bin", "sis_bin", "noise_jy", "scene",
    ]  # fmt: skip
    assert len(rows) == 6 * 2 * 2
    assert {row["path"] for row in rows} == {f"images/{path.name}" for path in (made.parent / "images").iterdir()}
    for row in rows:
        assert int(row["label"]) == int(row["rfi"]) + 2 * int(row["sis"])
        for artifact in ("rfi", "sis"):
            strength = float(row[f"{artifact}_strength"])
            assert int(row[artifact]) == (strength >= 0.25)
            assert row[f"{artifact}_bin"] == SMALL.strength_bin(strength)
        parts = name_parts(row["path"])
        assert parts == (row["observation"], row["polarization"], row["subband"], row["suffix"])


def test_labels_of_both_kinds_are_there(made):
    labels = {row["label"] for row in read(made)}
    assert len(labels) >= 3


def test_headers_keep_the_truth_to_themselves(made):
    row = read(made)[0]
    header = fits.getheader(made.parent / row["path"])
    assert (header["BITPIX"], header["NAXIS"], header["NAXIS1"]) == (-32, 2, 64)
    assert header["BUNIT"] == "Jy/beam"
    assert header["BMAJ"] * 3600 == pytest.approx(float(row["bmaj_arcsec"]), abs=1e-3)
    assert header["RESTFRQ"] == pytest.approx(float(row["frequency_mhz"]) * 1e6)
    assert (header["CRVAL1"], header["CRVAL2"]) == pytest.approx((float(row["ra"]), float(row["dec"])), abs=1e-6)
    assert "RFI" not in header.tostring()
    assert row["scene"] not in header.tostring()


def test_truth_maps_hold_the_artifacts_in_the_units_of_the_image(made):
    for row in read(made):
        with fits.open(made.parent / row["truth_path"]) as hdus:
            planes, header = hdus[0].data, hdus[0].header
        assert (header["PLANE1"], header["PLANE2"], header["BUNIT"]) == ("RFI", "SIS", "Jy/beam")
        assert planes.shape == (2, 64, 64)
        for plane, name in zip(planes, ("rfi", "sis"), strict=True):
            assert (np.nanmax(np.abs(plane)) > 0) == (float(row[f"{name}_strength"]) > 0)
        image = fits.getdata(made.parent / row["path"])
        np.testing.assert_array_equal(np.isnan(image), np.isnan(planes[0]))


def test_a_longer_run_and_more_processes_make_the_same_files(made, tmp_path):
    shorter = simulate(tmp_path / "out", observations=2, seed=3, survey=SMALL, truth=True, workers=2)
    assert read(shorter) == read(made)[:8]
    for row in read(shorter):
        for path in (row["path"], row["truth_path"]):
            assert (shorter.parent / path).read_bytes() == (made.parent / path).read_bytes()


def test_observing_without_files_gives_the_same_images(made):
    for snapshot, row in zip(observe(2, seed=3, survey=SMALL), read(made), strict=False):
        np.testing.assert_array_equal(snapshot.image, fits.getdata(made.parent / row["path"]))


def test_the_record_holds_a_command_that_makes_the_same_again(made, tmp_path):
    record = json.loads((made.parent / "simulation.json").read_text())
    assert (record["observations"], record["finished"], record["seed"]) == (6, 6, 3)
    words = shlex.split(record["command"])
    assert words[:3] == ["merkhet", "simulate", "radio_snapshots"]
    again = [str(tmp_path / "again") if word == str(made.parent) else word for word in words[1:]]
    assert main([*again, "--quiet"]) == 0
    assert read(tmp_path / "again" / "catalog.csv") == read(made)


def test_options_without_a_word_on_the_command_line_are_recorded_as_python(tmp_path):
    survey = replace(SMALL, strength_edges=(0.2, 1.0), subbands=1)
    table = simulate(tmp_path / "out", observations=1, seed=3, survey=survey)
    command = json.loads((table.parent / "simulation.json").read_text())["command"]
    before = table.read_bytes()
    call = command.removeprefix("merkhet.simulate.radio_snapshots.").removesuffix(")")
    again = eval(f"{call}, overwrite=True)", {"simulate": simulate, "Survey": Survey})
    assert again.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"observations": 0}, "observations is 0; expected 1 to 20000"),
        ({"observations": 20_001}, "observations is 20001"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
        ({"workers": 0}, "workers is 0; expected 1 or more"),
    ],
)
def test_bad_options_are_refused_before_anything_is_touched(tmp_path, options, message):
    (tmp_path / "keep.txt").write_text("mine")
    with pytest.raises(ConfigError, match=message):
        simulate(tmp_path, **{"observations": 1, "seed": 1, "survey": SMALL, "overwrite": True, **options})
    assert [path.name for path in tmp_path.iterdir()] == ["keep.txt"]


def test_what_exists_is_refused(tmp_path):
    (tmp_path / "keep.txt").write_text("mine")
    with pytest.raises(OutputError, match="it exists already"):
        simulate(tmp_path, observations=1, seed=1, survey=SMALL)
    assert (tmp_path / "keep.txt").read_text() == "mine"


def test_an_interruption_keeps_what_is_finished(tmp_path):
    def stop(done, total):
        assert total == 50
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="stopped after 2 of 50 observations"):
        simulate(tmp_path / "out", observations=50, seed=3, survey=SMALL, progress=stop)
    rows = read(tmp_path / "out" / "catalog.csv")
    assert len(rows) == 8
    assert json.loads((tmp_path / "out" / "simulation.json").read_text())["finished"] == 2


def test_a_disk_that_fills_up_is_one_clear_line_and_leaves_no_part_of_an_observation(tmp_path, monkeypatch):
    write, calls = fits.PrimaryHDU.writeto, []

    def full(self, path):
        calls.append(path)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        write(self, path)

    monkeypatch.setattr(fits.PrimaryHDU, "writeto", full)
    with pytest.raises(OutputError, match="No space left on device"):
        simulate(tmp_path / "out", observations=1, seed=3, survey=SMALL)
    assert not list((tmp_path / "out" / "images").iterdir())
    assert not (tmp_path / "out" / "catalog.csv").exists()


def test_the_command_line(tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--observations", "1", "--size", "64", "--subbands", "1", "--strength", "0.5", "2", "--prevalence", "1"]
    assert main(["simulate", "radio_snapshots", str(out), *options, "--truth", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary == {"table": str(out / "catalog.csv"), "seed": 1, "observations": 1}
    assert len(list((out / "truth").iterdir())) == 2
    strengths = [float(row["rfi_strength"]) for row in read(out / "catalog.csv")]
    assert 0.5 <= max(strengths) <= 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n", "3"], "--n does not go with radio_snapshots; say how many with --observations"),
        (["--exposure", "3"], "--exposure does not go with radio_snapshots"),
        (["--strength", "3", "1"], "the weakest artifact, 3, is above the strongest, 1; expected --strength MIN MAX"),
        (["--size", "4002"], "size_px is 4002; expected 64 to 4000"),
    ],
)
def test_wrong_use_is_one_line_and_touches_nothing(tmp_path, capsys, arguments, message):
    assert main(["simulate", "radio_snapshots", str(tmp_path / "out"), *arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_options_of_this_case_do_not_go_with_others(tmp_path, capsys):
    assert main(["simulate", "radio_galaxies", str(tmp_path / "out"), "--prevalence", "0.1"]) == 2
    assert "--prevalence does not go with radio_galaxies" in capsys.readouterr().err
