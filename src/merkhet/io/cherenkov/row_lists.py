"""Layouts that list the rows of an event's images: one column for each telescope type, or one for all telescopes."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from merkhet.io.cherenkov.camera import CameraGeometry
from merkhet.io.cherenkov.index import EventIndex, compact, compact_labels
from merkhet.io.cherenkov.table import ChunkedTable, Columns

RowLists: TypeAlias = npt.NDArray[np.int64]
Cameras: TypeAlias = Mapping[str, CameraGeometry]


def index_of_lists(
    rows: RowLists,
    *,
    columns: Columns,
    labels: Mapping[str, npt.NDArray[Any]],
    pointing: npt.NDArray[np.float64] | None,
    stored_row: bool = False,
) -> EventIndex:
    """Return the index of events whose images are listed.

    Parameters
    ----------
    rows
        ``(N, telescopes)``: row of the image of each telescope in the order of ids, -1 where it has none.
    columns
        ``obs_id`` and ``event_id`` of the events.
    pointing
        ``(1, 2)``, the same for all, or ``(N, 2)``; rad.
    stored_row
        Images name the row of their event.
    """
    there = rows >= 0
    obs_ids, observation = np.unique(columns["obs_id"], return_inverse=True)
    tracking = pointing is not None and len(pointing) == len(rows) != 1
    if pointing is not None and not tracking:
        pointing = np.broadcast_to(pointing, (len(obs_ids), 2)).copy()
    return EventIndex(
        compact(columns["event_id"]),
        compact(observation),
        obs_ids,
        compact_labels(labels),
        pointing,
        compact(np.r_[0, np.cumsum(there.sum(axis=1))]),
        compact(np.nonzero(there)[1]),
        compact(rows[there]),
        tracking,
        compact(np.arange(len(rows))) if stored_row else None,
    )


def first_present(table: ChunkedTable, names: Sequence[str]) -> str | None:
    """Return the first of several names of a column that a table has: they changed from version to version."""
    return next((name for name in names if name in table), None)


def read_labels(table: ChunkedTable, aliases: Mapping[str, Sequence[str]]) -> Columns:
    """Return the labels that a table of events holds under any of their names."""
    found = {label: first_present(table, names) for label, names in aliases.items()}
    present = {label: name for label, name in found.items() if name is not None}
    columns = table.read(list(present.values()))
    return {label: columns[name] for label, name in present.items()}
