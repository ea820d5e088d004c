"""Columns of a table as numbers that a classical classifier takes."""

from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.errors import InputError
from merkhet.evaluate.answers import FloatArray

WHERE = "baseline columns"
MOST_CATEGORIES = 254
"""Most different texts of a column; rarer ones count as missing. The classifier takes 255."""


def encode(train: Table, rows: Table) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Return both tables as float64 ``(rows, columns)`` and which columns are text.

    Texts become the numbers of the categories that training rows have. Missing values (masked, NaN, infinite, empty)
    and texts that training does not know are NaN.

    Raises
    ------
    InputError
        There is no column, ``rows`` lacks one, or one is neither number nor text.
    """
    if not train.colnames:
        raise InputError(WHERE, "none are named", expected="one column or more")
    absent = [name for name in train.colnames if name not in rows.colnames]
    if absent:
        raise InputError(WHERE, f"no column {absent[0]!r}", expected=f"the columns {', '.join(train.colnames)}")
    known, asked, is_text = zip(*(_encode(train[name], rows[name], name) for name in train.colnames), strict=True)
    return np.column_stack(known), np.column_stack(asked), np.array(is_text)


def _encode(known: Any, asked: Any, name: str) -> tuple[FloatArray, FloatArray, bool]:
    known, asked = (_plain(column, name) for column in (known, asked))
    text = [column.dtype.kind not in "biuf" for column in (known, asked)]
    if not any(text):
        return _numbers(known), _numbers(asked), False
    if not all(text):
        raise InputError(WHERE, f"column {name!r} is text in one table and numbers in the other")
    values, counts = np.unique(_texts(known), return_counts=True)
    order = np.argsort(-counts[values != ""], kind="stable")[:MOST_CATEGORIES]
    categories = np.sort(values[values != ""][order])
    return _codes(_texts(known), categories), _codes(_texts(asked), categories), True


def _plain(column: Any, name: str) -> np.ma.MaskedArray[Any, Any]:
    values = np.ma.asarray(column)
    # A mixin column (Time, SkyCoord) is no array, and would be taken for one of objects.
    if not isinstance(column, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "biufUSO":
        raise InputError(
            WHERE, f"column {name!r} holds {values.dtype} of shape {values.shape}", expected="numbers or text"
        )
    return values


def _numbers(column: np.ma.MaskedArray[Any, Any]) -> FloatArray:
    values = np.where(np.ma.getmaskarray(column), np.nan, np.ma.getdata(column).astype(np.float64))
    return np.where(np.isfinite(values), values, np.nan)


def _texts(column: np.ma.MaskedArray[Any, Any]) -> npt.NDArray[np.str_]:
    """Return texts without the spaces around them; what is missing is empty."""
    values = np.ma.getdata(column)
    missing = np.ma.getmaskarray(column)
    if values.dtype.kind == "O":
        missing = missing | (values == np.array(None))
    return np.where(missing, "", np.strings.strip(values.astype(str)))


def _codes(texts: npt.NDArray[np.str_], categories: npt.NDArray[np.str_]) -> FloatArray:
    if not len(categories):
        return np.full(len(texts), np.nan)
    place = categories.searchsorted(texts).clip(max=len(categories) - 1)
    return np.where(categories[place] == texts, place, np.nan)
