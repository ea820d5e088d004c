"""The formats of tables: how each is read and written, and what it cannot hold."""

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import votable
from astropy.table import Column, MaskedColumn, Table
from astropy.table.meta import get_header_from_yaml
from astropy.units import Quantity

from merkhet.errors import InputError, OutputError
from merkhet.io.arrow import read_csv, read_parquet, refuse_duplicates, write_parquet
from merkhet.io.image_lists import is_image_list, read_image_list

# Text formats end a line or a file at these, whatever quotes stand around them; tab and newline they keep.
_KEPT, _BREAKS = (0x09, 0x0A), (0x7F, 0x85, 0x2028, 0x2029)
_ATTRIBUTES = ("unit", "description", "format", "meta")


@dataclass(frozen=True)
class TableFormat:
    """One format of tables.

    Attributes
    ----------
    name, suffixes
        What it is called and told by.
    read, write
        ``read(path)`` and ``write(table, path)``; they raise whatever the library under them does.
    widen
        NumPy types that the format lacks, and those that take their place.
    lacks
        Types that have no place at all.
    gaps
        Kinds of numbers that may have masked cells.
    cell_axes
        How many axes an array in a cell may have.
    ascii_only
        Whether text beyond ASCII is out of reach.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], Table]
    write: Callable[[Table, Path], None]
    widen: Mapping[str, str] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    gaps: str = "biu"
    cell_axes: int = 9
    ascii_only: bool = False


def format_of(path: str | Path, error: type[InputError] = InputError) -> TableFormat:
    """Return the format that the suffix of ``path`` stands for, or raise ``error`` with the known ones."""
    name = Path(path).name.lower()
    found = next((form for form in FORMATS if name.endswith(form.suffixes)), None)
    if found is None:
        known = ", ".join(suffix for form in FORMATS for suffix in form.suffixes)
        raise error(path, f"the suffix {Path(path).suffix!r} is no table format", expected=f"one of {known}")
    return found


def plain(table: Table) -> Table:
    """Return a table of new columns in the one form that :mod:`merkhet.io.tables` promises; data are shared.

    Columns of other classes (SkyCoord, Time) stay as they are.
    """
    columns = [_plain_column(table[name], name) for name in table.colnames]
    return Table(columns, names=table.colnames, meta=dict(table.meta), copy=False)


def _plain_column(column: Any, name: str) -> Any:
    if not isinstance(column, Column | Quantity):
        return column
    data = column.value if isinstance(column, Quantity) else column.data
    values: npt.NDArray[Any] = np.ma.getdata(data)
    mask = np.ma.getmaskarray(data) if np.ma.is_masked(data) else None
    if values.dtype.kind == "S":
        values = np.strings.decode(values, "utf-8")
    elif values.dtype.kind == "O" and all(isinstance(cell, str) for cell in values.flat):
        values = values.astype(str)
    values = values.astype(values.dtype.newbyteorder("=") if values.dtype.itemsize else "U1", copy=False)
    if values.dtype.kind in "fU" and mask is not None:
        values, mask = np.where(mask, "" if values.dtype.kind == "U" else values.dtype.type(np.nan), values), None
    attributes = {key: getattr(column.info, key) for key in _ATTRIBUTES}
    if mask is None:
        return Column(values, name=name, copy=False, **attributes)
    return MaskedColumn(values, name=name, mask=mask, copy=False, **attributes)


def fitted(table: Table, form: TableFormat, path: Path) -> Table:
    """Return a plain table as ``form`` can hold it; control characters in text become blanks.

    Raises
    ------
    OutputError
        Naming the column that it cannot hold.
    """
    if not table.colnames:
        raise OutputError(path, "the table has no columns")
    for column in table.itercols():
        problem = _problem(column, form)
        if problem:
            raise OutputError(
                path,
                f"column {column.info.name!r} {problem}",
                expected=f"what {form.name} can hold",
                action="Drop or convert it, or write another format (.ecsv and .parquet hold most)",
            )
    return Table([_fitted_column(column, form) for column in table.itercols()], meta=table.meta, copy=False)


def _fitted_column(column: Column, form: TableFormat) -> Column:
    if column.dtype.kind != "U":
        return column.astype(form.widen.get(column.dtype.name, column.dtype), copy=False)
    codes = _code_points(column.data)
    breaks = ((codes > 0) & (codes < 32) & ~np.isin(codes, _KEPT)) | np.isin(codes, _BREAKS)
    if not breaks.any():
        return column
    blanked = column.copy()
    _code_points(blanked.data)[breaks] = ord(" ")
    return blanked


def _code_points(text: npt.NDArray[np.str_]) -> npt.NDArray[np.uint32]:
    """Return a view of the characters of ``text``; the last axis is the place in the cell, padded with zeros."""
    return text.reshape(*text.shape, 1).view(np.uint32)


def _problem(column: Any, form: TableFormat) -> str:
    if not isinstance(column, Column):
        return f"is a {type(column).__name__}"
    if column.dtype.kind not in "biufU" or column.dtype.name in form.lacks:
        return f"holds {column.dtype}"
    if column.ndim - 1 > form.cell_axes:
        return f"holds arrays of shape {column.shape[1:]}"
    if isinstance(column, MaskedColumn) and column.dtype.kind not in form.gaps:
        return f"of {column.dtype} has masked cells"
    if form.ascii_only and column.dtype.kind == "U" and (_code_points(column.data) > 127).any():
        return "holds text beyond ASCII"
    return ""


def _read_text(path: Path) -> Table:
    return read_image_list(path) if is_image_list(path) else read_csv(path)


def _read_fits(path: Path) -> Table:
    return Table.read(path, format="fits", character_as_bytes=False, mask_invalid=False)


def _read_votable(path: Path) -> Table:
    first = votable.parse(path, verify="ignore").get_first_table()
    refuse_duplicates([field.name for field in first.fields])
    return first.to_table(use_names_over_ids=True)


def _read_ecsv(path: Path) -> Table:
    table = Table.read(path, format="ascii.ecsv")
    with path.open(encoding="utf-8") as stream:
        head = [line.removeprefix("# ") for line in itertools.takewhile(lambda line: line.startswith("#"), stream)]
    # Astropy renames what stands twice; the first line names the format.
    refuse_duplicates([column["name"] for column in get_header_from_yaml(head[1:])["datatype"]])
    return table


def _write_csv(table: Table, path: Path) -> None:
    for column in table.itercols():
        column.format = None  # that is for display; what is stored is exact
    table.write(path, format="ascii.csv")


def _write_ecsv(table: Table, path: Path) -> None:
    for number, column in enumerate(table.itercols()):
        cells = [column.name, *np.unique(column.data)] if column.dtype.kind == "U" else [column.name]
        # Astropy does not quote '#', and drops the line again when it reads.
        lost = re.compile(r"^\s*#" if number == 0 else r"\n\s*#", re.MULTILINE)
        if any(lost.search(str(cell)) for cell in cells):
            raise ValueError(f"column {column.name!r} begins a line with '#', which stands for a comment")
    table.write(path, format="ascii.ecsv")


def _write_fits(table: Table, path: Path) -> None:
    for column in table.itercols():
        if isinstance(column, MaskedColumn):  # FITS marks a gap with a number, which must not be one of the data
            column.fill_value = _unused(column)
    table.write(path, format="fits")


def _unused(column: MaskedColumn) -> int:
    info, used = np.iinfo(column.dtype), set(np.unique(column.compressed()).tolist())
    number = next((number for number in range(info.min, int(info.max) + 1) if number not in used), None)
    if number is None:
        raise ValueError(f"column {column.name!r} uses every {column.dtype}; none is left to mark its gaps")
    return number


def _write_votable(table: Table, path: Path) -> None:
    table.write(path, format="votable")


FORMATS = (
    TableFormat("CSV", (".csv",), _read_text, _write_csv, cell_axes=0),
    TableFormat("ECSV", (".ecsv",), _read_ecsv, _write_ecsv),
    TableFormat(
        "FITS",
        (".fits", ".fit", ".fits.gz"),
        _read_fits,
        _write_fits,
        widen={"int8": "int16", "float16": "float32"},
        gaps="iu",
        ascii_only=True,
    ),
    TableFormat(
        "VOTable",
        (".vot", ".xml", ".votable"),
        _read_votable,
        _write_votable,
        widen={"int8": "int16", "uint16": "int32", "uint32": "int64", "float16": "float32"},
        lacks=("uint64",),
        cell_axes=1,  # astropy writes and reads the lengths of several axes in opposite orders
    ),
    TableFormat("Parquet", (".parquet",), read_parquet, write_parquet),
)
"""Every format, in the order in which errors list them."""
