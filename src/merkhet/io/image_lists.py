"""Lists of images without a line of column names: ``path[,label]``, as pipelines for survey snapshots write them."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.table import MaskedColumn, Table

IMAGE_SUFFIXES = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fits.bz2", ".fits.fz", ".fz")
"""What the name of a FITS image ends in."""

LABELS = {"0": "good", "1": "rfi", "2": "sis", "3": "rfisis"}
"""What the second field of a list may be: 1 for interference, 2 for a source in a sidelobe of the beam, 3 for both."""

PROBLEM = "list_problem"
"""Column that says what is wrong with a row; there only if something is."""

NOTES = "notes"
"""Key of a table's meta: lines for people about the way it was read."""

_ALONE = r"(?<![A-Za-z0-9]){}(?![A-Za-z0-9])"  # set apart from letters and digits
_OBSERVATION = re.compile(r"\d+")
_POLARIZATION = re.compile(_ALONE.format("(XX|XY|YX|YY|RR|RL|LR|LL|[IQUV])"))
_SUBBAND = re.compile(_ALONE.format(r"(\d+(?:\.\d+)?-\d+(?:\.\d+)?MHz|MFS|\d{4}(?=-))"))


class NameParts(NamedTuple):
    """What the name of a snapshot says; text, empty for what it does not say."""

    observation: str
    polarization: str
    subband: str
    suffix: str


def name_parts(path: str | Path) -> NameParts:
    """Take the name of a snapshot apart: ``1131456789_XX_147-154MHz_clean.fits``.

    The leading number is the observation, ``XX`` (any pair of feeds, or a Stokes letter) the polarization,
    ``147-154MHz`` (or the four digits of an imager's channel, or ``MFS``) the sub-band, in any order; what follows the
    last of them, before the dot, is the suffix.
    """
    stem = re.split(r"\.(?:fits?|fts|fz)\b", Path(path).name, maxsplit=1, flags=re.IGNORECASE)[0]
    found = (_OBSERVATION.match(stem), _POLARIZATION.search(stem), _SUBBAND.search(stem))
    ends = [match.end() for match in found if match]
    observation, polarization, subband = (match[0] if match else "" for match in found)
    return NameParts(observation, polarization, subband, stem[max(ends) :].strip("_-.") if ends else "")


def is_image_list(path: Path) -> bool:
    """Tell a list from a table with column names: its first field names a FITS file, or starts at the root."""
    first = next(_rows(path), [""])[0]
    return first.lower().endswith(IMAGE_SUFFIXES) or first.startswith("/")


def read_image_list(path: Path) -> Table:
    """Read a list as a table: ``id, path, label, rfi, sis, observation, polarization, subband, suffix``.

    ``id`` is the path as it stands there, ``label`` is 0 to 3 (:data:`LABELS`), ``rfi`` and ``sis`` are what it means;
    masked where a row has none. The last four come from the file's name, see :func:`name_parts`. An empty third field,
    which a published list has, is accepted and noted in ``meta["notes"]``. A row that breaks the form is kept, with the
    reason in ``list_problem``.
    """
    rows = list(_rows(path))
    names = [row[0] for row in rows]
    labels = [row[1] if len(row) > 1 else "" for row in rows]
    codes = np.array([int(label) if label in LABELS else -1 for label in labels], dtype=np.int64)
    none = codes < 0
    table = Table({"id": np.array(names, dtype=str), "path": np.array(names, dtype=str)})
    table["label"] = MaskedColumn(codes.clip(0), mask=none)
    for bit, name in enumerate(("rfi", "sis")):
        table[name] = MaskedColumn((codes.clip(0) >> bit) & 1, mask=none)
    parts = [name_parts(name) for name in names]
    for place, name in enumerate(NameParts._fields):
        table[name] = np.array([part[place] for part in parts], dtype=str)
    problems = [_problem(row) for row in rows]
    if any(problems):
        table[PROBLEM] = np.array(problems, dtype=str)
    trailing = sum(len(row) > 2 and not any(row[2:]) for row in rows)
    if trailing:
        table.meta[NOTES] = [f"{path}: {trailing} of {len(rows)} lines end with a comma; the empty field is left out"]
    return table


def _rows(path: Path) -> Iterator[list[str]]:
    """Yield the fields of each line that holds any, without blanks around them."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        for row in csv.reader(stream):
            if row:
                yield [field.strip() for field in row]


def _problem(row: Sequence[str]) -> str:
    """Say what is wrong with a line; nothing where it has the form."""
    if any(row[2:]):
        return f"a line of {len(row)} fields in a list; expected path,label"
    label = row[1] if len(row) > 1 else ""
    if label and label not in LABELS:
        return f"label {label!r}; expected " + ", ".join(f"{code} ({name})" for code, name in LABELS.items())
    return ""
