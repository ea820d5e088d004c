"""The run folder: what training leaves behind, and where each thing is."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from merkhet.config.array_experiment import validate_experiment
from merkhet.config.experiment import Experiment
from merkhet.config.load import read_yaml
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
    def stats(self) -> Path:
        """One row per image and epoch, with ``train.stats``."""
        return self.folder / "stats.parquet"

    def stats_part(self, epoch: int, rank: int) -> Path:
        """Return where a process of a training keeps the statistics of one epoch."""
        return self.folder / "stats" / f"{epoch:05d}_{rank}.parquet"

    def stats_parts(self) -> list[Path]:
        """Return the statistics of the epochs so far, in order."""
        return sorted(self.stats_part(0, 0).parent.glob("*.parquet"))

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

    def gallery(self, side: str) -> Path:
        """Pixels of the images that the report shows, from one side of the split."""
        return self.folder / f"gallery_{side}.parquet"

    def baseline(self, name: str, side: str) -> Path:
        """Return the answers of a baseline for one side of the split, laid out like the predictions."""
        return self.folder / "baselines" / f"{name}_{side}.parquet"

    def lesson(self, name: str) -> Path:
        """Return what a baseline learned from: its columns for the training rows, and their labels."""
        return self.folder / "baselines" / f"{name}_lesson.parquet"

    @property
    def lessons(self) -> list[str]:
        """The baselines whose lessons are kept."""
        return sorted(path.stem.removesuffix("_lesson") for path in self.lesson("*").parent.glob("*_lesson.parquet"))

    def baseline_names(self, side: str) -> list[str]:
        """Return the baselines that answered for one side."""
        return sorted(
            path.stem.removesuffix(f"_{side}") for path in self.baseline("*", side).parent.glob(f"*_{side}.*")
        )

    @property
    def folds(self) -> list["Run"]:
        """The runs of the folds, in order; none where there are no folds."""
        numbers = [int(entry.name) for entry in (self.folder / "folds").glob("*") if entry.name.isdecimal()]
        return [self.fold(number) for number in sorted(numbers)]

    def fold(self, number: int) -> "Run":
        """Return the run of one fold, counted from 1."""
        return Run(self.folder / "folds" / str(number))

    @property
    def is_new(self) -> bool:
        """Nothing but rejects, or folds that were trained one by one, is there yet."""
        early = (self.rejects, self.fold(1).folder.parent)
        return not self.folder.exists() or all(entry in early for entry in self.folder.iterdir())

    def members(self, count: int) -> list["Run"]:
        """Return where each of ``count`` networks is trained: the run itself where there is one only."""
        return [self] if count == 1 else [Run(self.folder / "members" / str(k)) for k in range(1, count + 1)]

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
        return validate_experiment(read_yaml(self.experiment_file), source=self.experiment_file)

    def read_metrics(self) -> dict[str, Any]:
        """Load the scores.

        Raises
        ------
        InputError
            There are none, or the file is damaged.
        """
        try:
            content = json.loads(self.metrics.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(
                self.metrics, f"cannot be read as JSON: {error}", action="Evaluate the run again"
            ) from error
        if not isinstance(content, dict):
            raise InputError(self.metrics, f"holds a {type(content).__name__}", expected="scores by side of the split")
        return content

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Save scores."""
        write_text(self.metrics, json.dumps(metrics, indent=1, allow_nan=False))
