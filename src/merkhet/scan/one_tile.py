"""One tile of a scan, from its files to the rows that it gives to the catalog."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.errors import InputError, OutputError
from merkhet.io.catalog import Flag
from merkhet.io.rejects import Reject
from merkhet.scan.candidates import merge, radii_px
from merkhet.scan.detectors import Detector, Found, find_detector
from merkhet.scan.field import Field
from merkhet.scan.footprints import Footprint
from merkhet.scan.images import SkyTile, read_tile
from merkhet.scan.ledger import Ledger, Plan, TileResult
from merkhet.scan.measure import measure
from merkhet.scan.memory import give_back, keep_freed
from merkhet.scan.neighbors import Neighbor, survey_neighbors
from merkhet.scan.partial import footprint_flags
from merkhet.scan.probability_map import write_probability_map
from merkhet.scan.scheme import Scheme

OF_SOME = ("cell_x", "cell_y", "score_finer", "score_coarser", "snr", "significance")
"""Columns that not every scan has: the center of the window or cell, logits at the scales beside, what is measured."""

ROWS = {
    **dict.fromkeys(("x", "y", "ra", "dec", "size_arcsec", "radius_arcsec", "extent_px"), np.float64),
    **dict.fromkeys(("score", "probability", "false_alarms_per_deg2"), np.float64),
    **dict.fromkeys(("scale_px", *OF_SOME), np.float64),
    **dict.fromkeys(("label", "category", "image", "model", "name"), np.str_),
    "flags": np.int32,
}
"""Type of each column that a tile gives; ``name`` is the tile's."""


@dataclass(frozen=True)
class TileJob:
    """Tile ``number`` of the plan with that fingerprint, in the ledger of a folder, on so many threads (None: all)."""

    folder: Path
    fingerprint: str
    number: int
    threads: int | None = None


@dataclass(eq=False)
class Visit:
    """How far a tile has come: its field once it is read, what was found on it, or why it cannot be used."""

    job: TileJob
    field: Field | None = None
    found: Found | None = None
    reject: Reject | None = None

    @property
    def workshop(self) -> "Workshop":
        """That of this process."""
        return _workshop(self.job.folder, self.job.fingerprint)

    @contextlib.contextmanager
    def rejecting(self, stage: str) -> Iterator[None]:
        """Note why the tile cannot be used, if it cannot."""
        image = str(self.workshop.plan.files[self.job.number].image)
        try:
            yield
        except OutputError:
            raise  # no fault of the tile
        except InputError as error:
            self.reject = Reject(image, stage, error.reason if error.where == image else str(error))


def scan_tile(job: TileJob) -> int:
    """Scan a tile, tick it off in the ledger, and return its number. A tile that cannot be used is a reject."""
    if job.threads is not None and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(job.threads)
    visit = begin(job)
    detect(visit)
    return finish(visit)


def scan_tiles(jobs: Sequence[TileJob]) -> Iterator[int]:
    """Scan tiles in this process and yield their numbers, each once it is ticked off.

    While the detector works on one tile, another thread measures and ticks off the one before, then reads the next:
    no more than two are in memory at once. The answers are those of :func:`scan_tile`.
    """
    if not jobs:
        return
    _workshop(jobs[0].folder, jobs[0].fingerprint)  # made here: what is wrong with the detector is no tile's fault
    last: Future[int] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="merkhet-scan") as beside:
        ahead = beside.submit(begin, jobs[0])
        try:
            for following in (*jobs[1:], None):
                visit = ahead.result()
                if following is not None:
                    ahead = beside.submit(begin, following)
                detect(visit)
                if last is not None:
                    yield last.result()
                last = beside.submit(finish, visit)
                del visit  # the thread lets go of it when it is done
            assert last is not None
            yield last.result()
        finally:
            ahead.cancel()


def begin(job: TileJob) -> Visit:
    """Read a tile, and what it needs of its neighbors."""
    visit = Visit(job)
    with visit.rejecting("read"):
        visit.field = visit.workshop.read(job.number)
    return visit


def detect(visit: Visit) -> None:
    """Find what is on a tile."""
    if visit.field is not None:
        with visit.rejecting("scan"):
            visit.found = visit.workshop.detect(visit.field)


def finish(visit: Visit) -> int:
    """Measure what was found on a tile, tick the tile off in the ledger and return its number."""
    rows = None
    if visit.field is not None and visit.found is not None:
        with visit.rejecting("scan"):
            rows = visit.workshop.rows(visit.field, visit.found)
    Ledger(visit.job.folder).tick(visit.job.number, TileResult(rows, visit.reject))
    return visit.job.number


class Workshop:
    """What a process keeps from tile to tile: the detector and the neighbors.

    Parameters
    ----------
    folder
        That of the ledger.
    """

    def __init__(self, folder: Path) -> None:
        ledger = Ledger(folder)
        self.plan: Plan = ledger.plan()
        self._scheme = Scheme.of(self.plan.model)
        self._detector: Detector = find_detector(self.plan.model, **self.plan.options)
        self._neighbors: list[Neighbor | None] = []
        if not self.plan.separate and len(self.plan.tiles) > 1:
            self._neighbors = survey_neighbors(self.plan.files, folder=ledger.sky, hdu=self.plan.hdu)

    def read(self, number: int) -> Field:
        """Return a tile, and the sky around it."""
        field = Field(read_tile(self.plan.files[number], hdu=self.plan.hdu), self._neighbors)
        field.prepare()
        return field

    def detect(self, field: Field) -> Found:
        """Return what is on a tile and, of large objects, around it, whichever tile owns it."""
        return self._detector.detect(field)

    def rows(self, field: Field, found: Found) -> Table:
        """Return the detections, measured; write the map of probability if one is asked for."""
        tile = field.tile
        likely = np.asarray(found.candidates["probability"], dtype=np.float64) >= self.plan.threshold
        rows = merge(found.candidates[likely], pixel_arcsec=tile.pixel_arcsec)
        if self.plan.maps is not None and found.grids:
            path = Path(self.plan.maps) / f"{tile.id}_probability.fits"
            write_probability_map(tile, found.grids, path, model=self._detector.hash)
        return self._complete(measure(tile, rows) if self.plan.measured else rows, field)

    def _complete(self, rows: Table, field: Field) -> Table:
        """Add to what was found and measured where it lies and what it is called."""
        tile, probability = field.tile, np.asarray(rows["probability"], dtype=np.float64)
        x, y = (np.asarray(rows[axis], dtype=np.float64) for axis in "xy")
        radius_px = radii_px(rows, pixel_arcsec=tile.pixel_arcsec)
        extent_px = np.asarray(rows["size_arcsec"], dtype=np.float64) / tile.pixel_arcsec
        extent_px = np.where(np.isfinite(extent_px), extent_px, radius_px)
        ra, dec = _sky(tile, x, y)
        edge = footprint_flags(field, x=x, y=y, radius_px=extent_px)
        columns: dict[str, npt.ArrayLike] = {
            "ra": ra,
            "dec": dec,
            "extent_px": extent_px,
            "radius_arcsec": radius_px * tile.pixel_arcsec,
            "category": self._scheme.category(probability),
            "false_alarms_per_deg2": self._scheme.false_alarms(probability),
            "flags": np.asarray(rows["flags"], dtype=np.int32) | edge | np.int32(self._flags(tile)),
            "image": np.full(len(rows), str(tile.path)),
            "model": np.full(len(rows), self._detector.hash),
            "name": np.full(len(rows), tile.id),
        }
        for name, values in columns.items():
            rows[name] = values
        for name in OF_SOME:
            if name not in rows.colnames:
                rows[name] = np.nan
        return Table({name: np.asarray(rows[name]).astype(kind) for name, kind in ROWS.items()})

    def _flags(self, tile: SkyTile) -> int:
        return tile.flags | (Flag.OTHER_SCALE if self._scheme.other_scale(tile.pixel_arcsec) else 0)


@lru_cache(maxsize=1)
def _workshop(folder: Path, fingerprint: str) -> Workshop:
    keep_freed()
    workshop = Workshop(folder)
    if workshop.plan.fingerprint != fingerprint:
        raise InputError(folder, "its plan was changed while it was followed", action="Scan again")
    return workshop


def forget() -> None:
    """Let go of the detector that this process keeps, and of the memory that the scan took."""
    _workshop.cache_clear()
    give_back()


def _sky(tile: SkyTile, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[npt.ArrayLike, npt.ArrayLike]:
    """Return right ascension and declination (ICRS, degrees); NaN without world coordinates."""
    if tile.wcs is None:
        return np.full(len(x), np.nan), np.full(len(x), np.nan)
    if not len(x):
        return x, y
    return Footprint(tile.id, tile.wcs, tile.shape).sky(x, y)
