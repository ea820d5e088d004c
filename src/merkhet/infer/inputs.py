"""What the user names on the command line, as a list of samples: files, folders, globs and tables."""

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import Table

from merkhet.config.data import Columns
from merkhet.data.samples import row_paths, sample_ids
from merkhet.errors import InputError
from merkhet.io.hdus import is_fits_table
from merkhet.io.image_lists import IMAGE_SUFFIXES, PROBLEM
from merkhet.io.reading import is_folder
from merkhet.io.tables import read_table, require_columns

TABLE_SUFFIXES = (".csv", ".ecsv", ".vot", ".xml", ".votable", ".parquet")


@dataclass(frozen=True)
class InputItem:
    """One sample to be answered for.

    Attributes
    ----------
    id
        Its name.
    paths
        Its files, one per band or one for all; none if none is named.
    problem
        Why its row cannot be used; empty for a good one.
    table, row
        The table that names it, and the number of its row; no table where it was named by itself.
    """

    id: str
    paths: tuple[Path, ...]
    problem: str = ""
    table: Table | None = field(default=None, compare=False, repr=False)
    row: int = 0


def expand_inputs(
    inputs: Iterable[str | Path], *, columns: Columns | None = None, root: str | Path | None = None
) -> list[InputItem]:
    """Return the samples that ``inputs`` stand for, in order, each file once.

    A folder stands for the FITS files in it, at any depth; a pattern for what it matches; a table for its rows
    (``columns`` says which column holds the path, ``root`` where relative ones start), also a FITS file that holds a
    table and no image; everything else for itself, so that a file that is missing shows up among the rejects.

    Raises
    ------
    InputError
        A folder or a pattern without images, a table without the path column, or nothing at all.
    """
    items: dict[tuple[str, tuple[Path, ...]], InputItem] = {}
    for entry in inputs:
        for item in _expand(str(entry), columns or Columns(), root):
            items.setdefault((item.id, item.paths), item)
    if not items:
        raise InputError("predict", "no input was given", expected="files, folders, patterns or tables")
    return list(items.values())


def _expand(entry: str, columns: Columns, root: str | Path | None) -> list[InputItem]:
    path = Path(entry)
    if is_folder(path):
        files = sorted(file for file in path.rglob("*") if _is_image(file) and not file.name.startswith("."))
        if not files:
            raise InputError(entry, "a folder without FITS images", expected=f"files that end in {IMAGE_SUFFIXES[0]}")
        return [_item(file) for file in files]
    if is_table(path):
        return _from_table(path, columns, root=Path(root) if root else path.parent)
    if glob.has_magic(entry) and not os.path.exists(path):  # noqa: PTH110 (Path.exists raises for a long pattern)
        matches = sorted(match for match in glob.glob(entry, recursive=True) if not is_folder(match))  # noqa: PTH207
        if not matches:
            raise InputError(entry, "the pattern matches no file")
        return [_item(Path(match)) for match in matches]
    return [_item(path)]


def is_table(path: Path) -> bool:
    """Tell a table from an image: by the suffix, and where that is FITS by what the file holds."""
    return path.name.lower().endswith(TABLE_SUFFIXES) or is_fits_table(path)


def _is_image(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(IMAGE_SUFFIXES)


def _item(path: Path) -> InputItem:
    return InputItem(str(path), (path,))


def _from_table(path: Path, columns: Columns, *, root: Path) -> list[InputItem]:
    table = read_table(path)
    require_columns(table, [*columns.paths, *(name for name in (columns.id, columns.group) if name)], source=path)
    paths = row_paths(table, columns, root=root)
    names = sample_ids(table, columns)
    problems = np.asarray(table[PROBLEM]).astype(str) if PROBLEM in table.colnames else [""] * len(table)
    return [
        InputItem(str(name) if files else f"row {row + 1} of {path}", files, str(problem), table, row)
        for row, (name, files, problem) in enumerate(zip(names, paths, problems, strict=True))
    ]
