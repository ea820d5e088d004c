"""The run folder: what training leaves behind, and where each thing is."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from merkhet.config.experiment import Experiment
from merkhet.config.load import read_yaml, validate
from merkhet.errors import InputError
from merkhet.io.atomic import write_text


@dataclass(frozen=True)
class Run:
    """Paths of a run folder."""

    folder: Path

    @property
    def bundle(self) -> Path:
        """The trained model, complete and copyable alone."""
        return self.folder / "bundle"

    @property
    def experiment_file(self) -> Path:
        """The resolved experiment."""
        return self.folder / "experiment.yaml"

    @property
    def samples(self) -> Path:
        """Every usable row with its side of the split."""
        return self.folder / "samples.parquet"

    @property
    def history(self) -> Path:
        """One row per epoch."""
        return self.folder / "history.csv"

    @property
    def rejects(self) -> Path:
        """Rows that could not be used."""
        return self.folder / "rejects.csv"

    @property
    def metrics(self) -> Path:
        """Scores of each side with their intervals."""
        return self.folder / "metrics.json"

    @property
    def checkpoint(self) -> Path:
        """The end of the last finished epoch: where training resumes."""
        return self.folder / "checkpoints" / "last.ckpt"

    @property
    def best_weights(self) -> Path:
        """Weights of the best epoch so far."""
        return self.folder / "checkpoints" / "best.safetensors"

    def predictions(self, side: str) -> Path:
        """Predictions for one side of the split."""
        return self.folder / f"predictions_{side}.parquet"

    def write_experiment(self, experiment: Experiment) -> None:
        """Save the experiment."""
        content = yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        write_text(self.experiment_file, content)

    def read_experiment(self) -> Experiment:
        """Load the saved experiment.

        Raises
        ------
        InputError
            The folder holds none.
        """
        if not self.experiment_file.is_file():
            raise InputError(self.folder, "holds no experiment.yaml", expected="a run folder made by merkhet train")
        return validate(Experiment, read_yaml(self.experiment_file), source=self.experiment_file)

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Save scores."""
        write_text(self.metrics, json.dumps(metrics, indent=1, allow_nan=False))
