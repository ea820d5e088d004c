"""The truth of detection: a table of objects beside the table of images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.config.data import Columns
from merkhet.config.tasks import Detect
from merkhet.data.arrays import FloatArray, Rows
from merkhet.data.dataset import TargetSource
from merkhet.data.sample import Target, collate
from merkhet.data.samples import sample_ids
from merkhet.errors import InputError
from merkhet.io.tables import read_table, require_columns
from merkhet.tasks.truth import Truth

OBJECTS = "objects.parquet"
"""Name of the table of objects, beside the table of images: columns image (its id), x, y, radius (pixels), kind."""

IGNORED = -1
"""Number that stands for a kind that is taught neither as present nor as absent; its name is empty."""


@dataclass(frozen=True)
class Objects:
    """The objects of every image: rows ``start[i]`` to ``start[i + 1]`` of ``values`` ``(n, 4)`` belong to image i."""

    values: FloatArray
    start: Rows

    def fetch(self, rows: Rows) -> Target:
        """Return the objects of the given images, padded with NaN: columns x, y, radius, kind."""
        each = [{"objects": Target("objects", self.values[self.start[row] : self.start[row + 1]])} for row in rows]
        target: Target = collate(each)["objects"]
        return target


class ObjectTruth(Truth):
    """Objects of the detection task. Patches are not scored: what counts is what a scan of whole images finds."""

    by_sample = False

    def __init__(self, config: Detect, columns: Columns) -> None:
        super().__init__(config, columns)
        self.config: Detect = config

    def targets(self, table: Table) -> dict[str, TargetSource]:
        """Return ``objects``: float32 ``(B, n, 4)``.

        Raises
        ------
        InputError
            The table of objects is missing, lacks a column, or names a kind that is not one of the task's.
        """
        path = Path(table.meta["source"]).with_name(OBJECTS)
        objects = read_table(path)
        require_columns(objects, ["image", "x", "y", "radius", "kind"], source=path)
        ids = sample_ids(table, self.columns)
        order = np.argsort(ids)
        names = np.asarray(objects["image"]).astype(str)
        place = order[np.searchsorted(ids, names, sorter=order).clip(max=len(ids) - 1)]
        known = ids[place] == names  # objects of images that were left out
        values = np.stack(
            [*(np.asarray(objects[name], dtype=float) for name in ("x", "y", "radius")), self._codes(objects, path)],
            axis=1,
        )
        by_image = np.argsort(place[known], kind="stable")
        start = np.searchsorted(place[known][by_image], np.arange(len(ids) + 1))
        return {"objects": Objects(values[known][by_image].astype(np.float32), start.astype(np.int64))}

    def train_counts(self, table: Table) -> dict[str, int]:
        """Return how many objects of each kind the training rows hold; those to be ignored are not counted."""
        objects: Objects = self.targets(table)["objects"]  # type: ignore[assignment]
        kinds = objects.values[:, -1].astype(np.int64)
        counts = np.bincount(kinds[kinds != IGNORED], minlength=len(self.config.classes))
        return {name: int(count) for name, count in zip(self.config.classes, counts, strict=True)}

    def headline(self, scores: dict[str, Any]) -> str:
        """Say where scores come from."""
        return "a detector is scored by scanning: merkhet scan, then merkhet evaluate CATALOG --truth TABLE"

    def _codes(self, objects: Table, path: Path) -> npt.NDArray[np.float64]:
        kinds = np.asarray(objects["kind"]).astype(str)
        names = np.array(["", *self.config.classes])
        order = np.argsort(names)
        found = order[np.searchsorted(names, kinds, sorter=order).clip(max=len(names) - 1)]
        unknown = names[found] != kinds
        if unknown.any():
            raise InputError(
                path,
                f"kind {str(kinds[unknown][0])!r}",
                expected=f"{', '.join(self.config.classes)}, or nothing for an object to be ignored",
            )
        return np.asarray(found - 1, dtype=np.float64)
