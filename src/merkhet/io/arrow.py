"""CSV and Parquet through Arrow, to and from astropy tables."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from astropy.table import Column, MaskedColumn, Table
from astropy.table.meta import get_header_from_yaml, get_yaml_from_table

_YAML = b"table_meta_yaml"  # where astropy's own Parquet reader and writer keep units, descriptions and meta
_LENGTH = "table::len::"  # and the width of a text column
_ZERO_LED = r"^[+-]?0[0-9xX]"
_WHOLE = r"^[+-]?[0-9]+$"


def refuse_duplicates(names: list[str]) -> None:
    """Raise ValueError if a name stands twice among the columns."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"column {twice!r} stands there twice")


# -- CSV ------------------------------------------------------------------------------------------------------------


def read_csv(path: Path) -> Table:
    """Read comma-separated UTF-8 text with one line of column names.

    A column is of integers, else of floats, else of truth values (true, false), if all its filled cells are; text
    otherwise. Digits led by zero (an observation's ``0201903501``) and integers beyond 64 bits stay text, since they
    are names. Blanks around a cell are dropped, empty lines skipped. A file of column names alone gives no rows.

    Raises
    ------
    ValueError, OSError, csv.Error
        A row has more or fewer cells than there are names; a name stands twice; the text is not UTF-8.
    """
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        header = next((row for row in reader if row), [])
        lines = reader.line_num
        empty = not any(row for row in reader)
    if not header:
        raise ValueError("there is nothing but empty lines")
    names = [name.strip() or f"column_{number}" for number, name in enumerate(header, start=1)]
    refuse_duplicates(names)
    if empty:
        return Table([Column([], name=name, dtype="U1") for name in names])
    cells = pa_csv.read_csv(
        path,
        pa_csv.ReadOptions(column_names=names, skip_rows=lines, use_threads=False),  # errors then name the row
        pa_csv.ParseOptions(newlines_in_values=True),
        pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    )
    return Table([_to_column(name, _infer(cells[name])) for name in names], copy=False)


def _infer(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return cells of text as the narrowest kind that holds all of them; empty ones are null."""
    cells = pc.utf8_trim_whitespace(cells)
    cells = pc.if_else(pc.equal(cells, ""), None, cells)
    if cells.null_count == len(cells):
        return cells
    numbers = _cast(cells, pa.int64())
    if numbers is not None:
        return cells if _matches(cells, _ZERO_LED).true_count else numbers
    numbers = _cast(cells, pa.float64())
    if numbers is not None:
        return cells if _matches(cells, _WHOLE).false_count == 0 else numbers
    truths = _cast(cells, pa.bool_())
    return cells if truths is None else truths


def _cast(cells: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    try:
        return cells.cast(kind)
    except pa.ArrowInvalid:
        return None


def _matches(cells: pa.ChunkedArray, pattern: str) -> Any:
    return pc.match_substring_regex(cells, pattern).combine_chunks()


# -- Parquet --------------------------------------------------------------------------------------------------------


def read_parquet(path: Path) -> Table:
    """Read a Parquet file; units, descriptions and meta where merkhet or astropy wrote it.

    Raises
    ------
    ValueError, OSError
        The file is damaged, a name stands twice, or a column holds what a table cannot: lists of varying length,
        structures, binary data.
    """
    with pq.ParquetFile(path) as file:
        cells = file.read(use_threads=False)
    refuse_duplicates(cells.schema.names)
    table = Table([_to_column(name, cells[name]) for name in cells.schema.names], copy=False)
    text = (cells.schema.metadata or {}).get(_YAML)
    return table if text is None else _describe(table, get_header_from_yaml(text.decode().splitlines()))


def _describe(table: Table, header: dict[str, Any]) -> Table:
    table.meta.update(header.get("meta", {}))
    table.meta.pop("__serialized_columns__", None)  # columns of classes that astropy took apart; they stay apart
    for facts in header["datatype"]:
        if facts["name"] in table.colnames:
            for attribute in ("unit", "description", "format", "meta"):
                if attribute in facts:
                    setattr(table[facts["name"]], attribute, facts[attribute])
    return table


def write_parquet(table: Table, path: Path) -> None:
    """Write a table of plain columns (numbers, truth values, text; also arrays of fixed shape)."""
    metadata = {_YAML: "\n".join(get_yaml_from_table(table)).encode()}
    for column in table.itercols():
        if column.dtype.kind == "U":
            metadata[f"{_LENGTH}{column.name}".encode()] = str(max(column.dtype.itemsize // 4, 1)).encode()
    arrays = [_to_arrow(column) for column in table.itercols()]
    pq.write_table(pa.table(arrays, names=table.colnames).replace_schema_metadata(metadata), path)


# -- columns --------------------------------------------------------------------------------------------------------


def _to_column(name: str, cells: pa.ChunkedArray) -> Column:
    """Return a column; missing numbers are NaN, missing text is empty, missing integers and truth values masked."""
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    kind = cells.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        data = cells.fill_null(0 if pa.types.is_integer(kind) else False).to_numpy()
        return (
            MaskedColumn(data, name=name, mask=cells.is_null().to_numpy()) if cells.null_count else Column(data, name)
        )
    if pa.types.is_decimal(kind):
        cells, kind = cells.cast(pa.float64()), pa.float64()
    if pa.types.is_floating(kind):
        return Column(cells.to_numpy(), name=name)
    if pa.types.is_fixed_size_list(kind) and not cells.null_count:
        inner = _to_column(name, pa.chunked_array([chunk.flatten() for chunk in cells.chunks], type=kind.value_type))
        return type(inner)(inner.reshape(len(cells), kind.list_size, *inner.shape[1:]), name=name)
    if any(test(kind) for test in (pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary)):
        raise ValueError(f"column {name!r} holds {kind}; a table holds numbers, truth values and text")
    text: npt.NDArray[Any] = cells.cast(pa.string()).fill_null("").to_numpy()
    return Column(text.astype(str), name=name)


def _to_arrow(column: Column) -> pa.Array:
    data = np.ma.getdata(column.data).reshape(-1)
    mask = np.ma.getmaskarray(column.data).reshape(-1) if isinstance(column, MaskedColumn) else None
    cells = pa.array(data, mask=mask)
    for length in reversed(column.shape[1:]):
        cells = pa.FixedSizeListArray.from_arrays(cells, length)
    return cells
