"""Scanning a survey: tiles in, one catalog out, whatever happens on the way."""

import contextlib
import tempfile
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, get_args

from merkhet.config.inference import BackendName, Precision
from merkhet.errors import ConfigError, Interrupted
from merkhet.execute import Progress, Shard, default_workers, pool, unordered_map
from merkhet.io.locks import exclusive
from merkhet.scan.assemble import collect
from merkhet.scan.detections import Detections
from merkhet.scan.images import TileFiles, list_tiles
from merkhet.scan.known import Known
from merkhet.scan.ledger import Ledger, Plan
from merkhet.scan.one_tile import TileJob, forget, scan_tile, scan_tiles
from merkhet.scan.outputs import Format, Outputs
from merkhet.scan.scheme import Scheme

LOCK_WAIT_S = 600.0


class DetectorOptions(TypedDict, total=False):
    """Options of :func:`scan` that go to the detector; which it takes depends on the model.

    Attributes
    ----------
    windows, stride, resample, reexamine
        Of models that answer for windows; see :class:`merkhet.scan.windows.WindowDetector`.
    tile
        Of models that answer for whole images: side in pixels of the blocks in which a tile is evaluated; see
        :class:`merkhet.scan.dense.DenseDetector`.
    device, backend, precision
        As for :func:`merkhet.load`.
    """

    windows: Sequence[int]
    stride: int
    resample: Literal["sum", "zoom"]
    reexamine: bool
    tile: int
    device: str
    backend: BackendName
    precision: Precision


def scan(
    model: str | Path,
    inputs: str | Path | Sequence[str | Path],
    *,
    out: str | Path | None = None,
    threshold: float | None = None,
    exposure: Sequence[str | Path] | None = None,
    background: Sequence[str | Path] | None = None,
    hdu: int | str | None = None,
    separate: bool = False,
    measured: bool = True,
    known: str | Path | None = None,
    format: Format = "catalog",  # noqa: A002 (the name that users of the published detector know)
    regions: bool = True,
    probability_map: bool = False,
    workers: int = 1,
    shard: Shard | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[DetectorOptions],
) -> Detections:
    """Find the objects on images of the sky, and write a catalog of them.

    Tiles that overlap are one sky, and each object is in the catalog once. A tile that cannot be used becomes a row
    of the rejects. With ``out``, a scan that was killed goes on when the same call is made again.

    Parameters
    ----------
    model
        Run, bundle or name of a model that detects objects or classifies cutouts; ``boxes``, which learned nothing.
    inputs
        Images, folders, patterns and tables; see :func:`merkhet.scan.listing.list_tiles`.
    out
        Catalog, its format by suffix; beside it ``<stem>_rejects.csv``, ``<stem>.reg`` (circles in FK5) and
        ``<stem>_regions/`` (in pixels, one file per image).
    threshold
        Detections from this probability up are kept; the model's own threshold where absent.
    exposure, background
        Maps, one per image, where they are not found beside it.
    hdu
        HDU of the counts.
    separate
        The images share no sky, though they may show the same part of it (other epochs, copies).
    measured
        Measure ``snr`` and ``significance``, which takes 5 to 200 ms per detection; else they are NaN.
    known
        Table of known sources: adds the nearest, see :meth:`merkhet.scan.known.Known.match`.
    format
        ``dsh-json`` writes ``out`` as the published halo detector does.
    regions
        Write DS9 regions.
    probability_map
        Write maps of probability to ``<stem>_maps/``, FITS with world coordinates.
    workers
        Processes.
    shard
        Part of the tiles, where several machines share a scan; the one that finishes last writes the catalog.
    overwrite
        Replace an earlier output, or begin anew.
    progress, options
        Called as ``progress(done, tiles)`` after each tile; and see :class:`DetectorOptions`.

    Raises
    ------
    ConfigError, InputError
        An option does not go with the model; there is no image, no such model, or no table of known sources.
    OutputError
        An output exists and ``overwrite`` is not set, or cannot be written.
    Interrupted
        CTRL-C; what was finished is kept in ``<stem>_scan/`` if there is an ``out``.
    """
    shard = shard or Shard()
    outputs = _check_outputs(out, format, regions=regions, maps=probability_map, shard=shard, overwrite=overwrite)
    match = None if known is None else Known(known)
    tiles = list_tiles([inputs] if isinstance(inputs, str | Path) else inputs, exposure=exposure, background=background)
    plan = _make_plan(
        str(model),
        tiles,
        options={**options},
        threshold=threshold,
        hdu=hdu,
        separate=separate,
        measured=measured,
        maps=None if outputs is None or not probability_map else outputs.files["maps"],
    )
    with _ledger(outputs) as ledger:
        ledger.open(plan, overwrite=overwrite, inputs=[files.image for files in tiles])
        _scan_tiles(ledger, plan, shard=shard, workers=workers, progress=progress, kept=outputs is not None)
        return _finish(ledger, plan, outputs=outputs, shard=shard, known=match)


def _check_outputs(
    out: str | Path | None, form: Format, *, regions: bool, maps: bool, shard: Shard, overwrite: bool
) -> Outputs | None:
    if form not in get_args(Format):
        raise ConfigError(f"format {form!r} is unknown; choose from {', '.join(get_args(Format))}")
    if out is None:
        for what, given in (("a shard", shard.count > 1), ("format dsh-json", form != "catalog"), ("maps", maps)):
            if given:
                raise ConfigError(f"scan: {what} needs a place to write; give out (--out)")
        return None
    if overwrite and shard.count > 1:
        raise ConfigError("--overwrite and --shard: the parts would clear each other; remove the old scan first")
    outputs = Outputs(Path(out), form, regions, maps)
    outputs.check(overwrite=overwrite)
    return outputs


def _make_plan(
    model: str,
    tiles: Sequence[TileFiles],
    *,
    options: dict[str, Any],
    threshold: float | None,
    hdu: int | str | None,
    separate: bool,
    measured: bool,
    maps: Path | None,
) -> Plan:
    scheme = Scheme.of(model)
    least = scheme.task.threshold if threshold is None else threshold
    if not 0 < least < 1:
        raise ConfigError(f"threshold {least}: expected a probability between 0 and 1")
    if scheme.by_windows:
        options = {**options, "threshold": least}
    return Plan(
        model=model,
        hash=scheme.hash,
        options=options,
        threshold=least,
        tiles=tuple(
            (_file_name(tile, number), str(tile.image), str(tile.exposure or ""), str(tile.background or ""))
            for number, tile in enumerate(tiles)
        ),
        stamps=tuple(_stamp(tile) for tile in tiles),
        hdu=hdu,
        separate=separate,
        measured=measured,
        maps=None if maps is None else str(maps),
    )


def _file_name(tile: TileFiles, number: int) -> str:
    """Return the name of a tile as that of a file; images of one name in several folders are numbered."""
    return tile.id if Path(tile.id).name == tile.id else f"{number:04d}_{tile.image.name.split('.')[0]}"


def _stamp(tile: TileFiles) -> str:
    stamps = []
    for path in (tile.image, tile.exposure, tile.background):
        with contextlib.suppress(OSError):  # a file that is missing will be a reject
            status = path.stat() if path is not None else None
            stamps.append(f"{status.st_size} {status.st_mtime_ns}" if status else "")
    return ", ".join(stamps)


@contextlib.contextmanager
def _ledger(outputs: Outputs | None) -> Iterator[Ledger]:
    """Yield the ledger beside the catalog, or one that goes with this call where nothing is written."""
    try:
        if outputs is not None:
            yield outputs.ledger
        else:
            with tempfile.TemporaryDirectory(prefix="merkhet-scan-") as folder:
                yield Ledger(Path(folder))
    finally:
        forget()


def _scan_tiles(
    ledger: Ledger, plan: Plan, *, shard: Shard, workers: int, progress: Progress | None, kept: bool
) -> None:
    mine = [number for number in range(len(plan.tiles)) if shard.owns(number)]
    threads = max(1, default_workers() // workers) if workers > 1 else None
    jobs = [TileJob(ledger.folder, plan.fingerprint, number, threads) for number in mine if not ledger.done(number)]
    done = len(mine) - len(jobs)
    if progress:
        progress(done, len(mine))
    try:
        with contextlib.closing(_scanned(jobs, workers=workers)) as numbers:
            for _ in numbers:
                done += 1
                if progress:
                    progress(done, len(mine))
    except KeyboardInterrupt:
        done = sum(ledger.done(number) for number in mine)
        where = f", and kept in {ledger.folder}: the same call goes on" if kept else ""
        raise Interrupted(f"interrupted; {done} of {len(mine)} tiles are done{where}") from None


def _scanned(jobs: Sequence[TileJob], *, workers: int) -> Generator[int, None, None]:
    """Yield the numbers of tiles as they are done, by one process or several."""
    if min(workers, len(jobs)) <= 1:
        yield from scan_tiles(jobs)
        return
    with pool(min(workers, len(jobs))) as executor:
        yield from unordered_map(scan_tile, jobs, executor=executor, pending=workers)


def _finish(ledger: Ledger, plan: Plan, *, outputs: Outputs | None, shard: Shard, known: Known | None) -> Detections:
    """Make the catalog of all finished tiles; write it if these are all, and remove the ledger if nobody needs it."""
    if outputs is None:
        return collect(ledger, plan, known=known)
    lock = outputs.catalog.with_name(f".{outputs.catalog.name}.lock")
    with exclusive(outputs.catalog, lock=lock, wait_s=LOCK_WAIT_S):
        detections = collect(ledger, plan, known=known)
        if detections.complete and (
            shard.count == 1 or not outputs.catalog.exists()
        ):  # another shard may have been here
            outputs.write(detections, tiles=plan.files)
        if ledger.leave(shard) and detections.complete:
            ledger.remove()
    return replace(detections, files=outputs.files) if detections.complete else detections
