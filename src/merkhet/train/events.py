"""From an experiment on telescopes to events with their sides, a dataset, and tables of answers."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.bundle.store import load_bundle
from merkhet.config.array_experiment import ArrayExperiment
from merkhet.config.data import Columns
from merkhet.config.experiment import Experiment
from merkhet.data.arrays import Rows
from merkhet.data.event_dataset import EventDataset
from merkhet.data.event_loader import EventLoader, EventSampler, InOrderBlocks
from merkhet.data.events import EventList, list_events
from merkhet.data.samples import SampleTable
from merkhet.data.split import check_split
from merkhet.errors import ConfigError, InputError
from merkhet.execute import Progress
from merkhet.io.cherenkov.array_spec import describe_array
from merkhet.io.rejects import Reject
from merkhet.tasks.array_truth import ArrayTruth
from merkhet.train.prepare import Prepared, divide, find_samples, make_truth, prepare

IDENTITY = ("obs_id", "event_id", "tel_id")


@dataclass(frozen=True)
class EventSamples(SampleTable):
    """Usable samples, one row each: what :func:`event_table` gives, and where their images are."""

    events: EventList = field(kw_only=True)

    def reject(self, bad: npt.NDArray[np.bool_], reasons: list[str], *, stage: str) -> "EventSamples":
        """Move the rows under ``bad`` to the rejects, with one reason for each."""
        names = event_names(self.table[bad])
        found = tuple(Reject(str(name), stage, reason) for name, reason in zip(names, reasons, strict=True))
        return EventSamples(self.table[~bad], self.rejects + found, events=keep(self.events, ~bad))


@dataclass(frozen=True)
class PreparedEvents(Prepared):
    """Everything that training on events needs."""

    experiment: ArrayExperiment
    samples: EventSamples
    dataset: EventDataset  # type: ignore[assignment]

    def in_order(self, rows: Rows) -> EventLoader:
        """Return batches of the given rows, each once."""
        return ordered_loader(self.dataset, rows, batch_size=self.experiment.train.batch_size)

    def fingerprint(self) -> str:
        """Return a digest of ids, labels and sides: the same data give the same digest anywhere."""
        digest = hashlib.sha256()
        for name in self.samples.table.colnames:
            digest.update(np.ascontiguousarray(self.samples.table[name]).astype("<f8").tobytes() + name.encode())
        digest.update(np.unique(self.sides, return_inverse=True)[1].astype("<i8").tobytes())
        return digest.hexdigest()


def event_table(events: EventList) -> Table:
    """Return what is known of each sample.

    ``obs_id, event_id``, ``tel_id`` where samples are images, ``group`` (the shower), ``pointing_alt, pointing_az`` in
    rad, and the labels of a simulation; see :data:`merkhet.io.cherenkov.index.LABELS`.
    """
    table = Table({"obs_id": events.obs_id, "event_id": events.event_id, "group": events.group})
    if events.tel_id is not None:
        table["tel_id"] = events.tel_id
    table["pointing_alt"], table["pointing_az"] = events.pointing.T
    for name, values in events.labels.items():
        table[name] = values
    table.meta["source"] = str(events.files[0].path)
    return table


def keep(events: EventList, kept: npt.NDArray[np.bool_]) -> EventList:
    """Return the list of some samples."""
    if kept.all():
        return events
    files = []
    for file, start, stop in zip(events.files, events.starts[:-1], events.starts[1:], strict=True):
        mine = kept[start:stop]
        if events.mono:
            has_image = np.zeros(len(file.index), dtype=bool)
            has_image[file.index.events_of(np.flatnonzero(mine))] = True
            files.append(file.with_index(file.index.select(has_image, images=mine)))
        else:
            files.append(file.with_index(file.index.select(mine)))
    return replace(events, files=tuple(files))


def event_names(table: Table) -> npt.NDArray[np.str_]:
    """Return a name for each event: observation and event, and the telescope of single images."""
    parts = [np.asarray(table[name]).astype(str) for name in IDENTITY if name in table.colnames]
    return reduce(lambda names, part: np.char.add(np.char.add(names, "_"), part), parts)


def find_events(experiment: ArrayExperiment) -> tuple[ArrayExperiment, EventSamples]:
    """List the events of an experiment and reject those without usable labels.

    The experiment comes back with the telescopes and cameras that the files hold.

    Raises
    ------
    InputError
        A file cannot be used, or holds no labels that the task learns.
    """
    spec, truth = experiment.input, make_truth(experiment)
    events = list_events(experiment.data, types=spec.types, slots=spec.slots)
    table = event_table(events)
    missing = [name for name in truth.needed if name not in table.colnames]
    if missing:
        raise InputError(
            events.files[0].path,
            f"holds no {', '.join(missing)}",
            expected="simulated events",
            action="Train on a simulation; observed data can be predicted",
        )
    samples = EventSamples(table, events=events)
    bad, reasons = truth.unusable(table)
    cameras = describe_array(events.subarray, types=events.types)
    resolved = spec.model_copy(update={"types": tuple(events.types), "cameras": cameras})
    return experiment.model_copy(update={"input": resolved}), samples.reject(bad, reasons, stage="label")


def prepare_events(experiment: ArrayExperiment, samples: EventSamples) -> PreparedEvents:
    """Divide the events by whole showers, fit what is fitted on training rows, and resolve the experiment.

    Raises
    ------
    InputError
        The split is impossible, or a class has no training event.
    ConfigError
        Fine-tuning, and the bundle is of other telescope types.
    """
    _check_types(experiment)
    truth, groups = make_truth(experiment), np.asarray(samples.table["group"])
    strata = truth.strata(samples.table)
    sides = divide(experiment, samples.table, groups, strata)
    check_split(sides, groups, strata, source=str(samples.table.meta["source"]))
    resolved = experiment.model_copy(update={"task": truth.resolve(samples.table[sides == "train"])})
    dataset = make_dataset(resolved, samples)
    return PreparedEvents(resolved, samples, sides, make_truth(resolved), dataset)


def find_any(
    experiment: Experiment, *, workers: int = 1, progress: Progress | None = None
) -> tuple[Experiment, SampleTable]:
    """List the samples of an experiment on images or on events; raises as the functions for either."""
    if isinstance(experiment, ArrayExperiment):
        return find_events(experiment)
    return find_samples(experiment, workers=workers, progress=progress)


def prepare_any(experiment: Experiment, samples: SampleTable) -> Prepared:
    """Return what training needs, of images or of events; raises as :func:`prepare_events` or :func:`prepare`."""
    if isinstance(experiment, ArrayExperiment) and isinstance(samples, EventSamples):
        return prepare_events(experiment, samples)
    return prepare(experiment, samples)


def make_dataset(experiment: ArrayExperiment, samples: EventSamples) -> EventDataset:
    """Return the batches of the rows of a table of events, with their truth."""
    truth = make_truth(experiment)
    return EventDataset(
        samples.events,
        slots=experiment.input.slots,
        fields=experiment.normalize.fields,
        targets=truth.targets(samples.table),
    )


class _Loader(EventLoader):
    """Batches of events, as Lightning takes them: it asks who makes the batches, and finds that nobody else does."""

    batch_sampler: None = None


def train_loader(prepared: PreparedEvents, *, seed: int, rank: int, world: int) -> EventLoader:
    """Return batches of training rows, drawn at random by whole chunks of the files."""
    config, rows = prepared.experiment.train, prepared.rows("train")
    codes = None
    if config.sampling == "balanced":
        codes = ArrayTruth(prepared.experiment.task, Columns()).codes(prepared.table("train"))
    sampler = EventSampler(
        prepared.samples.events.units()[rows],
        batch_size=config.batch_size,
        seed=seed,
        buffer=prepared.experiment.data.buffer,
        steps=config.steps_per_epoch,
        codes=codes,
        rank=rank,
        world=world,
    )
    return _Loader(prepared.dataset, rows, sampler, workers=config.workers)


def ordered_loader(
    dataset: EventDataset, rows: Rows, *, batch_size: int, rank: int = 0, world: int = 1, workers: int = 0
) -> EventLoader:
    """Return batches of the given rows, each once, in order."""
    sampler = InOrderBlocks(len(rows), batch_size=batch_size, rank=rank, world=world)
    return _Loader(dataset, rows, sampler, workers=workers)


def _check_types(experiment: ArrayExperiment) -> None:
    finetune = experiment.train.finetune
    if finetune is None:
        return
    theirs: Any = load_bundle(finetune.bundle).spec.input
    mine, known = set(experiment.input.types), set(theirs.types)
    if mine != known:
        raise ConfigError(
            f"input.types: the files hold {', '.join(sorted(mine))}; {finetune.bundle} was trained on "
            f"{', '.join(sorted(known))}"
        )
