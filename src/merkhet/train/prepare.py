"""From an experiment to samples with their sides, a dataset and a task that is ready to learn."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from torch.nn.modules.batchnorm import _BatchNorm

from merkhet.bundle.spec import is_packaged
from merkhet.bundle.store import build_task, load_bundle
from merkhet.config.array_experiment import ArrayBundleSpec, ArrayExperiment
from merkhet.config.base import locate
from merkhet.config.data import Columns, Data, Negatives
from merkhet.config.events import EventData
from merkhet.config.experiment import Experiment
from merkhet.config.training import FineTune
from merkhet.data.arrays import FloatArray, Rows
from merkhet.data.dataset import SampleDataset
from merkhet.data.loader import InOrder, make_loader
from merkhet.data.measured import PREFIX
from merkhet.data.negatives import add_negatives, label_positives
from merkhet.data.sample import Batch
from merkhet.data.samples import (
    SampleTable,
    load_samples,
    reject_broken_lines,
    reject_without_group,
    resolve_input,
    sample_groups,
    sample_ids,
)
from merkhet.data.split import check_split, split_fold, split_random
from merkhet.errors import ConfigError
from merkhet.execute import Progress
from merkhet.models.normalize import fit_normalization
from merkhet.tasks.base import Task
from merkhet.tasks.truth import Truth


@dataclass(frozen=True)
class Prepared:
    """Everything that training needs. ``experiment`` has nothing open any more; ``sides`` has one entry per row."""

    experiment: Experiment
    samples: SampleTable
    sides: npt.NDArray[np.str_]
    truth: Truth
    dataset: SampleDataset

    def rows(self, side: str) -> Rows:
        """Return the row numbers of one side."""
        return np.flatnonzero(self.sides == side)

    def some_rows(self, side: str, *, most: int, salt: int) -> Rows:
        """Return at most so many row numbers of one side, in order, drawn by the experiment's seed and a salt."""
        rows = self.rows(side)
        if len(rows) <= most:
            return rows
        return np.sort(np.random.default_rng([self.experiment.seed, salt]).choice(rows, most, replace=False))

    def table(self, side: str) -> Table:
        """Return the rows of one side."""
        return self.samples.table[self.sides == side]

    def in_order(self, rows: Rows) -> Iterable[Batch]:
        """Return batches of the given rows, each once."""
        return make_loader(self.dataset, rows, InOrder(len(rows), batch_size=self.experiment.train.batch_size))

    def fingerprint(self) -> str:
        """Return a digest of ids, pixels, labels and sides: the same data give the same digest anywhere."""
        digest = hashlib.sha256()
        columns: list[npt.NDArray[Any]] = [
            sample_ids(self.samples.table, self.experiment.data.columns),
            np.asarray(self.samples.table[PREFIX + "crc"]).astype(str),
            self.sides,
        ]
        columns += [values.astype(str) for values in self.truth.truth_columns(self.samples.table).values()]
        for column in columns:
            digest.update("\n".join(column).encode() + b"\0")
        return digest.hexdigest()


def find_samples(
    experiment: Experiment, *, workers: int = 1, progress: Progress | None = None
) -> tuple[Experiment, SampleTable]:
    """List the samples of an experiment and reject those without a usable label, shape or unit.

    The experiment comes back with what the samples decide: shape, units and scale of the input, how a pack was read.
    """
    truth, data = make_truth(experiment), experiment.data
    needed = truth.needed if data.negatives is None else ()
    samples = load_samples(data, experiment.input, needed=needed, workers=workers, progress=progress)
    if data.negatives is not None:
        samples = label_positives(samples, data.columns, classes=experiment.task.classes)
    samples = reject_broken_lines(samples)
    bad, reasons = truth.unusable(samples.table)
    samples = reject_without_group(samples.reject(bad, reasons, stage="label"), experiment.data.columns)
    spec, samples = resolve_input(experiment.input, samples)
    data = data.model_copy(update={"read": samples.read})
    return experiment.model_copy(update={"input": spec, "data": data}), samples


def with_absolute_paths(experiment: Experiment) -> Experiment:
    """Return the experiment with paths that hold from any folder."""
    data: Data | EventData
    train = experiment.train
    if isinstance(experiment, ArrayExperiment):
        files = tuple(path.absolute() for path in experiment.data.files)
        cameras = {name: path.absolute() for name, path in experiment.data.cameras.items()}
        data = experiment.data.model_copy(update={"files": files, "cameras": cameras})
    else:
        table, root = experiment.data.table.absolute(), experiment.data.root
        data = experiment.data.model_copy(update={"table": table, "root": None if root is None else root.absolute()})
    if train.finetune is not None and not is_packaged(train.finetune.bundle):
        finetune = train.finetune.model_copy(update={"bundle": train.finetune.bundle.absolute()})
        train = train.model_copy(update={"finetune": finetune})
    return experiment.model_copy(update={"data": data, "train": train})


def data_paths(experiment: Experiment) -> tuple[Path | None, ...]:
    """Return what an experiment reads, which no output may replace."""
    if isinstance(experiment, ArrayExperiment):
        return experiment.data.files
    return experiment.data.table, experiment.data.root


def prepare(experiment: Experiment, samples: SampleTable) -> Prepared:
    """Divide the samples of :func:`find_samples`, fit what is fitted on training rows, and resolve the experiment.

    Raises
    ------
    InputError
        The split is impossible or leaks.
    """
    columns = experiment.data.columns
    truth = make_truth(experiment)
    groups, strata = sample_groups(samples.table, columns), truth.strata(samples.table)
    sides = divide(experiment, samples.table, groups, strata)
    if experiment.data.negatives is not None:
        experiment, samples, sides = _with_negatives(experiment, experiment.data.negatives, samples, sides)
        groups, strata = sample_groups(samples.table, columns), truth.strata(samples.table)
    check_split(sides, groups, strata, source=str(samples.table.meta.get("source", "the table")))
    dataset = SampleDataset(samples, data=experiment.data, spec=experiment.input, targets=truth.targets(samples.table))
    train = np.flatnonzero(sides == "train")
    resolved = experiment.model_copy(
        update={
            "task": truth.resolve(samples.table[train]),
            "normalize": fit_normalization(experiment.normalize, _pixels(dataset, train)),
        }
    )
    return Prepared(resolved, samples, sides, make_truth(resolved), dataset)


def _with_negatives(
    experiment: Experiment, config: Negatives, samples: SampleTable, sides: npt.NDArray[np.str_]
) -> tuple[Experiment, SampleTable, npt.NDArray[np.str_]]:
    """Add the drawn samples; the experiment comes back with the seed that they were drawn by."""
    if config.seed is None:
        config = config.model_copy(update={"seed": experiment.seed})
    data = experiment.data.model_copy(update={"negatives": config})
    samples, sides = add_negatives(
        samples, sides, config, columns=data.columns, classes=experiment.task.classes, spec=experiment.input
    )
    return experiment.model_copy(update={"data": data}), samples, sides


def make_truth(experiment: Experiment) -> Truth:
    """Return what the experiment's task reads from the table."""
    columns = Columns() if isinstance(experiment, ArrayExperiment) else experiment.data.columns
    truth: Truth = locate(experiment.task).truth(experiment.task, columns)
    return truth


def divide(
    experiment: Experiment, table: Table, groups: npt.NDArray[Any], strata: npt.NDArray[np.str_] | None
) -> npt.NDArray[np.str_]:
    """Return the side of each row, by the split of the experiment.

    Raises
    ------
    ConfigError
        There are more folds than the rows can fill, or no column says the sides.
    """
    split = experiment.split
    if split.kind != "column":
        draw = split_random if split.kind == "random" else split_fold
        seed = experiment.seed if split.seed is None else split.seed
        sides = draw(groups, strata if split.stratify else None, split, seed=seed)
        if split.kind == "fold" and not (sides == "test").any():
            raise ConfigError(
                f"split.folds: {split.folds} folds are too many for {len(table)} rows; one has no test row"
            )
        return sides
    if isinstance(experiment, ArrayExperiment):
        raise ConfigError("split.kind=column: events have no such column; take random or fold")
    if experiment.data.columns.split is None:
        raise ConfigError("split.kind=column needs data.columns.split, the column that says train, val or test")
    return np.asarray(table[experiment.data.columns.split]).astype(str)


def _pixels(dataset: SampleDataset, rows: Rows) -> Iterator[tuple[FloatArray, npt.NDArray[np.bool_]]]:
    step = 1 if dataset.spec.fit == "any" else 64  # shapes may differ
    for start in range(0, len(rows), step):
        batch = dataset.fetch(rows[start : start + step])
        yield from zip(batch["image"].numpy(), batch["valid"].numpy(), strict=True)


def starting_task(experiment: Experiment, *, member: int = 0) -> Task:
    """Build the task, with the weights of another bundle where the experiment fine-tunes one.

    Of a bundle with several members, each ``member`` takes the weights of one, in turn.
    """
    task = build_task(
        task=experiment.task, model=experiment.model, normalize=experiment.normalize, spec=experiment.input
    )
    finetune = experiment.train.finetune
    if finetune is not None:
        leaves = load_bundle(finetune.bundle).task.leaves()
        _take_weights(task, leaves[member % len(leaves)], same_head=_same_answers(experiment, finetune))
        _freeze(task, finetune)
    return task


def adopt(experiment: Experiment) -> Experiment:
    """Take architecture and normalization from the bundle that is fine-tuned.

    Raises
    ------
    ConfigError
        The experiment names another architecture or normalization, other bands, or takes other data.
    """
    finetune = experiment.train.finetune
    if finetune is None:
        return experiment
    spec = load_bundle(finetune.bundle).spec
    if isinstance(experiment, ArrayExperiment) != isinstance(spec, ArrayBundleSpec):
        raise ConfigError(
            f"input: {finetune.bundle} and this experiment differ: one takes images, the other telescopes"
        )
    for name in ("model", "normalize"):
        mine, theirs = getattr(experiment, name), getattr(spec, name)
        given = mine.model_dump(include=mine.model_fields_set)
        if name in experiment.model_fields_set and given != theirs.model_dump(include=mine.model_fields_set):
            raise ConfigError(
                f"{name}: differs from the one in {finetune.bundle}; leave it out ({name}= on the command line) "
                "to take that one over, or train from nothing (train.finetune=)"
            )
    if isinstance(experiment, ArrayExperiment):
        return experiment.model_copy(update={"model": spec.model, "normalize": spec.normalize})
    if (experiment.input.channels, experiment.input.dims) != (spec.input.channels, spec.input.dims):
        raise ConfigError(
            f"input: {experiment.input.channels} bands, dims {experiment.input.dims}; {finetune.bundle} takes "
            f"{spec.input.channels} bands, dims {spec.input.dims}"
        )
    return experiment.model_copy(update={"model": spec.model, "normalize": spec.normalize})


def _same_answers(experiment: Experiment, finetune: FineTune) -> bool:
    old, new = load_bundle(finetune.bundle).spec.task, experiment.task
    return (old.kind, old.answers) == (new.kind, new.answers)


def _take_weights(task: Task, source: Task, *, same_head: bool) -> None:
    target = task if same_head else task.network
    target.load_state_dict((source if same_head else source.network).state_dict())


def _freeze(task: Task, finetune: FineTune) -> None:
    for module in frozen_modules(task, finetune):
        module.requires_grad_(False)


def frozen_modules(task: Task, finetune: FineTune | None) -> list[Any]:
    """Return the modules that fine-tuning keeps fixed (weights and running statistics)."""
    if finetune is None or finetune.freeze == "none":
        return []
    if finetune.freeze == "network":
        return [task.network]
    levels: Any = task.network.levels
    if finetune.freeze_levels > len(levels):
        raise ConfigError(f"train.finetune.freeze_levels: got {finetune.freeze_levels}; the network has {len(levels)}")
    return list(levels)[: finetune.freeze_levels]


def kept_norms(task: Task, finetune: FineTune | None) -> list[Any]:
    """Return the batch norms whose running statistics fine-tuning leaves as they are."""
    if finetune is None or finetune.norms == "learn":
        return []
    return [module for module in task.modules() if isinstance(module, _BatchNorm)]
