"""Baselines that read no more than the table, or a few numbers of each image."""

from collections.abc import Callable, Mapping

from astropy.table import Table, hstack, vstack

from merkhet.data.arrays import Rows
from merkhet.evaluate.pixel_statistics import pixel_statistics
from merkhet.evaluate.radio_statistics import radio_statistics
from merkhet.io.tables import read_table, write_table
from merkhet.train.prepare import Prepared
from merkhet.train.run import Run

MAX_TRAIN_ROWS = 5000
"""Training rows that a baseline learns from at most, drawn by the experiment's seed: more would not change it much."""

STATISTICS: dict[str, Callable[..., Table]] = {"pixels": pixel_statistics, "radio": radio_statistics}
"""What measures the images for the baseline of that name; ``scores.statistics`` chooses among them."""

METADATA = "metadata"
BATCH = 16
"""Images of one shape that are measured at once."""

Lessons = Mapping[str, Table]
"""What each baseline learns from: a row for each training row, its labels and the baseline's columns."""


def baseline_lessons(prepared: Prepared) -> Lessons:
    """Return what the baselines learn from: image statistics, and ``metadata`` where declared."""
    rows = prepared.some_rows("train", most=MAX_TRAIN_ROWS, salt=0xBA5E)
    if not len(rows) or not prepared.truth.by_sample:
        return {}
    labels = prepared.samples.table[rows][list(prepared.truth.needed)]
    return {name: hstack([labels, _columns(name, prepared, rows)]) for name in _names(prepared)}


def baseline_tables(lessons: Lessons, prepared: Prepared, predictions: Table, *, side: str) -> dict[str, Table]:
    """Return what the baselines say of the rows of one side; none for a lesson that these rows lack columns of."""
    rows, said = prepared.rows(side), {}
    for name in _names(prepared):
        if name not in lessons:
            continue
        lesson = lessons[name]
        known = lesson[[column for column in lesson.colnames if column not in prepared.truth.needed]]
        pair = (known, _columns(name, prepared, rows))
        answers = prepared.truth.baseline(predictions, seed=prepared.experiment.seed, train=lesson, features=pair)
        if answers is not None:
            said[name] = answers
    return said


def write_lessons(lessons: Lessons, run: Run) -> None:
    """Keep the lessons in a run, for tables that are scored later."""
    for name, lesson in lessons.items():
        write_table(lesson, run.lesson(name), overwrite=True)


def read_lessons(run: Run) -> Lessons:
    """Return the lessons that a run keeps; none for a bundle, or a run from before they were kept."""
    return {name: read_table(run.lesson(name)) for name in run.lessons}


def _names(prepared: Prepared) -> list[str]:
    """Return the baselines of an experiment."""
    experiment = prepared.experiment
    names: list[str] = [*experiment.scores.statistics] if experiment.input.dims == 2 else []
    return [*names, METADATA] if _metadata(prepared) else names


def _metadata(prepared: Prepared) -> list[str]:
    """Return the columns of metadata; one that holds the label would answer, not learn."""
    return [name for name in prepared.experiment.data.columns.metadata if name not in prepared.truth.needed]


def _columns(name: str, prepared: Prepared, rows: Rows) -> Table:
    if name == METADATA:
        return prepared.samples.table[rows][_metadata(prepared)]
    bands = [band.name for band in prepared.experiment.input.bands]
    size = 1 if prepared.experiment.input.fit == "any" else BATCH  # shapes may differ
    parts = []
    for start in range(0, len(rows), size):
        batch = prepared.dataset.fetch(rows[start : start + size])
        image, valid, noise = (batch[key].numpy() for key in ("image", "valid", "noise"))
        parts.append(STATISTICS[name](image, valid=valid, noise=noise, bands=bands))
    return vstack(parts)
