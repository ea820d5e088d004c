"""The ledger of a scan: what is to be done, and what each tile has given so far.

A folder beside the catalog, there only until the catalog is::

    scan.json      model, options and tiles: the plan
    tiles/         one file per finished tile, which a killed scan goes on from
    sky/           what the neighbors of the tiles need to know of them

Any number of processes and machines may work on one ledger (``--workers``, ``--shard i/n``).
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from pydantic import ValidationError

from merkhet.config.base import Config
from merkhet.errors import InputError, OutputError
from merkhet.execute import Shard
from merkhet.io.atomic import os_errors, prepare_folder, write_text
from merkhet.io.rejects import Reject
from merkhet.scan.images import TileFiles

PLAN = "scan.json"
_TILES = "tiles"


class Plan(Config):
    """What a scan does; the same for all its processes.

    Attributes
    ----------
    model, hash
        What is scanned with; the hash tells whether it is still the same.
    options
        Of the detector.
    threshold
        Detections from this probability up are kept.
    tiles
        ``(id, image, exposure, background)`` of each; empty where there is no such map.
    stamps
        Size and time of change of the files of each tile: a scan does not go on with files that are others by now.
    hdu
        Of the counts; the first image where None.
    separate
        The images share no sky.
    measured
        Detections are measured on the tile.
    maps
        Folder of the maps of probability; None for no maps.
    """

    model: str
    hash: str
    options: dict[str, Any]
    threshold: float
    tiles: tuple[tuple[str, str, str, str], ...]
    stamps: tuple[str, ...]
    hdu: int | str | None
    separate: bool
    measured: bool
    maps: str | None

    @property
    def files(self) -> list[TileFiles]:
        """The tiles."""
        return [
            TileFiles(name, Path(image), *(Path(path) if path else None for path in maps))
            for name, image, *maps in self.tiles
        ]

    @property
    def fingerprint(self) -> str:
        """Digest of all of it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


@dataclass(frozen=True)
class TileResult:
    """What a tile gave: its detections, or why it could not be used."""

    rows: Table | None
    reject: Reject | None = None


class Ledger:
    """A folder in which the tiles of a scan are ticked off.

    Parameters
    ----------
    folder
        Where it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def sky(self) -> Path:
        """Scratch folder of the neighbors."""
        return self.folder / "sky"

    def open(self, plan: Plan, *, overwrite: bool, inputs: Sequence[Path]) -> bool:
        """Begin a scan here, or go on with one of the same plan; return whether there was one.

        Raises
        ------
        OutputError
            The folder holds a scan with another plan, or something else.
        """
        if overwrite:
            prepare_folder(self.folder, marker=PLAN, overwrite=True, inputs=inputs)
        if (self.folder / PLAN).is_file():
            if self.plan().fingerprint != plan.fingerprint:
                raise OutputError(
                    self.folder,
                    "holds an unfinished scan of other images or with other options",
                    action="Give the same command again to finish it, or pass --overwrite",
                )
            return True
        # Several shards may start together: they make the same folders and write the same plan.
        ours = (self.sky.name, _TILES)
        if self.folder.exists() and any(path.name not in ours for path in self.folder.iterdir() if path.name[0] != "."):
            raise OutputError(self.folder, f"it exists already and holds no {PLAN}", action="Choose another name")
        with os_errors(self.folder):
            (self.folder / _TILES).mkdir(parents=True, exist_ok=True)
            self.sky.mkdir(exist_ok=True)
        write_text(self.folder / PLAN, plan.model_dump_json(indent=1))
        return False

    def plan(self) -> Plan:
        """Return what is to be done.

        Raises
        ------
        InputError
            The file is damaged.
        """
        path = self.folder / PLAN
        try:
            return Plan.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(path, f"cannot be read: {reason}", action="Scan again with --overwrite") from error

    def done(self, number: int) -> bool:
        """Tell whether a tile is finished."""
        return self._entry(number).is_file()

    def tick(self, number: int, result: TileResult) -> None:
        """Write what a tile gave."""
        reject = None if result.reject is None else vars(result.reject)
        columns = None if result.rows is None else _to_lists(result.rows)
        write_text(self._entry(number), json.dumps({"reject": reject, "columns": columns}))

    def result(self, number: int) -> TileResult:
        """Return what a finished tile gave.

        Raises
        ------
        InputError
            The entry is damaged.
        """
        path = self._entry(number)
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
            reject = None if entry["reject"] is None else Reject(**entry["reject"])
            return TileResult(None if entry["columns"] is None else _from_lists(entry["columns"]), reject)
        except (OSError, ValueError, TypeError, KeyError) as error:
            action = "Remove this file and scan again: its tile is scanned anew"
            raise InputError(path, f"cannot be read: {error}", action=action) from error

    def leave(self, shard: Shard) -> bool:
        """Note that a part of the job needs the ledger no more; return whether that is true of all parts."""
        with os_errors(self.folder):
            (self.folder / f"left_{shard.index}_of_{shard.count}").touch()
            return all((self.folder / f"left_{index}_of_{shard.count}").exists() for index in range(shard.count))

    def remove(self) -> None:
        """Remove the ledger: the catalog stands in its place."""
        gone = self.folder.with_name(f".{self.folder.name}.{os.getpid()}")
        with os_errors(self.folder):
            self.folder.rename(gone)  # at once: a process that comes now finds all of it or nothing
            shutil.rmtree(gone)

    def _entry(self, number: int) -> Path:
        return self.folder / _TILES / f"{number:06d}.json"


def _to_lists(table: Table) -> dict[str, Any]:
    return {name: [table[name].dtype.str, np.asarray(table[name]).tolist()] for name in table.colnames}


def _from_lists(columns: dict[str, Any]) -> Table:
    return Table({name: np.array(values, dtype=dtype) for name, (dtype, values) in columns.items()})
