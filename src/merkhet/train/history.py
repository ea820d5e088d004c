"""Histories of several trainings in one table."""

from collections.abc import Mapping
from pathlib import Path

from astropy.table import Table, vstack

from merkhet.io.tables import read_table, write_table


def write_histories(parts: Mapping[int, Path], path: Path, *, by: str) -> None:
    """Join histories, one row per epoch, under each other; the new first column ``by`` says which is which."""
    tables = []
    for number, part in parts.items():
        table = read_table(part)
        table.add_column([number] * len(table), name=by, index=0)
        tables.append(table)
    joined: Table = vstack(tables, metadata_conflicts="silent")
    write_table(joined, path, overwrite=True)
