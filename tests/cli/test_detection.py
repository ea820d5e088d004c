"""merkhet evaluate CATALOG: from injected images to scores."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from merkhet.cli import main
from merkhet.io.tables import read_table
from tests.scan.surveys import make_wcs


def run(capsys, *arguments):
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err.strip().splitlines()


@pytest.fixture
def field(tmp_path, rng):
    counts = rng.poisson(0.01, (300, 300)).astype(np.int32)
    fits.PrimaryHDU(counts, header=make_wcs(shape=(300, 300)).to_header()).writeto(tmp_path / "field.fits")
    return tmp_path / "field.fits"


@pytest.fixture
def injected(capsys, field, tmp_path):
    code, out, _ = run(capsys, "inject", field, "--out", tmp_path / "in", "--n", 3, "--snr", 10, 30, "--json")
    assert code == 0
    assert json.loads(out)["n"] == 3
    return tmp_path / "in"


def catalog_of(injected, path, *, probability):
    truth = read_table(injected / "truth.ecsv")
    table = Table({"ra": truth["ra"], "dec": truth["dec"], "image": truth["image"], "probability": probability})
    table.write(path)
    return path


def test_injected_sources_are_scored(capsys, injected, tmp_path):
    catalog = catalog_of(injected, tmp_path / "found.csv", probability=[0.9, 0.8, 0.7])
    other = catalog_of(injected, tmp_path / "other.csv", probability=[0.9, 0.8, 0.7])
    asked = ("--truth", injected / "truth.ecsv", "--tiles", injected / "tiles.csv", "--separate")
    code, out, _ = run(capsys, "evaluate", catalog, *asked, "--against", other, "--out", tmp_path / "scores")
    assert code == 0
    assert "found.csv: 3 of 3 sources found on 3 tiles" in out
    assert "first - second" in out
    metrics = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert metrics["catalogs"]["found.csv"]["detections"] == {"hit": 3, "false": 0, "ignored": 0, "outside": 0}
    code, _, errors = run(capsys, "evaluate", catalog, *asked, "--out", tmp_path / "scores")
    assert code == 2
    assert "exists already" in errors[0]
    code, out, _ = run(capsys, "evaluate", catalog, *asked, "--out", tmp_path / "scores", "--overwrite", "--json")
    assert code == 0
    assert json.loads(out)["comparison"] is None


def test_copies_are_told_apart_by_their_images_alone(capsys, injected, tmp_path):
    catalog = catalog_of(injected, tmp_path / "found.csv", probability=[0.9, 0.8, 0.7])
    asked = ("--truth", injected / "truth.ecsv", "--tiles", injected / "tiles.csv")
    table = read_table(catalog)
    table["image"] = np.roll(table["image"], 1)
    table.write(catalog, overwrite=True)
    _, out, _ = run(capsys, "evaluate", catalog, *asked, "--separate")
    assert "found.csv: 0 of 3 sources found" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "c.csv", "--truth", "t.csv"], "--truth and --tiles go together"),
        (["evaluate", "c.csv", "--truth", "t.csv", "--tiles", "x.csv"], "t.csv"),
        (["evaluate", "c.csv", "--truth", "t.csv", "--tiles", "x.csv", "--table", "y.csv"], "--table and --root"),
        (["evaluate", "c.csv", "--truth", "t", "--tiles", "x", "--against", "c.csv"], "names the same catalog"),
        (["evaluate", "run", "--separate"], "--separate goes with --truth"),
    ],
)
def test_wrong_use_is_one_line(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, _, errors = run(capsys, *arguments)
    assert code == 2
    assert len(errors) == 1, errors
    assert message in errors[0]
    assert not (tmp_path / "x").exists() or not any((tmp_path / "x").iterdir())
