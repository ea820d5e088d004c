"""The pictures of events on the page of a run."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure

from merkhet.io.cherenkov.reading import open_events
from merkhet.io.tables import read_table, write_table
from merkhet.report import event_pictures as module
from merkhet.report.event_pictures import event_pictures
from merkhet.report.run import read_run
from tests.report.event_runs import run_on_file


@pytest.fixture
def run(tmp_path):
    return run_on_file(tmp_path)


def change(run, **columns):
    """Change the answers; a column that becomes None is taken away."""
    path = run / "predictions_test.parquet"
    table = read_table(path)
    for name, values in columns.items():
        if values is None:
            table.remove_column(name)
        else:
            table[name] = values
    write_table(table, path, overwrite=True)


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """The sources and events that are given to the drawing, which is left out: it has tests of its own."""
    calls = []

    def record(source, event, **options):
        calls.append((source, event, options))
        return Figure(figsize=(1, 1))

    monkeypatch.setattr(module, "event_display", record)
    return calls


def test_events_are_drawn_with_answer_and_truth(run, drawn):
    tables = read_run(run)
    found = event_pictures(tables)
    assert found.absent == ""
    assert len(found.shown) == len(drawn) == 4
    answers = tables.predictions["test"]
    for picture, (source, event, options) in zip(found.shown, drawn, strict=True):
        row = answers[int(np.flatnonzero(answers["event_id"] == source.index.event_id[event])[0])]
        assert source.index.labels["energy"][event] == pytest.approx(row["true_energy"])
        assert options["answer"].energy == row["energy"]
        assert picture.address.startswith("data:image/png;base64,")
        assert picture.name == f"Observation {row['obs_id']}, event {row['event_id']}"
        assert f"gammaness {row['gammaness']:.2f}" in picture.said
        assert "(stated: 68 % within 0.15°)" in picture.said
        assert picture.truth.endswith(" TeV")
        more = source.index.multiplicity[event] > module.CAMERAS
        assert picture.seen.startswith("The 3 brightest of") == more


def test_single_images_are_drawn_alone(tmp_path, drawn):
    run = run_on_file(tmp_path, slots="mono")
    found = event_pictures(read_run(run))
    assert (found.absent, len(drawn)) == ("", 4)
    for picture, (source, event, _) in zip(found.shown, drawn, strict=True):
        assert source.index.multiplicity[event] == 1
        image, _ = source.index.images_of(np.array([event]))
        tel_id = source.subarray.telescopes["tel_id"][source.index.slot[image[0]]]
        assert picture.name.endswith(f", telescope {tel_id}")
        assert picture.seen == ""


def test_files_that_are_gone_are_one_line(run):
    (run.parent / "showers.h5").unlink()
    found = event_pictures(read_run(run))
    assert found.shown == ()
    assert found.absent == f"No event is drawn: {run.parent / 'showers.h5'}: there is no such file."


def test_what_can_be_drawn_is_drawn(run):
    gamma = read_table(run / "predictions_test.parquet")["true_particle"] == "gamma"
    change(run, file_number=np.where(gamma, 0, 1))
    found = event_pictures(read_run(run))
    assert len(found.shown) == 3
    assert found.absent == "1 of 4 are not drawn: data.files: only 1 left of the 2 files or more that were scored."


def test_events_of_another_file_of_that_name_are_not_drawn(run):
    energy = read_table(run / "predictions_test.parquet")["true_energy"]
    change(run, true_energy=1.01 * energy)
    found = event_pictures(read_run(run))
    assert found.shown == ()
    assert "as it was scored. Score what the file holds now" in found.absent


def test_a_file_of_another_layout_is_one_line(run):
    with h5py.File(run.parent / "showers.h5", "w") as file:
        file["other"] = np.arange(3)
    assert "is HDF5 of an unknown layout" in event_pictures(read_run(run)).absent


def test_answers_of_before_say_how_to_get_pictures(run):
    change(run, file_number=None)
    said = event_pictures(read_run(run)).absent
    assert "has no column file_number to find events by. Score them again" in said


def test_a_run_that_was_not_scored_shows_none(run):
    (run / "metrics.json").unlink()
    assert event_pictures(read_run(run)).absent == "The run holds no predictions of a scored split."


def test_events_of_one_number_in_several_observations_are_told_apart(run):
    source, rows = open_events(run.parent / "showers.h5"), read_table(run / "predictions_test.parquet")
    index = source.index
    first = np.zeros(len(index), dtype=bool)
    first[np.unique(index.observation, return_index=True)[1]] = True
    assert first.sum() > 1
    alike = replace(index.select(first), event_id=np.full(first.sum(), 7))
    rows["event_id"] = np.full(len(rows), 7)
    for event, row in enumerate(rows[first]):
        primaries = (0,) if row["true_particle"] == "gamma" else (1, 101)
        assert module._find(source.with_index(alike), row, primaries=primaries)[1] == event


@pytest.mark.parametrize(
    ("value", "places", "text"), [(0.4, 2, "0.40"), (123.4, 2, "120"), (46, 3, "46.0"), (1.234, 3, "1.23")]
)
def test_numbers_have_significant_places(value, places, text):
    assert module._number(value, places) == text
