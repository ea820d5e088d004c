"""Prediction of events of a Cherenkov array: what is bad is set aside, what is good ends in DL2 or a table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astropy.table import Table, vstack

from merkhet.bundle.store import load_bundle
from merkhet.config.array_experiment import ArrayBundleSpec
from merkhet.config.events import EventSelection
from merkhet.data.event_dataset import EventDataset
from merkhet.data.event_loader import EventLoader, InOrderBlocks
from merkhet.data.sample import Batch
from merkhet.errors import ConfigError, InputError, Interrupted
from merkhet.execute import Progress
from merkhet.infer.event_files import ModelEvents, expand_event_files, open_for_model
from merkhet.infer.event_outputs import Answered, EventDisplays, EventOutputs, check_together
from merkhet.io.cherenkov.camera import read_camera
from merkhet.io.rejects import Reject
from merkhet.tasks.apply import apply_task, choose_device
from merkhet.tasks.base import Task

UNITS = {"energy": "TeV", "energy_uncertainty": "TeV", "alt": "deg", "az": "deg", "direction_uncertainty_deg": "deg"}


@dataclass(frozen=True)
class EventPredictions:
    """What came of a prediction of events.

    Attributes
    ----------
    table
        The answers: a row for each event, or with ``input.slots: mono`` for each image.
    rejects
        What could not be used, and what was not answered for.
    rejects_path
        Their table, where one was written.
    pictures
        Event displays that were drawn.
    notes
        Lines about the way in which the files were read.
    """

    table: Table
    rejects: tuple[Reject, ...] = ()
    rejects_path: Path | None = None
    pictures: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Done:
    """What is finished so far."""

    answered: list[Answered] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def reject(self, path: Path, error: InputError, *, stage: str) -> None:
        """Set a file aside; the error may be of another file that it does not go with."""
        self.rejects.append(Reject(str(path), stage, error.reason))


def predict_events(
    model: str | Path,
    inputs: str | Path | Sequence[str | Path],
    *,
    out: str | Path | None = None,
    displays: EventDisplays | None = None,
    select: EventSelection | None = None,
    cameras: Mapping[str, Path] | None = None,
    batch_size: int = 64,
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> EventPredictions:
    """Say what a model thinks of every event of files, observed or simulated.

    A file that cannot be used is rejected and the others go on. An event without an image that the model takes has a
    row too, with ``is_valid`` False, and all such events of a file are one line of the rejects. CTRL-C ends it early:
    files that were answered until then are written all the same.

    Parameters
    ----------
    model
        A run or a bundle that was trained on telescopes.
    inputs
        Files of events, packs, folders of files, or patterns.
    out
        What to write: DL2 in ctapipe's model where it ends in ``.h5``, ``.hdf5`` or ``.hdf``, else a table by suffix.
        Rejects go to ``<stem>_rejects.csv`` beside it.
    displays
        Pictures to draw.
    select
        Which events and images; all where absent.
    cameras
        Tables of pixels by telescope type, for the oldest files, which hold none.
    progress
        Called with (done, total) of the samples.

    Returns
    -------
    EventPredictions
        The table has columns ``file, obs_id, event_id``, ``tel_id`` for single images, then those of
        :class:`merkhet.config.array_tasks.ArrayEvents`, then ``model``, the hash of the bundle.

    Raises
    ------
    ConfigError
        The model takes images.
    OutputError
        An output exists or cannot be written; nothing was read yet.
    InputError
        A folder or a pattern holds no file.
    Interrupted
        CTRL-C; the message says how many files were answered.
    """
    bundle = load_bundle(model)
    spec = bundle.spec
    if not isinstance(spec, ArrayBundleSpec):
        raise ConfigError(f"{model}: a model that is trained to {spec.task.kind} takes images, not events of an array")
    paths = expand_event_files([inputs] if isinstance(inputs, str | Path) else inputs)
    outputs = EventOutputs.prepare(out, displays=displays, inputs=paths, overwrite=overwrite)
    geometries = {name: read_camera(path) for name, path in (cameras or {}).items()}
    done, chosen = _Done(), choose_device(device)
    opened: list[ModelEvents] = []
    for path in paths:
        try:
            opened.append(open_for_model(path, spec, select=select, cameras=geometries))
        except InputError as error:
            done.reject(path, error, stage="read")
    opened = _that_go_together(opened, done, one_array=outputs.one_array)
    finished = _answer(bundle.task.to(chosen), spec, opened, done, batch_size=batch_size, device=chosen, tell=progress)
    table = _joined(done.answered, spec)
    pictures = outputs.write(table, done.answered, done.rejects)
    if not finished:
        raise Interrupted(
            f"interrupted; {len(done.answered)} of {len(paths)} files were answered"
            + (f": {outputs.out} holds their events" if outputs.out is not None else "")
        )
    return EventPredictions(table, tuple(done.rejects), outputs.rejects, pictures, tuple(done.notes))


def _joined(answered: Sequence[Answered], spec: ArrayBundleSpec) -> Table:
    """Return the answers for all files; a table without rows where none was answered."""
    if answered:
        return vstack([part.table for part in answered], metadata_conflicts="silent")
    kinds: dict[str, Any] = {"file": str, "obs_id": np.int64, "event_id": np.int64}
    kinds |= {"tel_id": np.int64} if spec.input.slots == "mono" else {}
    kinds |= dict.fromkeys(spec.task.columns, np.float64)
    kinds |= {"n_telescopes": np.int64, "is_valid": bool, "model": str}
    return Table({name: np.empty(0, dtype=kind) for name, kind in kinds.items()})


def _that_go_together(opened: Sequence[ModelEvents], done: _Done, *, one_array: bool) -> list[ModelEvents]:
    """Return the files that one output can hold; note what must be known of each."""
    kept: list[ModelEvents] = []
    for mine in opened:
        try:
            check_together(mine, kept if one_array else [])
        except InputError as error:
            done.reject(mine.source.path, error, stage="read")
            continue
        done.notes += [f"{mine.source.path}: {note}" for note in mine.notes]
        if kept and mine.version != kept[0].version:
            done.notes.append(
                f"{mine.source.path}: is {mine.version}, but {kept[0].source.path} is {kept[0].version}: "
                "images that were made differently get other answers"
            )
        kept.append(mine)
    return kept


def _answer(
    task: Task,
    spec: ArrayBundleSpec,
    opened: Sequence[ModelEvents],
    done: _Done,
    *,
    batch_size: int,
    device: torch.device,
    tell: Progress | None,
) -> bool:
    """Answer file by file, adding to ``done`` what is finished; return False if CTRL-C ended that."""
    before, total = 0, sum(len(mine.events) for mine in opened)
    try:
        for mine in opened:
            parts: list[Mapping[str, Any]] = []
            try:
                for batch, prediction in apply_task(task, _batches(mine, spec, batch_size), device=device):
                    parts.append(prediction.columns)
                    before += len(batch["index"])
                    if tell:
                        tell(before, total)
            except InputError as error:  # a damaged chunk: nothing of the file can be trusted
                done.reject(mine.source.path, error, stage="read")
                continue
            finally:
                mine.events.files[0].close()
            columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}
            done.answered.append(Answered(mine, _table(mine, columns, spec)))
            unseen = int((~mine.seen).sum())
            if unseen:
                reason = f"{unseen} of {len(mine.rows)} events have no image of {', '.join(mine.events.types)}: "
                done.rejects.append(Reject(str(mine.source.path), "event", reason + "is_valid is false in their rows"))
    except KeyboardInterrupt:
        return False
    return True


def _batches(mine: ModelEvents, spec: ArrayBundleSpec, batch_size: int) -> Iterator[Batch]:
    """Yield the batches of a file; of a telescope type that it lacks, each holds one place that did not trigger."""
    dataset = EventDataset(mine.events, slots=spec.input.slots, fields=spec.normalize.fields)
    rows = np.arange(len(mine.events))
    for batch in EventLoader(dataset, rows, InOrderBlocks(len(rows), batch_size=batch_size)):
        size = len(batch["index"])
        for camera in mine.absent:
            pixels = (size, 1, len(camera.positions))
            fields = {name: torch.zeros(pixels, dtype=torch.bool if name == "mask" else torch.float32)
                      for name in spec.normalize.fields}  # fmt: skip
            nowhere = {"trigger": torch.zeros((size, 1), dtype=torch.bool), "position": torch.zeros((size, 1, 3))}
            batch["telescopes"][camera.type] = fields | nowhere
        yield batch


def _table(mine: ModelEvents, columns: Mapping[str, Any], spec: ArrayBundleSpec) -> Table:
    """Return the answers of a file beside what names them."""
    events, index = mine.events, mine.source.index
    if events.mono:
        table = Table({"obs_id": events.obs_id, "event_id": events.event_id, "tel_id": events.tel_id})
    else:
        table = Table({"obs_id": index.obs_id_of(mine.rows), "event_id": index.event_id[mine.rows]})
    table.add_column(np.full(len(table), str(mine.source.path)), name="file", index=0)
    seen = np.ones(len(table), dtype=bool) if events.mono else mine.seen
    for name in spec.task.columns:
        kind: Any = {"is_valid": bool, "n_telescopes": np.int64}.get(name, np.float64)
        values = np.full(len(table), np.nan if kind is np.float64 else 0, dtype=kind)
        if name in columns:
            values[seen] = columns[name]
        table[name] = values
        table[name].unit = UNITS.get(name)
    table["model"] = np.full(len(table), spec.hash)
    return table
