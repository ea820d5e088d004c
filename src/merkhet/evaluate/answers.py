"""A prediction table as arrays: truth, decisions, probabilities and groups in one shape for every mode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.errors import InputError

Mode = Literal["binary", "multiclass", "multilabel"]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

WHERE = "prediction table"
"""How the table is called in errors: it is handed over in memory and may have no file."""


@dataclass(frozen=True)
class Answers:
    """What a classifier said about ``n`` rows, and what was true.

    With one class per row, ``truth`` and ``predicted`` hold exactly one True per row; with several labels per row,
    any number. All scores follow from these arrays, whatever the mode.

    Attributes
    ----------
    mode
        ``binary``, ``multiclass`` or ``multilabel``.
    classes
        Names of the columns of the arrays; binary: (negative, positive).
    truth, predicted
        ``(n, classes)`` bool.
    probability
        ``(n, classes)`` float, in 0..1.
    group
        ``(n,)`` numbers 0, 1, ... of the groups; rows of one group are not independent.
    """

    mode: Mode
    classes: tuple[str, ...]
    truth: BoolArray
    predicted: BoolArray
    probability: FloatArray
    group: IntArray

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def groups(self) -> int:
        """Number of groups."""
        return int(self.group.max()) + 1

    @property
    def right(self) -> BoolArray:
        """``(n,)``: every label of the row is right."""
        return np.asarray((self.truth == self.predicted).all(axis=1))


def read_answers(table: Table, *, mode: Mode, classes: Sequence[str], threshold: float) -> Answers:
    """Check a prediction table and take its columns out.

    Parameters
    ----------
    table
        Columns ``group``, ``p_<class>`` for each class, and the truth: ``true`` (a class name) where a row has one
        class, ``true_<class>`` (0 or 1) for each class where it has several labels.
    mode, classes
        As the task has them; binary: (negative, positive).
    threshold
        Smallest probability that says yes, for the positive class (binary) or each label (multilabel). The
        multiclass decision is the most probable class, the first one of equals.

    Raises
    ------
    InputError
        The table is empty, a column is missing or has no value in some row, a class name is unknown, a probability
        is not one, or the classes do not fit the mode.
    """
    classes = tuple(classes)
    _check_task(mode, classes, threshold)
    if len(table) == 0:
        raise InputError(WHERE, "it has no rows", expected="one row per image", action="Choose a split that has rows")
    probability = np.column_stack([_probabilities(table, name) for name in classes])
    if mode == "multilabel":
        truth = np.column_stack([_flags(table, name) for name in classes])
    else:
        truth = _one_hot(table, classes)
    group = np.unique(_column(table, "group"), return_inverse=True)[1].astype(np.int64)
    predicted = decide(probability, mode=mode, threshold=threshold)
    return Answers(mode, classes, truth, predicted, probability, group)


def decide(probability: FloatArray, *, mode: Mode, threshold: float) -> BoolArray:
    """Turn ``(n, classes)`` probabilities into decisions of the same shape; see :func:`read_answers`."""
    if mode == "multilabel":
        return probability >= threshold
    if mode == "binary":
        positive = probability[:, 1] >= threshold
        return np.column_stack([~positive, positive])
    return np.asarray(np.arange(probability.shape[1]) == probability.argmax(axis=1)[:, None])


def _check_task(mode: str, classes: tuple[str, ...], threshold: float) -> None:
    if mode not in get_args(Mode):
        raise InputError(WHERE, f"mode is {mode!r}", expected=f"one of {', '.join(get_args(Mode))}")
    fewest = 1 if mode == "multilabel" else 2
    if len(classes) < fewest or (mode == "binary" and len(classes) > 2):
        wanted = "2 classes" if mode == "binary" else f"{fewest} or more"
        raise InputError(WHERE, f"{len(classes)} classes for mode {mode}", expected=wanted)
    if not 0 < threshold < 1:
        raise InputError(WHERE, f"threshold is {threshold:g}", expected="a probability between 0 and 1")


def _column(table: Table, name: str) -> npt.NDArray[Any]:
    if name not in table.colnames:
        raise InputError(
            WHERE, f"no column {name!r}; it has {', '.join(table.colnames)}", action="Predict again with this model"
        )
    column = np.ma.asarray(table[name])
    if np.ma.getmaskarray(column).any():
        raise InputError(WHERE, f"column {name!r} has no value in row {int(np.ma.getmaskarray(column).argmax())}")
    return np.asarray(column.data)


def _probabilities(table: Table, name: str) -> FloatArray:
    values = _numbers(table, f"p_{name}")
    bad = ~((values >= 0) & (values <= 1))  # NaN fails both
    if bad.any():
        row = int(bad.argmax())
        raise InputError(WHERE, f"column 'p_{name}' holds {values[row]:g} in row {row}", expected="a probability")
    return values


def _flags(table: Table, name: str) -> BoolArray:
    values = _numbers(table, f"true_{name}")
    bad = ~np.isin(values, (0, 1))
    if bad.any():
        row = int(bad.argmax())
        raise InputError(WHERE, f"column 'true_{name}' holds {values[row]:g} in row {row}", expected="0 or 1")
    return np.asarray(values == 1)


def _numbers(table: Table, name: str) -> FloatArray:
    column = _column(table, name)
    try:
        return column.astype(np.float64)
    except ValueError as error:
        raise InputError(WHERE, f"column {name!r} holds text", expected="numbers") from error


def _one_hot(table: Table, classes: tuple[str, ...]) -> BoolArray:
    names = _column(table, "true").astype(str)
    truth = names[:, None] == np.asarray(classes)
    unknown = ~truth.any(axis=1)
    if unknown.any():
        row = int(unknown.argmax())
        wanted = f"one of {', '.join(classes)}"
        raise InputError(WHERE, f"column 'true' holds {str(names[row])!r} in row {row}", expected=wanted)
    return np.asarray(truth)
