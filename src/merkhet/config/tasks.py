"""Schemas of the tasks: what is learned, and how an output becomes an answer."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from merkhet.config.base import Component


class Task(Component):
    """Base of every task's schema; ``needs`` is what the task asks of a network's output."""

    needs: ClassVar[Literal["vector", "map"]] = "vector"


class Classify(Task):
    """Name the class of an image: binary, one of several, or several independent labels.

    Attributes
    ----------
    classes
        Class names as they stand in the label column. Binary: (negative, positive). Multi-label: one per label
        column, which holds 0 or 1.
    weights
        ``balanced`` weights the loss by inverse class frequency; numbers, one per class, are used as given.
    categories
        Named steps of the probability, highest first met wins; below all of them stands ``below``.
    header
        FITS keywords that ``predict --write-header`` writes, and the column of the answer that each takes.
    """

    target: ClassVar[str] = "merkhet.tasks.classify:ClassifyTask"
    kind: Literal["classify"] = "classify"
    mode: Literal["binary", "multiclass", "multilabel"] = "multiclass"
    classes: tuple[str, ...] = Field(min_length=1)
    weights: Literal["none", "balanced"] | tuple[PositiveFloat, ...] = "none"
    label_smoothing: NonNegativeFloat = Field(0.0, lt=1)
    dropout: NonNegativeFloat = Field(0.0, lt=1)
    threshold: float = Field(0.5, gt=0, lt=1)
    categories: dict[str, float] = {"confident": 0.9, "likely": 0.7}
    below: str = "uncertain"
    header: dict[str, str] = {"MKLABEL": "label", "MKPROB": "probability", "MKMODEL": "model"}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"classes repeat: {', '.join(self.classes)}")
        if self.mode == "binary" and len(self.classes) != 2:
            raise ValueError(f"binary needs two classes (negative, positive), got {len(self.classes)}")
        if self.mode == "multiclass" and len(self.classes) < 2:
            raise ValueError("multiclass needs two classes or more")
        if isinstance(self.weights, tuple) and len(self.weights) != len(self.classes):
            raise ValueError(f"weights has {len(self.weights)} numbers for {len(self.classes)} classes")
        return self


TaskConfig = Annotated[Classify, Field(discriminator="kind")]
