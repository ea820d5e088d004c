"""The experiment: one schema for everything that ``merkhet train`` does."""

from typing import Self

from pydantic import Field, model_validator

from merkhet.config.augment import Augmentation
from merkhet.config.base import Config
from merkhet.config.data import Data, Split
from merkhet.config.ensemble import Ensemble
from merkhet.config.inputs import InputSpec
from merkhet.config.models import CNN, Model
from merkhet.config.normalize import AsinhNoise, Normalization
from merkhet.config.scores import Scores
from merkhet.config.tasks import TaskConfig
from merkhet.config.training import Train


class Experiment(Config):
    """What is learned from which data, by which network, how. Saved, resolved, in the run folder."""

    name: str = "experiment"
    description: str = ""
    seed: int = Field(42, ge=0, lt=2**32)
    data: Data
    input: InputSpec = InputSpec()
    split: Split = Split()
    augment: tuple[Augmentation, ...] = ()
    normalize: Normalization = AsinhNoise()
    model: Model = CNN()
    task: TaskConfig
    ensemble: Ensemble = Ensemble()
    train: Train = Train()
    scores: Scores = Scores()

    @model_validator(mode="after")
    def _positives_are_known(self) -> Self:
        if getattr(self.task, "mode", None) == "binary":
            return self
        if self.data.negatives is not None:
            raise ValueError("data.negatives draws samples of a negative class; it needs task.mode=binary")
        if any(step.samples == "positive" for step in self.augment):
            raise ValueError("augment: samples=positive needs task.mode=binary")
        return self

    @model_validator(mode="after")
    def _range_is_known(self) -> Self:
        if self.normalize.kind != "log_minmax" and any(step.kind == "after_normalization" for step in self.augment):
            raise ValueError(
                "augment: after_normalization acts on images between 0 and 1; it needs normalize.kind=log_minmax, not "
                f"{self.normalize.kind}"
            )
        return self
