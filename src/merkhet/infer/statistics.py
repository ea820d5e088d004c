"""The table of statistics of a prediction: truth where it is known, answer, certainty, loss and time of every image."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.config.bundle import BundleSpec
from merkhet.config.data import Columns
from merkhet.config.tasks import Classify
from merkhet.infer.inputs import InputItem
from merkhet.tasks.class_labels import ClassLabels
from merkhet.tasks.statistics import image_statistics

FloatArray = npt.NDArray[np.float64]


def prediction_statistics(
    answers: Table, items: Sequence[InputItem], *, spec: BundleSpec, task: Classify, seconds: npt.ArrayLike
) -> Table:
    """Return a row for each answer of a catalog; see :func:`merkhet.tasks.statistics.image_statistics`.

    The truth stands in the columns that the model was trained on, where the tables of the images have them.

    Parameters
    ----------
    answers, items
        The catalog, and the images that its rows are of.
    spec, task
        The model.
    seconds
        ``(n,)``: what the network took for each image.
    """
    columns = {name: np.asarray(answers[name]) for name in task.columns}
    truth = _truth(items, task, label_columns(spec))
    return image_statistics(
        columns, truth, task=task, images=answers["image"], split="predict", seconds_prediction=seconds
    )


def label_columns(spec: BundleSpec) -> Columns:
    """Return the columns of the table that the model was trained on, or the usual ones where that is not known."""
    return Columns.model_validate(spec.provenance.experiment.get("data", {}).get("columns", {}))


def _truth(items: Sequence[InputItem], task: Classify, columns: Columns) -> npt.NDArray[Any]:
    """Return the codes of the items' classes: -1, or NaN for several labels, where their tables tell none."""
    several = task.mode == "multilabel"
    result = np.full((len(items), len(task.classes)) if several else len(items), np.nan if several else -1)
    tables: dict[int, npt.NDArray[Any]] = {}
    for number, item in enumerate(items):
        if item.table is None or not set(columns.labels) <= set(item.table.colnames):
            continue
        if id(item.table) not in tables:
            tables[id(item.table)] = _codes(item.table, task, columns, empty=result[:0])
        result[number] = tables[id(item.table)][item.row]
    return result


def _codes(table: Table, task: Classify, columns: Columns, *, empty: FloatArray) -> npt.NDArray[Any]:
    truth = ClassLabels(task, columns)
    bad, _ = truth.unusable(table)
    codes = np.full((len(table), *empty.shape[1:]), np.nan if empty.ndim > 1 else -1)
    codes[~bad] = truth.codes(table[~bad])
    return codes
