"""Tables in and out, their format told by the suffix; columns looked for and rows chosen with clear errors.

What is read has one form, whatever the format: native numbers, truth values and text (``str``). A missing float is NaN
and a missing text is empty; only integer and true/false columns with gaps are masked.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from astropy.table import Column, Table

from merkhet.config.data import Between, Scalar
from merkhet.errors import InputError, OutputError
from merkhet.io.atomic import atomic_path, os_errors, refuse_existing
from merkhet.io.reading import existing_file, first_line, quiet_astropy, read_errors
from merkhet.io.table_formats import fitted, format_of, plain

Where: TypeAlias = Mapping[str, Scalar | tuple[Scalar, ...] | Between]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

_MANY = 40  # columns that an error lists at most


def read_table(path: str | Path, *, where: Where | None = None) -> Table:
    """Read a table: CSV, ECSV, FITS (first table in the file), VOTable (first table) or Parquet.

    A CSV file without column names whose first field is a FITS file is a list of images, ``path[,label]``; see
    :func:`merkhet.io.image_lists.read_image_list`.

    Parameters
    ----------
    path
        ``.csv``, ``.ecsv``, ``.fits``, ``.fit``, ``.fits.gz``, ``.vot``, ``.xml``, ``.votable`` or ``.parquet``.
    where
        Rows to keep, see :func:`select_rows`; all where absent.

    Raises
    ------
    InputError
        The suffix is none of these; the file is missing, empty, truncated or damaged; a column name stands twice; a
        row has too many or too few cells; a column of ``where`` is absent.
    """
    form = format_of(path)
    path = existing_file(path)
    with read_errors(path, form.name):
        table = plain(form.read(path))
    return table if where is None else select_rows(table, where, source=path)


def check_writable(path: str | Path) -> None:
    """Refuse, before any work is done, a table that could not be written in the end.

    Raises
    ------
    OutputError
        The suffix is unknown, or the folder cannot be written to.
    """
    format_of(path, OutputError)
    probe = Path(path).parent / f".{Path(path).name}.{os.getpid()}"
    with os_errors(path):
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()


def write_table(table: Table, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a table atomically, its format by suffix as in :func:`read_table`, and return the path.

    Units and descriptions are kept by every format but CSV. Tables without rows are written too. In text, control
    characters other than tab and newline become blanks: a carriage return would end the row.

    Raises
    ------
    OutputError
        The file exists and ``overwrite`` is not set; the suffix is unknown; the place cannot be written to; the
        format cannot hold a column (the message names it).
    """
    form = format_of(path, OutputError)
    path = refuse_existing(path, overwrite=overwrite)
    ready = fitted(plain(table), form, path)
    with atomic_path(path) as temporary, quiet_astropy:
        try:
            form.write(ready, temporary)
        except OSError:
            raise  # atomic_path has the words for these
        except Exception as error:  # each writer has its own for metadata that it cannot express
            raise OutputError(path, f"cannot be written as {form.name}: {first_line(error)}") from error
    return path


def require_columns(table: Table, names: Iterable[str], *, source: str | Path) -> None:
    """Raise unless every name is a column of ``table``.

    Raises
    ------
    InputError
        Naming the first that is missing, the nearest column and the others.
    """
    for name in names:
        if name in table.colnames:
            continue
        folded = {column.casefold(): column for column in reversed(table.colnames)}
        close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
        known = ", ".join(table.colnames[:_MANY]) + (", ..." if len(table.colnames) > _MANY else "")
        raise InputError(
            source,
            f"has no column {name!r}",
            expected=f"one of {known}",
            action=f"Did you mean {folded[close[0]]!r}?" if close else "",
        )


def select_rows(table: Table, where: Where, *, source: str | Path) -> Table:
    """Return the rows that fulfill every condition.

    Parameters
    ----------
    where
        ``{column: value}``, ``{column: (value, ...)}`` or ``{column: Between(min, max)}``. Numbers and their text
        match (1, 1.0 and ``'1'``), as do true and ``'true'`` in any case. What is masked or NaN never matches.
    source
        The table's file, for errors.

    Raises
    ------
    InputError
        A column is absent or holds more than one value a row; text is asked of a column of numbers, or a range of a
        column of text.
    """
    require_columns(table, where, source=source)
    keep = np.ones(len(table), dtype=bool)
    for name, condition in where.items():
        column = table[name]
        if not isinstance(column, Column) or column.ndim != 1:
            raise InputError(source, f"column {name!r} holds more than one value a row", expected="one, to select by")
        values = np.ma.getdata(column.data)
        choices = condition if isinstance(condition, tuple | list) else (condition,)
        try:
            hits = [_hits(values, choice) for choice in choices]
        except _Incomparable as error:
            raise InputError(source, f"column {name!r} holds {_kind(values)}", expected=str(error)) from None
        keep &= np.any(hits, axis=0) & ~np.ma.getmaskarray(column.data)
    return table[keep]


class _Incomparable(Exception):  # noqa: N818 (never leaves this module)
    """A condition that the kind of the column rules out; the message says what would suit it."""


def _kind(values: npt.NDArray[Any]) -> str:
    return {"U": "text", "b": "true and false"}.get(values.dtype.kind, "numbers")


def _hits(values: npt.NDArray[Any], wanted: Scalar | Between) -> BoolArray:
    text = values.dtype.kind not in "biuf"
    if isinstance(wanted, Between):
        if text:
            raise _Incomparable("numbers, for where asks for a range")
        low = -np.inf if wanted.min is None else wanted.min
        high = np.inf if wanted.max is None else wanted.max
        return np.asarray((values >= low) & (values <= high))
    if text:
        return _text_hits(values.astype(str), wanted)
    number = _number(wanted)
    if number is None and values.dtype.kind == "b":
        number = {"true": True, "false": False}.get(str(wanted).strip().lower())
    if number is None:
        raise _Incomparable(f"text, for where asks for {wanted!r}")
    return np.asarray(values == number)


def _text_hits(values: npt.NDArray[np.str_], wanted: Scalar) -> BoolArray:
    if isinstance(wanted, str):
        return np.asarray(values == wanted)
    if isinstance(wanted, bool):
        return np.asarray(np.strings.lower(values) == str(wanted).lower())
    distinct, place = np.unique(values, return_inverse=True)
    return np.array([_number(text) == wanted for text in distinct], dtype=bool)[place]


def _number(value: Scalar) -> int | float | None:
    """Return a number, or the number that a text spells."""
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return None
