"""The halo cases of ``merkhet simulate``."""

import json

import pytest

from merkhet.cli import main


def test_cutouts(tmp_path, capsys):
    out = tmp_path / "cutouts"
    assert main(["simulate", "halo_cutouts", str(out), "--n", "3", "--size", "32", "--seed", "4", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary == {"table": str(out / "catalog.csv"), "seed": 4, "n": 3}
    assert len((out / "catalog.csv").read_text().splitlines()) == 4


def test_survey(tmp_path, capsys):
    out = tmp_path / "survey"
    assert main(["simulate", "halo_survey", str(out), "--size", "64", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"table": str(out / "truth.ecsv"), "seed": 1, "tiles": 1}
    assert len(list((out / "tiles").rglob("*.fits.gz"))) == 3


def test_a_survey_can_be_deeper_and_more_crowded(tmp_path):
    out = tmp_path / "survey"
    options = ["--size", "64", "--exposure", "1000", "--crowding", "3", "--overlap", "0"]
    assert main(["simulate", "halo_survey", str(out), *options, "--quiet"]) == 0
    record = json.loads((out / "simulation.json").read_text())
    assert record["parameters"]["exposure_s"] == 1000
    assert record["parameters"]["crowding"] == 3
    assert record["parameters"]["overlap_arcmin"] == 0
    assert " --exposure 1000 --crowding 3 --overlap 0 " in record["command"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["halo_survey", "--n", "3"], "--n does not go with halo_survey; say how many with --tiles"),
        (["halo_cutouts", "--tiles", "3"], "--tiles does not go with halo_cutouts; say how many with --n"),
        (["radio_galaxies", "--tiles", "3"], "--tiles does not go with radio_galaxies; say how many with --n"),
        (["halo_cutouts", "--crowding", "3"], "--crowding does not go with halo_cutouts"),
        (["radio_galaxies", "--exposure", "3"], "--exposure does not go with radio_galaxies"),
        (["halo_survey", "--crowding", "30"], "crowding is 30.0; expected 0 to 10"),
        (["halo_survey", "--tiles", "0"], "tiles is 0; expected 1 to 400"),
        (["halo_cutouts", "--size", "4"], "size_px is 4; expected 16 to"),
    ],
)
def test_wrong_use_is_one_line_and_touches_nothing(tmp_path, capsys, arguments, message):
    case, *options = arguments
    assert main(["simulate", case, str(tmp_path / "out"), *options]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert list(tmp_path.iterdir()) == []
