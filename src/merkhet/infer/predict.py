"""Prediction over many files: what is bad is set aside, what is good ends in a catalog."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet import __version__
from merkhet.config.data import Columns
from merkhet.config.tasks import VERSION, need_classifier
from merkhet.errors import InputError, Interrupted, OutputError
from merkhet.execute import Progress, default_workers, unordered_map
from merkhet.infer.heatmap import HeatMapFolder
from merkhet.infer.inputs import InputItem, expand_inputs
from merkhet.infer.model import Ready, TrainedModel, join_rows, load
from merkhet.infer.statistics import prediction_statistics
from merkhet.infer.verdict import Place, place_of, verdicts
from merkhet.io.atomic import refuse_existing
from merkhet.io.headers import update_header
from merkhet.io.image_lists import NOTES
from merkhet.io.rejects import Reject, write_rejects
from merkhet.io.tables import check_writable, write_table


@dataclass(frozen=True)
class Predictions:
    """What came of a prediction.

    Attributes
    ----------
    table
        The catalog: one row per good input.
    rejects
        What could not be used, and what could not be written.
    rejects_path
        Their table, where one was written.
    notes
        Lines about the way the inputs were read.
    """

    table: Table
    rejects: tuple[Reject, ...]
    rejects_path: Path | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Outputs:
    """The tables that were asked for; ``rejects`` goes with the catalog."""

    catalog: Path | None = None
    rejects: Path | None = None
    verdict: Path | None = None
    stats: Path | None = None


@dataclass(frozen=True)
class _Also:
    """What is written of each image as soon as it is answered."""

    headers: bool
    heatmaps: HeatMapFolder | None


@dataclass
class _Done:
    """What is finished so far: the catalog in parts, with the seconds that each row took; headers written; rejects."""

    parts: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[npt.NDArray[np.float64]] = field(default_factory=list)
    rows: int = 0
    headers: int = 0
    unread: dict[int, Reject] = field(default_factory=dict)
    unwritten: list[Reject] = field(default_factory=list)

    def rejects(self) -> tuple[Reject, ...]:
        """Return all rejects; what could not be read in the order of the inputs, which are read in any order."""
        return (*(self.unread[number] for number in sorted(self.unread)), *self.unwritten)

    def numbers(self) -> npt.NDArray[np.int64]:
        """Return the numbers of the inputs that were answered, in the order of the parts."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *(part["number"] for part in self.parts)])


def predict(
    model: str | Path | TrainedModel,
    inputs: str | Path | Sequence[str | Path],
    *,
    out: str | Path | None = None,
    write_header: bool = False,
    verdict: str | Path | None = None,
    stats: str | Path | None = None,
    heatmaps: HeatMapFolder | None = None,
    columns: Columns | None = None,
    root: str | Path | None = None,
    batch_size: int = 64,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Predictions:
    """Classify files, folders, patterns or the rows of tables.

    CTRL-C ends it early: the tables of what was answered until then are written all the same.

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
    verdict
        Table to write with one row per observation; see :func:`merkhet.infer.verdict.verdicts`. The column
        ``columns.group`` says which images are one observation, else the leading number of their names.
    stats
        Table to write with truth, certainty, loss and time of each image; see
        :func:`merkhet.tasks.statistics.image_statistics`.
    heatmaps
        Folder to make, with a map of each image and label; see :func:`merkhet.infer.heatmap.heat_maps`.
    columns
        Column names, where an input is a table.
    root
        Folder that a table's relative paths start from; the table's own where absent.
    progress
        Called with (done, total).

    Raises
    ------
    OutputError
        An output exists or cannot be written; nothing was read yet.
    InputError
        Observations are told by a column, and an image stands in no table.
    Interrupted
        CTRL-C; the message says how many images were answered and how many headers written.
    """
    outputs = _prepare_outputs(out, verdict=verdict, stats=stats, overwrite=overwrite)
    trained = model if isinstance(model, TrainedModel) else load(model)
    columns = columns or Columns()
    items = expand_inputs([inputs] if isinstance(inputs, str | Path) else inputs, columns=columns, root=root)
    places = [place_of(item, group=columns.group) for item in items] if verdict is not None else []
    if heatmaps is not None:
        heatmaps.open((path for item in items for path in item.paths[:1]), overwrite=overwrite)
    done, also = _Done(), _Also(write_header, heatmaps)
    finished = _answer(trained, items, done, also=also, batch_size=batch_size, progress=progress)
    table, rejects = join_rows(done.parts) if done.parts else _empty(trained), done.rejects()
    _write(outputs, table, trained, items=items, places=places, done=done, overwrite=overwrite)
    if not finished:
        raise Interrupted(_interruption(done, of=len(items), out=outputs.catalog, write_header=write_header))
    return Predictions(table, rejects, outputs.rejects, _notes(items))


def _prepare_outputs(
    out: str | Path | None, *, verdict: str | Path | None, stats: str | Path | None, overwrite: bool
) -> _Outputs:
    """Refuse, before any work is done, what could not be written in the end."""
    paths = [None if path is None else refuse_existing(path, overwrite=overwrite) for path in (out, verdict, stats)]
    given = [path for path in paths if path is not None]
    for path in given:
        check_writable(path)
        if given.count(path) > 1:
            raise OutputError(path, "is named for two tables", action="Give each a name of its own")
    catalog = paths[0]
    rejects = None
    if catalog is not None:
        rejects = refuse_existing(catalog.with_name(f"{catalog.stem}_rejects.csv"), overwrite=overwrite)
    return _Outputs(catalog, rejects, *paths[1:])


def _write(
    outputs: _Outputs,
    table: Table,
    model: TrainedModel,
    *,
    items: Sequence[InputItem],
    places: Sequence[Place],
    done: _Done,
    overwrite: bool,
) -> None:
    """Write the tables that were asked for, with or without rows."""
    task = need_classifier(model.spec.task, to="answer for whole images")
    order = np.argsort(done.numbers(), kind="stable")  # that of the rows of the table
    answered = done.numbers()[order]
    if outputs.catalog is not None and outputs.rejects is not None:
        write_table(table, outputs.catalog, overwrite=overwrite)
        write_rejects(done.rejects(), outputs.rejects)
    if outputs.verdict is not None:
        mine, lost = [places[n] for n in answered], [places[n] for n in sorted(done.unread)]
        judged = verdicts(table, places=mine, rejected=lost, task=task, model=model.spec.hash)
        write_table(judged, outputs.verdict, overwrite=overwrite)
    if outputs.stats is not None:
        seconds = np.concatenate([np.zeros(0), *done.seconds])[order]
        of_items = [items[n] for n in answered]
        statistics = prediction_statistics(table, of_items, spec=model.spec, task=task, seconds=seconds)
        write_table(statistics, outputs.stats, overwrite=overwrite)


def _notes(items: Sequence[InputItem]) -> tuple[str, ...]:
    """Return what was noted while the tables of the images were read, each note once."""
    tables = {id(item.table): item.table for item in items if item.table is not None}
    return tuple(note for table in tables.values() for note in table.meta.get(NOTES, ()))


def _answer(
    model: TrainedModel,
    items: Sequence[InputItem],
    done: _Done,
    *,
    also: _Also,
    batch_size: int,
    progress: Progress | None,
) -> bool:
    """Answer for the items batch by batch, adding to ``done`` what is finished; return False if CTRL-C ended that."""
    try:
        for chunk, prediction, seconds in model.answer(_read_all(model, items, done.unread), batch_size=batch_size):
            done.parts.append(model.rows(chunk, prediction))
            done.seconds.append(np.full(len(chunk), seconds / len(chunk)))
            done.rows += len(chunk)
            if also.heatmaps is not None:
                for item in chunk:
                    model.write_heat_maps(item, also.heatmaps)
            if also.headers:
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
        values = {
            key: __version__ if column == VERSION else _plain(rows[column][place])
            for key, column in model.spec.task.header.items()
        }
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
    (answered,) = model.answer([ready], batch_size=1)
    return join_rows([model.rows(answered.chunk, answered.prediction)])[:0]
