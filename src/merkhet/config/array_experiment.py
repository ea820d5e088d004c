"""The experiment on events of a Cherenkov array: the same experiment, of other parts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from merkhet.config.array_models import ArrayModel, PublishedArray, ShowerArray, TelescopeArray
from merkhet.config.array_tasks import ArrayEvents
from merkhet.config.arrays import Pixels, TelescopeInput
from merkhet.config.bundle import BundleSpec
from merkhet.config.data import ReadSpec
from merkhet.config.events import EventData
from merkhet.config.experiment import Experiment
from merkhet.config.load import validate
from merkhet.config.scores import EventScores

# An experiment on telescopes takes the place of one on images wherever nothing but how it learns matters (training,
# provenance, splits); what reads samples asks which of both it is.


class ArrayExperiment(Experiment):
    """What is learned from events of an array: told from an experiment on images by ``input.kind: telescopes``."""

    data: EventData  # type: ignore[assignment]
    input: TelescopeInput  # type: ignore[assignment]
    augment: tuple[()] = ()
    normalize: Pixels = Pixels()  # type: ignore[assignment]
    model: ArrayModel = TelescopeArray()  # type: ignore[assignment]
    task: ArrayEvents  # type: ignore[assignment]
    scores: EventScores = EventScores()  # type: ignore[assignment]

    @model_validator(mode="after")
    def _positives_are_known(self) -> Self:
        return self  # there are neither drawn negatives nor augmentations

    @model_validator(mode="after")
    def _range_is_known(self) -> Self:
        return self

    @model_validator(mode="after")
    def _array_is_fixed(self) -> Self:
        if isinstance(self.model, PublishedArray) and self.input.slots == "triggered":
            raise ValueError(
                "model.kind=published_array gives each telescope its place: it needs input.slots=array or mono"
            )
        return self

    @model_validator(mode="after")
    def _moments_are_known(self) -> Self:
        if isinstance(self.model, ShowerArray) and self.normalize.fields != ("charge", "time", "mask"):
            raise ValueError(
                "model.kind=shower_array measures cleaned images: normalize.channels needs one with times and one with "
                f"cleaned_ (cleaned_time is both); it has {', '.join(self.normalize.channels)}"
            )
        return self


class ArrayBundleSpec(BundleSpec):
    """A trained model of events."""

    input: TelescopeInput  # type: ignore[assignment]
    read: ReadSpec = ReadSpec()
    normalize: Pixels  # type: ignore[assignment]
    model: ArrayModel  # type: ignore[assignment]
    task: ArrayEvents  # type: ignore[assignment]


def is_on_telescopes(content: Any) -> bool:
    """Tell whether an experiment or a bundle, as it was read, is of telescopes."""
    given = content.get("input") if isinstance(content, Mapping) else None
    return isinstance(given, Mapping) and given.get("kind") == "telescopes"


def validate_experiment(content: Any, *, source: str | Path) -> Experiment:
    """Return the experiment of images or of telescopes that ``content`` holds.

    Raises
    ------
    ConfigError
        As :func:`merkhet.config.load.validate`.
    """
    return validate(ArrayExperiment if is_on_telescopes(content) else Experiment, content, source=source)
