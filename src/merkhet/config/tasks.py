"""Schemas of the tasks: what is learned, and how an output becomes an answer."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator, model_validator

from merkhet.config.base import Component, Config
from merkhet.errors import ConfigError

COMMON_COLUMNS = ("id", "image", "ra", "dec", "x", "y", "flags", "model")
"""Columns that every catalog has."""

VERSION = "version"
"""What a header may hold beside columns of the catalog: the version of the package."""


class Task(Component):
    """Base of every task's schema.

    Attributes
    ----------
    needs
        What the task asks of a network's output.
    header
        FITS keywords that ``predict --write-header`` writes, and the column of the answer that each takes; ``version``
        stands for the version of the package.
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
        known = {*COMMON_COLUMNS, *self.columns, VERSION}
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
    categories_of
        Whose probability that is: that of the ``label``, or, in a binary task, that of the ``positive`` class whatever
        the label.
    derived
        Further probabilities, by name and the classes that they follow from. Multi-label: that exactly these labels
        hold and no other, as if labels were independent (``{good: [], both: [rfi, sis]}``, columns ``p_only_<name>``);
        an answer with just these labels is called by that name. Otherwise: that it is one of these classes
        (``{rfi: [rfi, rfisis]}``, columns ``p_any_<name>``).
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
    categories_of: Literal["label", "positive"] = "label"
    derived: dict[str, tuple[str, ...]] = {}
    header: dict[str, str] = {"MKLABEL": "label", "MKPROB": "probability", "MKMODEL": "model"}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of an answer."""
        return ("label", "probability", "category", *(f"p_{name}" for name in self.classes), *self.derived_columns)

    @property
    def derived_columns(self) -> dict[str, tuple[str, ...]]:
        """The columns of derived probabilities, and the classes that each follows from."""
        prefix = "p_only_" if self.mode == "multilabel" else "p_any_"
        return {prefix + name: members for name, members in self.derived.items()}

    def name(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.str_]:
        """Name the classes chosen in each row of ``(n, classes)``.

        Several are joined by ``+``, unless their combination has a name in ``derived``; none of them is ``none``.
        """
        classes = np.array(self.classes)
        own = {frozenset(of): name for name, of in self.derived.items()} if self.mode == "multilabel" else {}
        names = [own.get(frozenset(classes[row])) or "+".join(classes[row]) or "none" for row in chosen]
        return np.array(names, dtype=str)

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
        if self.categories_of == "positive" and self.mode != "binary":
            raise ValueError(f"categories_of is positive; mode {self.mode} has no positive class, binary has")
        self._check_derived()
        return self

    def _check_derived(self) -> None:
        for name, members in self.derived.items():
            unknown = [member for member in members if member not in self.classes]
            if unknown:
                raise ValueError(f"derived: {name} names {unknown[0]!r}; the classes are {', '.join(self.classes)}")
            if len(set(members)) != len(members):
                raise ValueError(f"derived: {name} names a class twice: {', '.join(members)}")
        clash = self.derived_columns.keys() & {f"p_{name}" for name in self.classes}
        if clash:
            raise ValueError(f"derived: column {clash.pop()} is that of a class already")
        sets = [frozenset(members) for members in self.derived.values()]
        if len(set(sets)) != len(sets):
            raise ValueError("derived: two names have the same classes")


class Combination(Config):
    """Logistic combination of what the network says of an object at its own scale and at the two beside it.

    The probability is ``1 / (1 + exp(-(bias + own l0 + finer l1 + coarser l2)))`` of the logits; a scale that does not
    exist, and logits below ``least``, count as ``least``. ``bias`` and ``own`` have one number per level, or one for
    all: a network is not equally sure of itself at all sizes. Fitted on scanned images by ``merkhet calibrate``.
    """

    bias: tuple[float, ...] = Field((0.0,), min_length=1)
    own: tuple[float, ...] = Field((1.0,), min_length=1)
    finer: float = 0.0
    coarser: float = 0.0
    least: float = -8.0


class FalseAlarms(Config):
    """How many detections per square degree are none, from a probability up: measured where the truth was known.

    Attributes
    ----------
    probability, per_square_degree
        The curve: rising, and falling.
    square_degrees
        Sky that was searched.
    """

    probability: tuple[float, ...] = Field(min_length=1)
    per_square_degree: tuple[NonNegativeFloat, ...] = Field(min_length=1)
    square_degrees: PositiveFloat

    @model_validator(mode="after")
    def _one_curve(self) -> Self:
        if len(self.probability) != len(self.per_square_degree):
            raise ValueError(
                f"probability has {len(self.probability)} numbers, per_square_degree {len(self.per_square_degree)}"
            )
        return self

    def at(self, probability: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return false alarms per square degree at probabilities of any shape, linear between those measured."""
        return np.asarray(np.interp(np.asarray(probability, dtype=float), self.probability, self.per_square_degree))


class Detect(Task):
    """Find objects of several kinds and sizes in images of any size.

    The network looks at the image at `levels` resolutions, each half of the one before; of an object it says at the
    level where it has `radius_px`: presence, place, radius and kind.

    Attributes
    ----------
    classes
        Kinds of objects.
    levels
        Number of resolutions; the first is that of the image.
    radius_px
        Radius in pixels of an object at its level; at the first and the last also those below and above.
    threshold
        Detections from this probability up are kept.
    categories
        Named steps of the probability, highest first met wins; below all of them stands ``below``.
    combination, false_alarms
        What makes probabilities of logits, and how often they mislead; see :class:`Combination`, :class:`FalseAlarms`.
    """

    target: ClassVar[str] = "merkhet.tasks.detect:DetectTask"
    needs: ClassVar[Literal["vector", "map"]] = "map"
    kind: Literal["detect"] = "detect"
    classes: tuple[str, ...] = Field(min_length=1)
    levels: PositiveInt = 7
    radius_px: tuple[PositiveFloat, PositiveFloat] = (8.0, 16.0)
    threshold: float = Field(0.25, gt=0, lt=1)
    categories: dict[str, Annotated[float, Field(gt=0, le=1)]] = {"DEFINITE": 0.85, "PROBABLE": 0.65, "POSSIBLE": 0.45}
    below: str = "UNLIKELY"
    combination: Combination = Combination()
    false_alarms: FalseAlarms | None = None
    header: dict[str, str] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of an answer."""
        return ("size_arcsec", "label", "probability", "category", "snr")

    @property
    def answers(self) -> str:
        """The kinds, in order."""
        return f"detect: {', '.join(self.classes)}"

    def probability(
        self, own: npt.ArrayLike, finer: npt.ArrayLike, coarser: npt.ArrayLike, *, level: npt.ArrayLike
    ) -> npt.NDArray[np.float64]:
        """Return calibrated probabilities of logits at the object's own level, the finer and the coarser one."""
        c = self.combination
        l0, l1, l2 = (
            np.maximum(np.nan_to_num(np.asarray(logit, dtype=float), nan=c.least), c.least)
            for logit in (own, finer, coarser)
        )
        bias, weight = (
            np.asarray(values)[np.clip(np.asarray(level, dtype=int), 0, len(values) - 1)] for values in (c.bias, c.own)
        )
        return np.asarray(1 / (1 + np.exp(-(bias + weight * l0 + c.finer * l1 + c.coarser * l2))))

    def category(self, probability: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """Name the step that each probability has reached."""
        return categorize(probability, self.categories, below=self.below)


def categorize(probability: npt.ArrayLike, categories: dict[str, float], *, below: str) -> npt.NDArray[np.str_]:
    """Name the highest step that each probability has reached; ``below`` stands for none."""
    steps = sorted(categories.items(), key=lambda item: item[1])
    names = np.array([below, *(name for name, _ in steps)])
    return names[np.searchsorted([step for _, step in steps], np.asarray(probability), side="right")]


def need_classifier(task: "TaskConfig", *, to: str) -> Classify:
    """Return the task, if it classifies.

    Raises
    ------
    ConfigError
        It does not; ``to`` says what was wanted of it.
    """
    if not isinstance(task, Classify):
        instead = (
            "merkhet scan runs it over images" if isinstance(task, Detect) else "it answers for events of an array"
        )
        raise ConfigError(f"a model that is trained to {task.kind} cannot {to}; {instead}")
    return task


TaskConfig = Annotated[Classify | Detect, Field(discriminator="kind")]
