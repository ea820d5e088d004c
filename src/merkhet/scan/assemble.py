"""One catalog from what the tiles of a scan gave, each object in it once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from astropy.table import Table, vstack

from merkhet.scan.catalog import as_catalog
from merkhet.scan.detections import Detections
from merkhet.scan.footprints import Footprint, read_footprint
from merkhet.scan.known import Known
from merkhet.scan.ledger import Ledger, Plan
from merkhet.scan.one_tile import ROWS
from merkhet.scan.ownership import claim


def collect(ledger: Ledger, plan: Plan, *, known: Known | None = None) -> Detections:
    """Return the detections of all finished tiles, the most probable first.

    Raises
    ------
    InputError
        An entry of the ledger is damaged.
    """
    results = {number: ledger.result(number) for number in range(len(plan.tiles)) if ledger.done(number)}
    rejects = tuple(result.reject for result in results.values() if result.reject is not None)
    scanned = {number: result.rows for number, result in results.items() if result.rows is not None}
    rows = _join(scanned)
    if not plan.separate and len(plan.tiles) > 1:
        rows = rows[claim(rows, _footprints(plan, list(scanned)))]
    rows = _named(rows[np.lexsort((-np.asarray(rows["score"]), -np.asarray(rows["probability"])))])
    catalog = as_catalog(rows) if known is None else known.match(as_catalog(rows))
    return Detections(catalog, rejects, rows=rows, tiles=len(plan.tiles), tiles_done=len(results))


def _join(scanned: dict[int, Table]) -> Table:
    """Return the rows of all tiles, with the number of the tile that each is from."""
    parts = [Table({"tile": np.empty(0, dtype=np.int64), **{name: np.empty(0, dtype=t) for name, t in ROWS.items()}})]
    for number, rows in scanned.items():
        part = rows.copy()
        part["tile"] = np.full(len(rows), number)
        parts.append(part)
    return vstack(parts, metadata_conflicts="silent")


def _footprints(plan: Plan, scanned: Sequence[int]) -> list[Footprint | None]:
    """Return where the tiles lie; those that were not scanned answer for no sky."""
    return [
        read_footprint(files, hdu=plan.hdu) if number in scanned else None for number, files in enumerate(plan.files)
    ]


def _named(rows: Table) -> Table:
    """Name each detection by its tile and its place among that tile's."""
    place = np.zeros(len(rows), dtype=np.int64)
    tile: npt.NDArray[np.int64] = np.asarray(rows["tile"])
    for number in np.unique(tile):
        here = tile == number
        place[here] = np.arange(1, here.sum() + 1)
    rows["id"] = np.array([f"{name}_{n:04d}" for name, n in zip(rows["name"], place, strict=True)], dtype=str)
    return rows
