"""What the tables of a run folder say, as far as they are there."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astropy.table import Table

from merkhet.bundle.spec import SPEC, read_spec
from merkhet.config.bundle import BundleSpec
from merkhet.config.experiment import Experiment
from merkhet.errors import InputError
from merkhet.io.tables import read_table
from merkhet.train.run import Run

SPLITS = ("test", "val")
"""Splits that are scored, the one that speaks for the model first."""


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
        Every usable row of the user's table, with its side in the column ``split``.
    bundle
        Specification and provenance of the trained model.
    history
        One row per epoch.
    metrics
        ``{split: result of evaluate_table}``.
    predictions
        ``{split: prediction table}``.
    rejects
        Columns ``file, stage, reason``.
    """

    folder: Path
    experiment: Experiment
    samples: Table | None
    bundle: BundleSpec | None
    history: Table | None
    metrics: dict[str, dict[str, Any]]
    predictions: dict[str, Table]
    rejects: Table | None

    @property
    def split(self) -> str | None:
        """The split that speaks for the model: test, else val; None where nothing was scored."""
        return next((split for split in SPLITS if split in self.metrics), None)


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
    predictions = {split: _read_table(run.predictions(split)) for split in SPLITS}
    return RunTables(
        folder=folder,
        experiment=run.read_experiment(),
        samples=_read_table(run.samples),
        bundle=read_spec(run.bundle, schema=BundleSpec) if (run.bundle / SPEC).is_file() else None,
        history=_read_table(run.history),
        metrics=_read_json(run.metrics) or {},
        predictions={split: table for split, table in predictions.items() if table is not None},
        rejects=_read_table(run.rejects),
    )


def _read_table(path: Path) -> Table | None:
    return read_table(path) if path.is_file() else None


def _read_json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputError(path, f"holds a {type(content).__name__}", expected="a mapping of keys to values")
    return content
