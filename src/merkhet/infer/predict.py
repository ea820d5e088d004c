"""Prediction over many files: what is bad is set aside, what is good ends in a catalog."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from merkhet.config.data import Columns
from merkhet.errors import InputError, Interrupted
from merkhet.execute import Progress, default_workers, unordered_map
from merkhet.infer.inputs import InputItem, expand_inputs
from merkhet.infer.model import Ready, TrainedModel, join_rows, load
from merkhet.io.atomic import refuse_existing
from merkhet.io.headers import update_header
from merkhet.io.rejects import Reject, write_rejects
from merkhet.io.tables import check_writable, write_table


@dataclass(frozen=True)
class Predictions:
    """The catalog (one row per good input) and the rejects; ``rejects_path`` is set when a table was written."""

    table: Table
    rejects: tuple[Reject, ...]
    rejects_path: Path | None = None


@dataclass
class _Done:
    """What is finished so far: the catalog in parts, its number of rows, headers written, and both kinds of rejects."""

    parts: list[dict[str, Any]] = field(default_factory=list)
    rows: int = 0
    headers: int = 0
    unread: dict[int, Reject] = field(default_factory=dict)
    unwritten: list[Reject] = field(default_factory=list)

    def in_order(self) -> list[Reject]:
        """Return what could not be read in the order of the inputs, which are read in any order."""
        return [self.unread[number] for number in sorted(self.unread)]


def predict(
    model: str | Path | TrainedModel,
    inputs: str | Path | Sequence[str | Path],
    *,
    out: str | Path | None = None,
    write_header: bool = False,
    columns: Columns | None = None,
    root: str | Path | None = None,
    batch_size: int = 64,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Predictions:
    """Classify files, folders, patterns or the rows of tables.

    CTRL-C ends it early: the catalog of what was answered until then is written all the same.

    Parameters
    ----------
    model
        A run, a bundle, or a model that :func:`merkhet.load` gave.
    inputs
        What to read; see :func:`merkhet.infer.inputs.expand_inputs`.
    out
        Catalog to write, its format by suffix; rejects go to ``<stem>_rejects.csv`` beside it.
    write_header
        Write the answer into each image's header, atomically (keywords: ``task.header``).
    columns
        Column names, where an input is a table.
    root
        Folder that a table's relative paths start from; the table's own where absent.
    progress
        Called with (done, total).

    Raises
    ------
    OutputError
        ``out`` exists or cannot be written; nothing was read yet.
    Interrupted
        CTRL-C; the message says how many images were answered and how many headers written.
    """
    rejects_path = None
    if out is not None:
        out = refuse_existing(out, overwrite=overwrite)
        check_writable(out)
        rejects_path = refuse_existing(out.with_name(f"{out.stem}_rejects.csv"), overwrite=overwrite)
    trained = model if isinstance(model, TrainedModel) else load(model)
    items = expand_inputs([inputs] if isinstance(inputs, str | Path) else inputs, columns=columns, root=root)
    done = _Done()
    finished = _answer(trained, items, done, write_header=write_header, batch_size=batch_size, progress=progress)
    table, rejects = join_rows(done.parts) if done.parts else _empty(trained), (*done.in_order(), *done.unwritten)
    if out is not None and rejects_path is not None:
        write_table(table, out, overwrite=overwrite)
        write_rejects(rejects, rejects_path)
    if not finished:
        raise Interrupted(_interruption(done, of=len(items), out=out, write_header=write_header))
    return Predictions(table, rejects, rejects_path)


def _answer(
    model: TrainedModel,
    items: Sequence[InputItem],
    done: _Done,
    *,
    write_header: bool,
    batch_size: int,
    progress: Progress | None,
) -> bool:
    """Answer for the items batch by batch, adding to ``done`` what is finished; return False if CTRL-C ended that."""
    try:
        for chunk, prediction in model.answer(_read_all(model, items, done.unread), batch_size=batch_size):
            done.parts.append(model.rows(chunk, prediction))
            done.rows += len(chunk)
            if write_header:
                _write_headers(model, chunk, done)
            if progress:
                progress(done.rows + len(done.unread), len(items))
    except KeyboardInterrupt:
        return False
    return True


def _interruption(done: _Done, *, of: int, out: Path | None, write_header: bool) -> str:
    """Say what an interrupted call leaves behind."""
    text = f"interrupted; {done.rows} of {of} images were classified"
    if write_header:
        text += f" and {done.headers} headers written"
    return text + (f": {out} holds their rows" if out is not None else "")


def _read_all(model: TrainedModel, items: Sequence[InputItem], rejects: dict[int, Reject]) -> Iterator[Ready]:
    """Yield samples as they are read by a few threads; collect what cannot be used."""

    def read(job: tuple[int, InputItem]) -> tuple[int, Ready | InputError]:
        try:
            return job[0], model.prepare(*job)
        except InputError as error:
            return job[0], error

    with ThreadPoolExecutor(default_workers()) as executor:
        for number, result in unordered_map(read, enumerate(items), executor=executor, pending=16):
            if isinstance(result, InputError):
                rejects[number] = Reject.from_error(result, stage="read")
            else:
                yield result


def _write_headers(model: TrainedModel, chunk: Sequence[Ready], done: _Done) -> None:
    rows = done.parts[-1]
    for place, item in enumerate(chunk):
        values = {key: _plain(rows[column][place]) for key, column in model.spec.task.header.items()}
        try:
            update_header(item.item.paths[0], values, hdu=item.hdu)
            done.headers += 1
        except InputError as error:
            done.unwritten.append(Reject.from_error(error, stage="header"))


def _plain(value: Any) -> Any:
    """Return a numpy scalar as Python's own, floats with the digits of float32."""
    return (
        round(float(value), 7) if isinstance(value, np.floating) else value.item() if hasattr(value, "item") else value
    )


def _empty(model: TrainedModel) -> Table:
    """Return a catalog without rows: an empty answer is an answer, and is written."""
    shape = (model.spec.input.channels, *(model.spec.input.shape or (64,) * model.spec.input.dims))
    ready = model.prepare_array(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    ((chunk, prediction),) = model.answer([ready], batch_size=1)
    return join_rows([model.rows(chunk, prediction)])[:0]
