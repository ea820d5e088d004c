"""Packing: the images of a table in one memory-mapped array, with a Parquet index beside it.

A pack is a folder::

    images.npy      float32 (rows, C, *S), NaN where invalid; rejected rows are never written
    index.parquet   the user's columns and the measured ones; its presence means that the pack is complete
    rejects.csv     file, stage, reason
    pack.json       what was packed, and how
    shards/         one file per finished shard: the ledger that a killed job resumes from

Any number of processes and machines may work on one pack (``--workers``, ``--shard i/n``).
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from merkhet import __version__
from merkhet.config.data import Data, ReadSpec
from merkhet.config.inputs import InputSpec
from merkhet.config.pack import PackHeader
from merkhet.data.measured import NO_FILE, Measured, add_measured, measure
from merkhet.data.packed import PACK_HEADER, PACK_INDEX, read_header
from merkhet.data.pixels import check_units, conform, read_pixels
from merkhet.data.samples import from_measured, read_rows, row_paths
from merkhet.errors import ConfigError, InputError, OutputError
from merkhet.execute import Progress, Shard, pool, unordered_map
from merkhet.io.atomic import os_errors, prepare_folder, write_text
from merkhet.io.rejects import write_rejects
from merkhet.io.tables import write_table

IMAGES = "images.npy"
SHARD_ROWS = 128


@dataclass(frozen=True)
class PackResult:
    """What a call of :func:`pack` did: ``complete`` is False while other shards are still to be done."""

    folder: Path
    rows: int
    rejected: int
    shards_done: int
    shards: int

    @property
    def complete(self) -> bool:
        """True when every shard is done and the index is written."""
        return self.shards_done == self.shards


@dataclass(frozen=True)
class _ShardJob:
    number: int
    start: int
    paths: tuple[tuple[Path, ...], ...]
    spec: InputSpec
    read: ReadSpec
    folder: Path


def pack(
    data: Data,
    out: Path,
    *,
    spec: InputSpec | None = None,
    workers: int = 1,
    shard: Shard | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> PackResult:
    """Pack the images of ``data.table`` into the folder ``out``; go on where an earlier call was stopped.

    All images come to one shape: ``spec.shape``, or that of the first one that can be read.

    Raises
    ------
    OutputError
        ``out`` is a finished pack or holds something else, and ``overwrite`` is not set.
    InputError
        The table is unusable or none of its first images can be read.
    """
    spec, shard = spec or InputSpec(), shard or Shard()
    if overwrite and shard.count > 1:
        raise ConfigError("--overwrite and --shard: the parts would clear each other; remove the old pack first")
    table = read_rows(data)
    paths = row_paths(table, data.columns, root=data.root or data.table.parent)
    if spec.shape is None:
        spec = spec.model_copy(update={"shape": _first_shape(paths, spec=spec, read=data.read, source=data.table)})
    _open(out, table, paths, spec=spec, data=data, overwrite=overwrite)
    jobs = [
        _ShardJob(number, start, tuple(paths[start : start + SHARD_ROWS]), spec, data.read, out)
        for number, start in enumerate(range(0, len(paths), SHARD_ROWS))
    ]
    mine = [job for job in jobs if shard.owns(job.number) and not _ledger(out, job.number).is_file()]
    rows_done = len(paths) - sum(len(job.paths) for job in mine)
    with pool(workers) as executor:
        for count in unordered_map(_pack_shard, mine, executor=executor, pending=2 * max(workers, 1)):
            rows_done += count
            if progress:
                progress(rows_done, len(paths))
    done = [job for job in jobs if _ledger(out, job.number).is_file()]
    if len(done) < len(jobs):
        return PackResult(out, 0, 0, len(done), len(jobs))
    rows, rejected = _finish(out, table, [job.number for job in jobs], channels=spec.channels)
    return PackResult(out, rows, rejected, len(jobs), len(jobs))


def _first_shape(
    paths: Sequence[tuple[Path, ...]], *, spec: InputSpec, read: ReadSpec, source: Path
) -> tuple[int, ...]:
    reason, named = "", [files for files in paths if files][:100]
    for files in named:
        try:
            return read_pixels(files, read=read, channels=spec.channels, dims=spec.dims).image.shape[1:]
        except InputError as error:
            reason = reason or str(error)
    raise InputError(source, f"none of the first {len(named)} images can be read; the first: {reason or NO_FILE}")


def _open(
    out: Path, table: Table, paths: Sequence[tuple[Path, ...]], *, spec: InputSpec, data: Data, overwrite: bool
) -> None:
    """Claim the folder for this pack, or check that it holds an unfinished pack of the same rows and options.

    The header is the claim: it is linked into place, which only one of several processes that start together can do.
    """
    content = json.dumps([[str(p) for p in files] for files in paths] + [table.colnames])
    digest = hashlib.sha256((content + spec.model_dump_json() + data.read.model_dump_json()).encode()).hexdigest()
    header = PackHeader(
        merkhet=__version__,
        rows=len(paths),
        fingerprint=digest,
        paths=data.columns.paths,
        input=spec,
        read=data.read,
    ).model_dump_json(indent=1)
    marker = out / PACK_HEADER
    if overwrite:
        prepare_folder(
            out, marker=PACK_HEADER, overwrite=True, inputs=[data.table, data.root, *(f for p in paths for f in p)]
        )
    if not marker.is_file():
        _refuse_foreign(out, marker)
        with os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            _link_new(marker, lambda temporary: temporary.write_text(header, encoding="utf-8"))
    if (out / PACK_INDEX).is_file():
        raise OutputError(out, "holds a finished pack", action="Choose another name, or pass --overwrite")
    if read_header(out).fingerprint != digest:
        raise OutputError(
            out, "holds an unfinished pack of other rows or options", action="Finish that one, or pass --overwrite"
        )
    with os_errors(out):
        (out / "shards").mkdir(exist_ok=True)
        if not (out / IMAGES).exists() and any((out / "shards").iterdir()):
            raise OutputError(out, f"an unfinished pack that lost its {IMAGES}", action="Start anew with --overwrite")
        if not (out / IMAGES).exists():
            shape = (len(paths), spec.channels, *(spec.shape or ()))
            _link_new(out / IMAGES, lambda temporary: _allocate(temporary, shape))


def _refuse_foreign(out: Path, marker: Path) -> None:
    """Refuse what holds something other than a pack; another process may claim the folder in this very moment."""
    if out.is_dir():
        taken = any(not path.name.startswith(".") for path in out.iterdir())
    else:
        taken = out.exists() or out.is_symlink()
    if taken and not marker.is_file():
        raise OutputError(out, "it exists already", action="Choose another name, or pass --overwrite")


def _link_new(path: Path, write: Callable[[Path], Any]) -> None:
    """Make a file whole under a private name, then give it its own unless another process was faster."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _allocate(path: Path, shape: tuple[int, ...]) -> None:
    """Create the array with all its blocks, so that a full disk is an error now and no bus error later."""
    np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as stream:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)


def _ledger(folder: Path, number: int) -> Path:
    return folder / "shards" / f"{number:06d}.json"


def _pack_shard(job: _ShardJob) -> int:
    """Read the rows of one shard, write their pixels, then their entry in the ledger; return how many rows."""
    images = np.load(job.folder / IMAGES, mmap_mode="r+")
    measured: list[Measured] = []
    for row, files in enumerate(job.paths, start=job.start):
        if not files:
            measured.append(Measured(row=row, path="", reason=NO_FILE))
            continue
        try:
            pixels = read_pixels(files, read=job.read, channels=job.spec.channels, dims=job.spec.dims)
            check_units(pixels.units, job.spec.bands, where=files[0])
            images[row] = stored = conform(pixels.image, job.spec, where=files[0])
            measured.append(measure(row, files, pixels, stored=stored))
        except InputError as error:
            measured.append(Measured(row=row, path=error.where, reason=error.reason))
    with os_errors(job.folder / IMAGES):
        images.flush()
    write_text(_ledger(job.folder, job.number), json.dumps([asdict(item) for item in measured]))
    return len(measured)


def _finish(out: Path, table: Table, shards: Sequence[int], *, channels: int) -> tuple[int, int]:
    """Assemble the index from the ledger; return the numbers of good and rejected rows."""
    measured = [item for number in shards for item in _read_ledger(_ledger(out, number))]
    index = add_measured(table, measured, channels=channels)
    samples = from_measured(index)
    write_rejects(samples.rejects, out / "rejects.csv")
    write_table(index, out / PACK_INDEX, overwrite=True)
    return len(samples), len(samples.rejects)


def _read_ledger(path: Path) -> list[Measured]:
    try:
        return [Measured(**item) for item in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            path, f"cannot be read: {error}", action="Remove this file and pack again: its rows are packed anew"
        ) from error
