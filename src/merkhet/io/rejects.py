"""The table of rejects: what could not be used, at which stage, and why. It is written even when empty."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from astropy.table import Table

from merkhet.errors import InputError
from merkhet.io.tables import write_table

COLUMNS = ("file", "stage", "reason")


@dataclass(frozen=True)
class Reject:
    """One input that was left out."""

    file: str
    stage: str
    reason: str

    @classmethod
    def from_error(cls, error: InputError, *, stage: str) -> "Reject":
        """Make a row of the table from the error that the input caused."""
        return cls(error.where, stage, error.reason)


def write_rejects(rejects: Iterable[Reject], path: str | Path) -> Path:
    """Write ``rejects.csv`` (columns ``file, stage, reason``), replacing an earlier one."""
    rows = [(reject.file, reject.stage, reject.reason) for reject in rejects]
    table = Table(rows=rows or None, names=COLUMNS, dtype=(str, str, str))
    return write_table(table, path, overwrite=True)
