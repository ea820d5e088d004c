"""Two runs on the same rows: which is better, and how sure that is."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table, hstack

from merkhet.config.array_tasks import ArrayEvents
from merkhet.config.tasks import need_classifier
from merkhet.errors import ConfigError, InputError
from merkhet.evaluate.cherenkov.scores import compare_events
from merkhet.evaluate.cherenkov.telescope_mean import mean_over_telescopes
from merkhet.evaluate.paired import paired_bootstrap
from merkhet.io.tables import read_table
from merkhet.train.events import event_names
from merkhet.train.run import Run


def compare_runs(first: str | Path, second: str | Path, *, side: str = "test") -> dict[str, Any]:
    """Compare the predictions of two runs by a paired bootstrap over groups.

    Of a run on events and one on single images, the latter answers for an event by the mean over its telescopes.

    Returns
    -------
    dict
        See :func:`merkhet.evaluate.paired.paired_bootstrap`, or of events
        :func:`merkhet.evaluate.cherenkov.scores.compare_events`; differences are first minus second.

    Raises
    ------
    InputError
        A run was not scored, or not on the same rows.
    ConfigError
        The runs answer different questions.
    """
    runs = [Run(Path(first)), Run(Path(second))]
    tasks = [run.read_experiment().task for run in runs]
    if tasks[0].answers != tasks[1].answers:
        raise ConfigError(f"{first} answers {tasks[0].answers}, {second} answers {tasks[1].answers}")
    tables = []
    for run in runs:
        if not run.predictions(side).is_file():
            raise InputError(run.folder, f"no {run.predictions(side).name}", action="Train or evaluate the run first")
        tables.append(read_table(run.predictions(side)))
    if isinstance(tasks[0], ArrayEvents):
        return _compare_event_tables(*tables, task=tasks[0], second=Path(second))
    task = need_classifier(tasks[0], to="be compared by rows")
    return paired_bootstrap(*tables, mode=task.mode, classes=task.classes, threshold=task.threshold)


def _compare_event_tables(first: Table, second_table: Table, *, task: ArrayEvents, second: Path) -> dict[str, Any]:
    if ("tel_id" in first.colnames) != ("tel_id" in second_table.colnames):
        first, second_table = (_as_events(table) for table in (first, second_table))
    if not np.array_equal(_names(first), _names(second_table)):
        raise InputError(
            second,
            "answers for other events, or in another order",
            expected="two runs that were tested on the same events",
            action="Give both the same data, seed and split, or score both with --table",
        )
    return compare_events(first, second_table, signal=task.signal, seed=0)


def _names(table: Table) -> npt.NDArray[np.str_]:
    return np.asarray(table["id"]).astype(str)


def _as_events(table: Table) -> Table:
    """Return a row for each event, sorted by name: of single images the mean over its telescopes."""
    name = event_names(table["obs_id", "event_id"])
    _, first, event = np.unique(name, return_index=True, return_inverse=True)
    if "tel_id" not in table.colnames:
        return table[first]
    truth = table[[column for column in table.colnames if column.startswith("true_") or column == "group"]][first]
    truth["id"] = name[first]
    return hstack([truth, mean_over_telescopes(table, event=event, count=len(first))])
