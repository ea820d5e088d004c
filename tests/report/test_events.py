"""The report of a run on events."""

import json

import numpy as np
import pytest

from merkhet.errors import InputError
from merkhet.io.tables import read_table, write_table
from merkhet.report.event_tables import event_data_rows, event_remarks, event_score_rows
from merkhet.report.html import write_report
from merkhet.report.run import read_run
from tests.report.event_runs import run_on_file, write_event_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_event_run(tmp_path_factory.mktemp("report") / "run")


def test_the_page_holds_scores_baseline_and_figures(folder):
    page = write_report(folder).read_text()
    scores = json.loads((folder / "metrics.json").read_text())["test"]["scores"]
    for name in ("roc_auc", "q_factor", "angular_resolution_deg", "energy_resolution"):
        assert f"{scores[name]['value']:.3f} [{scores[name]['low']:.3f}" in page
    for text in (
        "Hillas + boosted trees, stereo",
        "2 telescopes; LSTCam, 2 square pixels",
        "true energy (TeV) 0.1 to any; 2 images or more an event",
        "no class",
        "To cite this model",
        "Toy &lt;showers&gt;",
    ):
        assert text in page, text
    assert page.count("data:image/svg+xml") == 9
    assert "<h2>Effective area</h2>" in page
    assert "<h2>Events of the test split</h2>" in page
    assert f"No event is drawn: {folder / 'gamma.h5'}: there is no such file." in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert CAMERA_TEXT not in page


CAMERA_TEXT = "eNpjYGBgaGBg"  # packed pixels are no text for people


def test_the_page_needs_nothing_but_tables(folder):
    first = write_report(folder).read_text()
    (folder / "report.html").unlink()
    assert write_report(folder).read_text() == first


def test_events_are_shown_where_their_files_are_there(tmp_path):
    folder = run_on_file(tmp_path)
    page = write_report(folder).read_text()
    assert page.count("data:image/png") == 4
    assert "is drawn:" not in page
    assert "Model: gammaness" in page
    assert "but for the pictures of single events" in page


def test_a_difference_is_judged_by_its_interval(folder):
    rows = {row.name: row for row in event_score_rows(read_run(folder))}
    assert rows["roc_auc"].verdict == "better"
    assert rows["energy_resolution"].verdict == "alike"
    assert rows["energy_bias"].verdict == ""
    assert rows["roc_auc"].other is not None


def test_samples_are_counted_by_side_shower_and_class(folder):
    assert event_data_rows(read_run(folder))[0] == ("training", 900, 450, [450, 450])


def test_remarks_of_a_referee(tmp_path):
    poor = write_event_run(tmp_path / "poor", sides=("val",), trees=False, groups=10)
    said = " ".join(event_remarks(read_run(poor)))
    for text in ("no test split", "No baseline", "With only 10 showers", "All gammas come from one direction"):
        assert text in said
    table = read_table(poor / "predictions_val.parquet")
    table["true_az"] = 180 + np.linspace(-1, 1, len(table))
    write_table(table, poor / "predictions_val.parquet", overwrite=True)
    assert "one direction" not in " ".join(event_remarks(read_run(poor)))
    assert "no baseline" in write_report(poor).read_text()


def test_single_images_are_called_images(tmp_path):
    page = write_report(write_event_run(tmp_path / "mono", slots="mono")).read_text()
    assert "Hillas + boosted trees, single images" in page
    assert "however many telescopes see it" in page


def test_a_task_without_particles_shows_no_roc(tmp_path):
    task = {"kind": "array_events", "heads": ["energy"], "particles": {"proton": [101], "gamma": [0]}}
    folder = write_event_run(tmp_path / "energy", trees=False, task=task)
    for side in ("val", "test"):
        table = read_table(folder / f"predictions_{side}.parquet")
        table.remove_columns(["gammaness", "alt", "az", "true_alt", "true_az"])
        write_table(table, folder / f"predictions_{side}.parquet", overwrite=True)
    page = write_report(folder).read_text()
    assert "Receiver operating characteristic" not in page
    assert "Coverage of the uncertainties" in page


def test_a_run_that_was_not_scored_says_so(tmp_path):
    folder = write_event_run(tmp_path / "run")
    (folder / "metrics.json").unlink()
    assert "nothing was scored" in write_report(folder).read_text()


def test_damaged_scores_are_one_line(tmp_path):
    folder = write_event_run(tmp_path / "run")
    metrics = json.loads((folder / "metrics.json").read_text())
    del metrics["test"]["scores"]["q_factor"]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(InputError, match=r"metrics\.json: test\.scores\.q_factor is missing"):
        write_report(folder)
