"""Hillas parameters and boosted trees beside a network on events: what they learn from, and what they say."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.config.array_tasks import ArrayEvents
from merkhet.config.data import Columns
from merkhet.data.events import EventList
from merkhet.evaluate.cherenkov.images import ImageTable, images_of_file
from merkhet.evaluate.cherenkov.trees import TreeBaseline, Truth
from merkhet.io.cherenkov.cleaning import TailCuts
from merkhet.io.cherenkov.hillas import HILLAS
from merkhet.io.cherenkov.subarray import TELESCOPE, Subarray
from merkhet.io.tables import read_table, write_table
from merkhet.tasks.array_truth import ArrayTruth
from merkhet.train.events import PreparedEvents, keep
from merkhet.train.run import Run

TREES = "trees"
"""Name of the baseline among the tables and scores of a run."""

ANSWERS = ("gammaness", "energy", "alt", "az", "is_valid", "n_telescopes")

_NEEDED = ("shower_primary_id", "energy", "alt", "az")
_SALT = 0xBA5E


@dataclass(frozen=True)
class TreeLesson:
    """What trees learn from: a row for each image of some training events, its parameters, telescope and truth.

    Attributes
    ----------
    images
        The parameters :data:`merkhet.io.cherenkov.hillas.HILLAS`; ``event``, a number; ``tel_id``, ``type``, ``x``,
        ``y``, ``z`` of the telescope; ``pointing_alt``, ``pointing_az``; ``signal``, ``energy``, ``alt``, ``az``.
    stereo
        Whether the images of an event are seen together.
    """

    images: Table
    stereo: bool

    def fit(self, subarray: Subarray, *, seed: int) -> TreeBaseline:
        """Return trees that have learned, for the telescope types of an array; images of others are left out."""
        known = np.isin(np.asarray(self.images["type"]).astype(str), subarray.type_names)
        rows = self.images[known]
        first, event = np.unique(np.asarray(rows["event"]), return_index=True, return_inverse=True)[1:]
        tel_id, slot = np.unique(np.asarray(rows["tel_id"]), return_inverse=True)
        telescopes = np.zeros(len(tel_id), dtype=TELESCOPE)
        telescopes["tel_id"] = tel_id
        telescopes["type"][slot] = [subarray.type_index(name) for name in np.asarray(rows["type"]).astype(str)]
        for axis in "xyz":
            telescopes[axis][slot] = np.asarray(rows[axis])
        learned = ImageTable(
            Subarray(subarray.name, telescopes, subarray.types),
            len(first),
            event.astype(np.int64),
            slot.astype(np.int64),
            {name: np.asarray(rows[name], dtype=np.float64) for name in HILLAS},
            np.stack([np.asarray(rows[f"pointing_{name}"], dtype=np.float64)[first] for name in ("alt", "az")], axis=1),
        )
        primary = np.where(np.asarray(rows["signal"], dtype=bool), 0, 101)
        truth: Truth = {name: np.asarray(rows[name], dtype=np.float64)[first] for name in ("energy", "alt", "az")}
        return TreeBaseline(stereo=self.stereo, seed=seed).fit(learned, {"shower_primary_id": primary[first], **truth})


def tree_lesson(prepared: PreparedEvents) -> TreeLesson | None:
    """Return what trees learn from; None where they are not wanted, or the files do not hold what they need."""
    events, config = prepared.samples.events, prepared.experiment.scores
    if not config.trees or not _holds_enough(events):
        return None
    rows = prepared.some_rows("train", most=config.tree_events, salt=_SALT)
    some = keep(events, np.isin(np.arange(len(events)), rows))
    images, truth = image_table(some), _truth_of(some, prepared.experiment.task)
    pointed = np.asarray(np.isfinite(images.pointing).all(axis=1))
    images = images.take(pointed[images.event])
    event, mine = images.event, images.subarray.telescopes[images.slot]
    names = np.array(images.subarray.type_names)
    table = Table({"event": event, "tel_id": mine["tel_id"], "type": names[mine["type"]]})
    columns: dict[str, npt.NDArray[Any]] = {axis: mine[axis] for axis in "xyz"} | dict(images.parameters)
    columns |= {"pointing_alt": images.pointing[event, 0], "pointing_az": images.pointing[event, 1]}
    columns |= {name: truth[name][event] for name in ("energy", "alt", "az")}
    for name, values in columns.items():
        table[name] = values.astype(np.float32)
    table["signal"] = truth["signal"][event].astype(bool)
    return TreeLesson(table, stereo=not events.mono)


def write_lesson(lesson: TreeLesson, run: Run) -> None:
    """Keep a lesson in a run, for events that are scored later."""
    write_table(lesson.images, run.lesson(TREES), overwrite=True)


def read_lesson(run: Run, *, stereo: bool) -> TreeLesson | None:
    """Return the lesson that a run keeps; None for a bundle, or a run without."""
    path = run.lesson(TREES)
    return TreeLesson(read_table(path), stereo=stereo) if path.is_file() else None


def tree_answers(trees: TreeBaseline, events: EventList, predictions: Table) -> Table | None:
    """Return what trees say of the samples of ``predictions``, laid out like these; None if the files hold too little.

    Of the columns of an answer, those that trees do not give are left out.
    """
    if not _holds_enough(events, truth=False):
        return None
    said = trees.predict(image_table(events))
    if events.mono:  # the trees answer by event and telescope, samples stand as the file has them
        event = np.concatenate(
            [np.repeat(np.arange(len(file.index)), file.index.multiplicity) + start
             for file, start in zip(events.files, _first_events(events), strict=True)]
        )  # fmt: skip
        slot = np.concatenate([file.index.slot for file in events.files])
        said = said[np.argsort(np.lexsort((slot, event)), kind="stable")]
    identity = [name for name in predictions.colnames if name in ("id", "obs_id", "event_id", "tel_id", "group")]
    truth = [name for name in predictions.colnames if name.startswith("true_")]
    answers: Table = predictions[[*identity, "split", *truth]].copy()
    for name in ANSWERS:
        answers[name] = said[name]
    return answers


def image_table(events: EventList) -> ImageTable:
    """Return the parameters of all images of some events, those of all files one after another.

    Pixels are those that the files' own image cleaning kept, or two thresholds where a file says none.
    """
    parts = []
    for file, start in zip(events.files, _first_events(events), strict=True):
        masked = all("mask" in file.fields(name) for name in events.types if file.fields(name))
        table = images_of_file(file, cuts=None if masked else TailCuts())
        parts.append(replace(table, event=table.event + start))
        file.close()
    return ImageTable(
        events.subarray,
        sum(part.events for part in parts),
        np.concatenate([part.event for part in parts]),
        np.concatenate([part.slot for part in parts]),
        {name: np.concatenate([part[name] for part in parts]) for name in HILLAS},
        np.concatenate([part.pointing for part in parts]),
    )


def _first_events(events: EventList) -> npt.NDArray[np.int64]:
    return np.cumsum([0, *(len(file.index) for file in events.files)])[:-1]


def _truth_of(events: EventList, task: ArrayEvents) -> Truth:
    """Return the truth of each event, ``signal`` among it."""
    labels = {name: np.concatenate([file.index.labels[name] for file in events.files]) for name in _NEEDED}
    codes = ArrayTruth(task, Columns()).codes(Table({"shower_primary_id": labels["shower_primary_id"]}))
    return {**labels, "signal": codes == task.classes.index(task.signal)}


def _holds_enough(events: EventList, *, truth: bool = True) -> bool:
    held = [file.fields(name) for file in events.files for name in events.types if file.fields(name)]
    images = all({"charge", "time"} <= set(fields) for fields in held)
    return images and (not truth or all(set(_NEEDED) <= set(file.index.labels) for file in events.files))
