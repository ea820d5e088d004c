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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["halo_survey", "--n", "3"], "--n does not go with halo_survey; say how many with --tiles"),
        (["halo_cutouts", "--tiles", "3"], "--tiles does not go with halo_cutouts; say how many with --n"),
        (["radio_galaxies", "--tiles", "3"], "--tiles does not go with radio_galaxies; say how many with --n"),
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
