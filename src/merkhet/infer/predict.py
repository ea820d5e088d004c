"""Prediction over many files: what is bad is set aside, what is good ends in a catalog."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from merkhet.config.data import Columns
from merkhet.errors import InputError
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
    """
    rejects_path = None
    if out is not None:
        out = refuse_existing(out, overwrite=overwrite)
        check_writable(out)
        rejects_path = refuse_existing(out.with_name(f"{out.stem}_rejects.csv"), overwrite=overwrite)
    trained = model if isinstance(model, TrainedModel) else load(model)
    items = expand_inputs([inputs] if isinstance(inputs, str | Path) else inputs, columns=columns, root=root)
    rejects: list[Reject] = []
    parts = []
    done = 0
    for chunk, prediction in trained.answer(_read_all(trained, items, rejects), batch_size=batch_size):
        parts.append(trained.rows(chunk, prediction))
        if write_header:
            rejects += _write_headers(trained, chunk, parts[-1])
        done += len(chunk)
        if progress:
            progress(done + sum(reject.stage == "read" for reject in rejects), len(items))
    table = join_rows(parts) if parts else _empty(trained)
    if out is not None and rejects_path is not None:
        write_table(table, out, overwrite=overwrite)
        write_rejects(rejects, rejects_path)
    return Predictions(table, tuple(rejects), rejects_path)


def _read_all(model: TrainedModel, items: Sequence[InputItem], rejects: list[Reject]) -> Iterator[Ready]:
    """Yield samples as they are read by a few threads; collect what cannot be used."""

    def read(job: tuple[int, InputItem]) -> Ready | InputError:
        try:
            return model.prepare(*job)
        except InputError as error:
            return error

    with ThreadPoolExecutor(default_workers()) as executor:
        for result in unordered_map(read, enumerate(items), executor=executor, pending=16):
            if isinstance(result, InputError):
                rejects.append(Reject.from_error(result, stage="read"))
            else:
                yield result


def _write_headers(model: TrainedModel, chunk: Sequence[Ready], rows: dict[str, Any]) -> list[Reject]:
    rejects = []
    for place, item in enumerate(chunk):
        values = {key: _plain(rows[column][place]) for key, column in model.spec.task.header.items()}
        try:
            update_header(item.item.paths[0], values, hdu=item.hdu)
        except InputError as error:
            rejects.append(Reject.from_error(error, stage="header"))
    return rejects


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
