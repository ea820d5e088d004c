"""Finding the rows of events in another table, by observation and event id."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from merkhet.errors import InputError
from merkhet.io.cherenkov.index import Integers, Places
from merkhet.io.cherenkov.table import ChunkedTable


class EventKeys:
    """Observation and event ids of the rows of a table.

    Parameters
    ----------
    obs_id, event_id
        ``(N,)`` each.
    """

    def __init__(self, obs_id: npt.NDArray[Any], event_id: npt.NDArray[Any]) -> None:
        self.obs_id, self.event_id = obs_id, event_id

    def __len__(self) -> int:
        return len(self.event_id)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, EventKeys)
            and np.array_equal(self.obs_id, other.obs_id)
            and np.array_equal(self.event_id, other.event_id)
        )

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: npt.NDArray[Any]) -> "EventKeys":
        """Return the keys of some rows."""
        return EventKeys(self.obs_id[rows], self.event_id[rows])

    def rows_in(self, other: "EventKeys") -> Places:
        """Return the row of each key in another table, -1 where it is not there."""
        if not len(other):
            return np.full(len(self), -1, dtype=np.int64)
        table, wanted = _numbered(other, self)
        order = np.argsort(table, kind="stable")
        place = np.minimum(np.searchsorted(table[order], wanted), len(table) - 1)
        found = order[place]
        return np.where(table[found] == wanted, found, -1)

    def find(self, other: "EventKeys", *, path: Path, table: str) -> Places | None:
        """Return the row of each key in another table; None where the rows are the same in the same order.

        Raises
        ------
        InputError
            An event is not there.
        """
        if self == other:
            return None
        rows = self.rows_in(other)
        missing = np.flatnonzero(rows < 0)
        if len(missing):
            at = int(missing[0])
            raise InputError(
                path,
                f"{len(missing)} of {len(self)} events are not in {table}, the first is {int(self.event_id[at])} of "
                f"observation {int(self.obs_id[at])}",
                action="The file was cut or merged wrongly; convert it again",
            )
        return rows


def rows_follow_triggers(table: ChunkedTable, keys: EventKeys, events: Integers) -> bool:
    """Tell whether row ``i`` of a telescope's table belongs to its trigger number ``i``, in event ``events[i]``.

    The number of rows is compared, and the ids in the first, the middle and the last chunk.
    """
    if len(table) != len(events):
        return False
    if not len(table):
        return True
    last, per_chunk = len(table) - 1, table.rows_per_chunk
    chunks = sorted({0, last // 2 // per_chunk, last // per_chunk})
    rows = np.concatenate([np.arange(at * per_chunk, min((at + 1) * per_chunk, len(table))) for at in chunks])
    ids = table.read(["obs_id", "event_id"], rows)
    return EventKeys(ids["obs_id"], ids["event_id"]) == keys.take(events[rows])


def matched_rows(table: ChunkedTable, keys: EventKeys, events: Integers) -> tuple[Places, npt.NDArray[np.bool_]]:
    """Return the row of each event in a telescope's table and whether there is one; the whole table is read once."""
    ids = table.read(["obs_id", "event_id"])
    rows = keys.take(events).rows_in(EventKeys(ids["obs_id"], ids["event_id"]))
    return np.maximum(rows, 0), rows >= 0


def _numbered(*tables: EventKeys) -> list[npt.NDArray[np.int64]]:
    """Return one number for each key, equal where observation and event are."""
    observations = np.unique(np.concatenate([table.obs_id for table in tables]))
    most = max(int(table.event_id.max(initial=0)) for table in tables)
    least = min(int(table.event_id.min(initial=0)) for table in tables)
    return [
        np.searchsorted(observations, table.obs_id).astype(np.int64) * (most - least + 1)
        + (table.event_id.astype(np.int64) - least)
        for table in tables
    ]
