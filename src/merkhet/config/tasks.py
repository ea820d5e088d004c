"""Schemas of the tasks: what is learned, and how an output becomes an answer."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, field_validator, model_validator

from merkhet.config.base import Component

COMMON_COLUMNS = ("id", "image", "ra", "dec", "x", "y", "flags", "model")
"""Columns that every catalog has."""


class Task(Component):
    """Base of every task's schema.

    Attributes
    ----------
    needs
        What the task asks of a network's output.
    header
        FITS keywords that ``predict --write-header`` writes, and the column of the answer that each takes.
    """

    needs: ClassVar[Literal["vector", "map"]] = "vector"
    header: dict[str, str] = {"MKMODEL": "model"}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of an answer."""
        return ()

    @property
    def answers(self) -> str:
        """What is answered, in a line; a head can be taken over where this is the same."""
        return self.target

    @model_validator(mode="after")
    def _header_columns(self) -> Self:
        known = {*COMMON_COLUMNS, *self.columns}
        for keyword, column in self.header.items():
            if not re.fullmatch(r"[A-Z0-9_-]{1,8}", keyword):
                raise ValueError(f"header: {keyword!r} is no FITS keyword (up to 8 of A-Z, 0-9, _ and -)")
            if column not in known:
                raise ValueError(f"header: {keyword} takes column {column!r}; there are {', '.join(sorted(known))}")
        return self


class Classify(Task):
    """Name the class of an image: binary, one of several, or several independent labels.

    Attributes
    ----------
    classes
        Class names as they stand in the label column; numbers stand for their text. Binary: (negative, positive).
        Multi-label: one per label column, which holds 0 or 1.
    weights
        ``balanced`` weights the loss by inverse class frequency; numbers, one per class, are used as given.
    temperature
        What logits are divided by before they become probabilities; fitted on validation rows after training
        (Guo et al. 2017) and stored in the bundle.
    categories
        Named steps of the probability, highest first met wins; below all of them stands ``below``.
    """

    target: ClassVar[str] = "merkhet.tasks.classify:ClassifyTask"
    kind: Literal["classify"] = "classify"
    mode: Literal["binary", "multiclass", "multilabel"] = "multiclass"
    classes: tuple[str, ...] = Field(min_length=1)
    weights: Literal["none", "balanced"] | tuple[PositiveFloat, ...] = "none"
    label_smoothing: NonNegativeFloat = Field(0.0, lt=1)
    dropout: NonNegativeFloat = Field(0.0, lt=1)
    threshold: float = Field(0.5, gt=0, lt=1)
    temperature: PositiveFloat = 1.0
    categories: dict[str, Annotated[float, Field(gt=0, le=1)]] = {"confident": 0.9, "likely": 0.7}
    below: str = "uncertain"
    header: dict[str, str] = {"MKLABEL": "label", "MKPROB": "probability", "MKMODEL": "model"}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of an answer."""
        return ("label", "probability", "category", *(f"p_{name}" for name in self.classes))

    @property
    def answers(self) -> str:
        """Mode and classes, in order."""
        return f"{self.mode}: {', '.join(self.classes)}"

    @field_validator("classes", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        names = value if isinstance(value, list | tuple) else ()
        return [str(name) if isinstance(name, int | float) else name for name in names] or value

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
