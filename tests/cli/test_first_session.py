"""The README's first sessions, small: from a simulation to scores, of cutouts and of a survey."""

import json

import pytest
from astropy.io import fits

from merkhet.cli import main
from merkhet.io.tables import read_table


@pytest.mark.slow
def test_the_first_session(tmp_path):
    sky, run, catalog = tmp_path / "sky", tmp_path / "run", tmp_path / "catalog.ecsv"

    def merkhet(*arguments: object) -> None:
        assert main([*map(str, arguments), "--quiet"]) == 0

    merkhet("simulate", "radio_galaxies", sky, "--n", 60, "--seed", 1)
    merkhet("pack", sky / "catalog.csv", tmp_path / "pack")
    options = ("train.epochs=2", "model.widths=[4,8]", "train.accelerator=cpu")
    merkhet("train", "radio_galaxies", f"data.table={tmp_path / 'pack'}", *options, "--out", run)
    merkhet("evaluate", run)
    merkhet("predict", run, sky / "images", "--out", catalog, "--write-header")
    merkhet("report", run)
    merkhet("evaluate", run, "--against", run)
    assert json.loads((run / "metrics.json").read_text())["test"]["n"] > 0
    table = read_table(catalog)
    assert len(table) == 60
    assert fits.getheader(table["image"][0])["MKLABEL"] == table["label"][0]
    page = (run / "report.html").read_text()
    assert "radio_galaxies" in page
    assert "pixel statistics" in page
    assert "Reliability" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


@pytest.mark.slow
def test_a_survey(tmp_path):
    learn, sky, catalog = tmp_path / "learn", tmp_path / "sky", tmp_path / "halos.ecsv"

    def merkhet(*arguments: object) -> None:
        assert main([*map(str, arguments), "--quiet"]) == 0

    merkhet("simulate", "halo_survey", learn, "--tiles", 3, "--size", 400, "--crowding", 10, "--seed", 1)
    merkhet("simulate", "halo_survey", sky, "--tiles", 1, "--size", 400, "--seed", 2)
    merkhet("patches", learn / "tiles.csv", "--out", tmp_path / "patches", "--size", 64, "--levels", 3)
    options = ("train.epochs=1", "model.widths=[4,4,4,4]", "task.levels=3", "train.accelerator=cpu", "split.val=0.3")
    merkhet(
        "train",
        "halo_scan",
        f"data.table={tmp_path / 'patches'}",
        *options,
        "split.train=0.7",
        "--out",
        tmp_path / "run",
    )
    merkhet("scan", tmp_path / "run", sky / "tiles.csv", "--out", catalog, "--threshold", 0.001)
    scores = tmp_path / "scores"
    merkhet("evaluate", catalog, "--truth", sky / "truth.ecsv", "--tiles", sky / "tiles.csv", "--out", scores)
    assert "halo_scan" in (tmp_path / "run" / "report.html").read_text()
    assert "probability" in read_table(catalog).colnames
    (scored,) = json.loads((scores / "metrics.json").read_text())["catalogs"].values()
    assert scored["n_tiles"] == 1


@pytest.mark.real
@pytest.mark.slow
def test_mirabest_end_to_end(tmp_path, real_data):
    run = tmp_path / "run"
    options = ("train.epochs=1", "ensemble.members=1", "train.accelerator=cpu")
    table = f"data.table={real_data / 'mirabest' / 'catalogue.csv'}"
    assert main(["train", "mirabest", table, *options, "--out", str(run), "--quiet"]) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["n"] + metrics["val"]["n"] > 150
    assert (run / "report.html").stat().st_size > 10_000
