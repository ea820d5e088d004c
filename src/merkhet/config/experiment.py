"""The experiment: one schema for everything that ``merkhet train`` does."""

from pydantic import Field

from merkhet.config.augment import Augmentation
from merkhet.config.base import Config
from merkhet.config.data import Data, Split
from merkhet.config.ensemble import Ensemble
from merkhet.config.inputs import InputSpec
from merkhet.config.models import CNN, Model
from merkhet.config.normalize import AsinhNoise, Normalization
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
