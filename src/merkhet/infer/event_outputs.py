"""What is written of the answers for events: DL2 or a table, rejects, pictures."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Row, Table, vstack

from merkhet.errors import InputError, OutputError
from merkhet.evaluate.cherenkov.telescope_mean import mean_over_telescopes
from merkhet.infer.event_files import ModelEvents
from merkhet.io.atomic import os_errors, refuse_existing
from merkhet.io.cherenkov.dl2 import write_dl2
from merkhet.io.cherenkov.events import EventSource
from merkhet.io.cherenkov.packed import runs_of
from merkhet.io.cherenkov.reading import EVENT_SUFFIXES
from merkhet.io.cherenkov.simulated import TRUTH
from merkhet.io.rejects import Reject, write_rejects
from merkhet.io.tables import check_writable, write_table

Draw = Callable[[EventSource, int, Row | None, Path], Any]
"""Draws an event of a file, by its number there, with the row of its answer; None where each image has its own."""


@dataclass(frozen=True)
class Answered:
    """A file and the answers for it."""

    file: ModelEvents
    table: Table


@dataclass(frozen=True)
class EventDisplays:
    """A folder of pictures of the first ``number`` events that the model sees, drawn by ``draw``."""

    folder: Path
    number: int
    draw: Draw


@dataclass(frozen=True)
class EventOutputs:
    """Where the answers go; ``rejects`` stand beside ``out``."""

    out: Path | None
    rejects: Path | None
    displays: EventDisplays | None
    overwrite: bool

    @classmethod
    def prepare(
        cls, out: str | Path | None, *, displays: EventDisplays | None, inputs: Iterable[Path], overwrite: bool
    ) -> "EventOutputs":
        """Refuse, before any work is done, what could not be written in the end.

        Raises
        ------
        OutputError
            An output exists, is an input, or has a suffix that says no format.
        """
        path = rejects = None
        if out is not None:
            path = refuse_existing(out, overwrite=overwrite)
            if path.resolve() in {entry.resolve() for entry in inputs}:
                raise OutputError(path, "is one of the inputs", action="Choose another name")
            if not is_dl2(path):
                check_writable(path)
            rejects = refuse_existing(path.with_name(f"{path.stem}_rejects.csv"), overwrite=overwrite)
        if displays is not None:
            refuse_existing(displays.folder, overwrite=overwrite)
            with os_errors(displays.folder):
                displays.folder.mkdir(parents=True, exist_ok=True)
        return cls(path, rejects, displays, overwrite)

    @property
    def one_array(self) -> bool:
        """Whether everything goes into one file that describes one array."""
        return self.out is not None and is_dl2(self.out)

    def write(self, table: Table, answered: Sequence[Answered], rejects: list[Reject]) -> tuple[Path, ...]:
        """Write what was asked for and return the pictures; what cannot be drawn is added to the rejects."""
        if self.out is not None and self.one_array:
            if answered:
                _write_dl2(self.out, table, answered, overwrite=self.overwrite)
        elif self.out is not None:
            write_table(table, self.out, overwrite=self.overwrite)
        pictures = tuple(_draw(self.displays, answered, rejects)) if self.displays else ()
        if self.rejects is not None:
            write_rejects(rejects, self.rejects)
        return pictures


def is_dl2(path: Path) -> bool:
    """Tell by the suffix whether DL2 is meant."""
    return path.name.lower().endswith(EVENT_SUFFIXES)


def check_together(mine: ModelEvents, others: Sequence[ModelEvents]) -> None:
    """Refuse a file that cannot stand in one DL2 file with others: of another array, or with events of the same name.

    Raises
    ------
    InputError
        Says which.
    """
    own_file = "Predict it into a file of its own, or into a table"
    for other in others:
        theirs, path = other.source.subarray, other.source.path
        difference = theirs.difference(mine.source.subarray)
        if difference:
            raise InputError(mine.source.path, f"is of another array than {path}: {difference}", action=own_file)
        twice = np.intersect1d(_names(mine), _names(other))
        if len(twice):
            raise InputError(
                mine.source.path,
                f"event {twice[0]['event']} of observation {twice[0]['obs']} stands in {path} too",
                action=own_file,
            )


def _names(file: ModelEvents) -> npt.NDArray[np.void]:
    """Return what a DL2 file tells events by."""
    index = file.source.index
    names = np.empty(len(file.rows), dtype=[("obs", np.int64), ("event", np.int64)])
    names["obs"], names["event"] = index.obs_id_of(file.rows), index.event_id[file.rows]
    return names


def _write_dl2(path: Path, table: Table, answered: Sequence[Answered], *, overwrite: bool) -> None:
    files = [part.file for part in answered]
    mono = files[0].events.mono
    write_dl2(
        path,
        subarray=files[0].source.subarray,
        events=vstack([_events_of_images(part.file, part.table) for part in answered]) if mono else table,
        telescopes=table if mono else None,
        triggered=np.concatenate([file.triggered() for file in files]),
        used=np.concatenate([file.used() for file in files]),
        truth=_truth(files),
        runs=tuple({run.obs_id: run for file in files for run in runs_of(file.source)}.values()),
        overwrite=overwrite,
    )


def _events_of_images(file: ModelEvents, images: Table) -> Table:
    """Return the events of a file, in the order of ``file.rows``, from the answers for its images."""
    index = file.source.index
    event = np.flatnonzero(file.seen)[file.events.files[0].index.events_of(np.arange(len(images)))]
    table = mean_over_telescopes(images, event=event, count=len(file.rows))
    table.add_column(index.obs_id_of(file.rows), name="obs_id", index=0)
    table.add_column(index.event_id[file.rows], name="event_id", index=1)
    return table


def _truth(files: Sequence[ModelEvents]) -> Mapping[str, npt.NDArray[Any]] | None:
    """Return the truth of simulated events, NaN for what a layout does not hold; None if a file is of observed ones."""
    if not all(TRUTH[0] in file.source.index.labels for file in files):
        return None
    return {name: np.concatenate([_label(file, name) for file in files]) for name in TRUTH}


def _label(file: ModelEvents, name: str) -> npt.NDArray[Any]:
    labels = file.source.index.labels
    return labels[name][file.rows] if name in labels else np.full(len(file.rows), np.nan)


def _draw(displays: EventDisplays, answered: Sequence[Answered], rejects: list[Reject]) -> Iterator[Path]:
    for number, (part, place) in enumerate(islice(_to_draw(answered), displays.number), start=1):
        source, event = part.file.source, int(part.file.rows[place])
        obs_id, event_id = int(source.index.obs_id_of(np.array([event]))[0]), int(source.index.event_id[event])
        stem = source.path.name.split(".")[0]
        path = displays.folder / f"{number:03d}_{stem}_obs{obs_id}_event{event_id}.png"
        try:
            displays.draw(source, event, None if part.file.events.mono else part.table[place], path)
        except InputError as error:
            rejects.append(Reject.from_error(error, stage="display"))
        else:
            yield path


def _to_draw(answered: Sequence[Answered]) -> Iterator[tuple[Answered, int]]:
    for part in answered:
        yield from ((part, int(place)) for place in np.flatnonzero(part.file.seen))
