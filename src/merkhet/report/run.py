"""What the tables of a run folder say, as far as they are there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from astropy.table import Table

from merkhet.bundle.spec import SPEC, read_spec
from merkhet.config.array_experiment import ArrayExperiment
from merkhet.config.bundle import BundleSpec
from merkhet.config.experiment import Experiment
from merkhet.io.tables import read_table
from merkhet.report.event_metrics import check_event_metrics
from merkhet.report.metrics import check_metrics
from merkhet.train.run import Run

SPLITS = ("test", "val")
"""Splits that are scored, the one that speaks for the model first."""


@dataclass(frozen=True)
class Fold:
    """One of several trainings whose test rows are pooled.

    Attributes
    ----------
    number
        From 1.
    n, n_groups
        Number of its test rows, and of their groups.
    scores
        Their ``{score: {value, low, high}}``.
    bundle
        Specification and provenance of its model; None where the fold's own folder is gone.
    """

    number: int
    n: int
    n_groups: int
    scores: Mapping[str, Any]
    bundle: BundleSpec | None


@dataclass(frozen=True)
class RunTables:
    """What a run left behind; None, or no entry, for what is not there.

    Attributes
    ----------
    folder
        The run folder.
    experiment
        The resolved experiment.
    samples
        Every usable row of the user's table, with its side in the column ``split``, or the fold that tests it in the
        column ``fold``.
    bundle
        Specification and provenance of the trained model.
    history
        One row per epoch.
    metrics
        ``{split: result of evaluate_table}``.
    predictions
        ``{split: prediction table}``.
    galleries
        ``{split: images worth a look}``; see :func:`merkhet.train.gallery.gallery_table`.
    rejects
        Columns ``file, stage, reason``.
    stats
        One row per image and epoch, of a run with ``train.stats``.
    folds
        Of a run with folds, each of them; ``metrics["test"]`` is then of the test rows of all.
    baselines
        Of a run on events, what each baseline says of the split that speaks for the model.
    """

    folder: Path
    experiment: Experiment
    samples: Table | None
    bundle: BundleSpec | None
    history: Table | None
    metrics: dict[str, dict[str, Any]]
    predictions: dict[str, Table]
    galleries: dict[str, Table]
    rejects: Table | None
    folds: tuple[Fold, ...] = ()
    stats: Table | None = None
    baselines: Mapping[str, Table] = field(default_factory=dict)

    @property
    def split(self) -> str | None:
        """The split that speaks for the model: test, else val; None where nothing was scored."""
        return next((split for split in SPLITS if split in self.metrics), None)

    @property
    def bundles(self) -> list[BundleSpec]:
        """The models: that of the run, or those of its folds."""
        models = [fold.bundle for fold in self.folds] if self.folds else [self.bundle]
        return [model for model in models if model is not None]


def read_run(folder: Path) -> RunTables:
    """Read the tables of a run folder.

    Raises
    ------
    InputError
        The folder or its ``experiment.yaml`` is missing, or a file that is there cannot be read.
    ConfigError
        The experiment or the bundle does not fit its schema.
    """
    run = Run(folder)
    experiment = run.read_experiment()
    metrics = run.read_metrics() if run.metrics.is_file() else {}
    if isinstance(experiment, ArrayExperiment):
        check_event_metrics(metrics, source=run.metrics)
    else:
        check_metrics(metrics, classes=experiment.task.classes, source=run.metrics)
    tables = RunTables(
        folder=folder,
        experiment=experiment,
        samples=_read_table(run.samples),
        bundle=_read_bundle(run),
        history=_read_table(run.history),
        metrics={split: metrics[split] for split in SPLITS if split in metrics},
        predictions=_of_splits({split: run.predictions(split) for split in SPLITS}),
        galleries=_of_splits({split: run.gallery(split) for split in SPLITS}),
        rejects=_read_table(run.rejects),
        folds=tuple(_read_fold(run, scores) for scores in metrics.get("folds", ())),
        stats=_read_table(run.stats),
    )
    if not isinstance(experiment, ArrayExperiment) or tables.split is None:
        return tables
    side = tables.split
    return replace(tables, baselines={name: read_table(run.baseline(name, side)) for name in run.baseline_names(side)})


def _read_fold(run: Run, scores: Mapping[str, Any]) -> Fold:
    number = scores["fold"]
    return Fold(number, scores["n"], scores["n_groups"], scores["scores"], _read_bundle(run.fold(number)))


def _read_bundle(run: Run) -> BundleSpec | None:
    return read_spec(run.bundle, schema=BundleSpec) if (run.bundle / SPEC).is_file() else None


def _of_splits(paths: Mapping[str, Path]) -> dict[str, Table]:
    return {split: read_table(path) for split, path in paths.items() if path.is_file()}


def _read_table(path: Path) -> Table | None:
    return read_table(path) if path.is_file() else None
