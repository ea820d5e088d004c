"""What the reports of all runs have in common: numbers as text, the time of training, the first rejects."""

from collections.abc import Mapping

import numpy as np
from astropy.table import Table

from merkhet.report import splits
from merkhet.report.history import numeric, rows_of_trainings
from merkhet.report.run import RunTables

MAX_REJECTS = 50
UNKNOWN = "—"


def training_time(run: RunTables) -> str:
    """Return the sentence that says how long training took; empty where the history does not say."""
    if run.history is None or not len(run.history) or "seconds" not in run.history.colnames:
        return ""
    history = numeric(run.history)
    seconds = float(np.nansum(history["seconds"]))
    size, unit = next(
        (size, unit) for size, unit in ((3600, "h"), (60, "min"), (1, "s")) if seconds >= size or size == 1
    )
    trainings = len(rows_of_trainings(history))
    several = f" of {trainings} trainings, a line each," if trainings > 1 else ""
    return f"{len(run.history)} epochs{several} in {seconds / size:.1f} {unit}."


def first_rejects(table: Table | None) -> list[dict[str, str]]:
    """Return the first rejects, at most :data:`MAX_REJECTS`."""
    if table is None:
        return []
    return [{name: str(row[name]) for name in ("file", "stage", "reason")} for row in table[:MAX_REJECTS]]


def number(value: float | None) -> str:
    """Return a number with three places, a dash for none."""
    return UNKNOWN if value is None else f"{value:.3f}"


def interval(score: Mapping[str, float | None] | None) -> str:
    """Return a score ``{value, low, high}`` with its interval."""
    if score is None or score["value"] is None:
        return UNKNOWN
    if score["low"] is None:
        return number(score["value"])
    return f"{number(score['value'])} [{number(score['low'])}, {number(score['high'])}]"


def count(value: splits.Count) -> str:
    """Return a whole number, or the least and the largest of several."""
    if isinstance(value, tuple):
        return f"{value[0]:,} to {value[1]:,}"
    return UNKNOWN if value is None else f"{value:,}"


def percent(value: float) -> str:
    """Return a place on a line of 0 to 1 as a coordinate on one of 0 to 100."""
    return f"{100 * min(max(value, 0), 1):.1f}"


FILTERS = {"number": number, "interval": interval, "count": count, "percent": percent}
"""How templates write what they show."""
