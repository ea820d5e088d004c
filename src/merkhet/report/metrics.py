"""What a report needs of ``metrics.json``: checked at once, so that an edited file gives a line and not a traceback."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from merkhet.errors import InputError

ACTION = "Evaluate the run again; the file is not meant to be edited"


class Part(BaseModel):
    """A part of the file; what no report shows may be anything."""

    model_config = ConfigDict(extra="ignore", strict=True)


class Score(Part):
    """A score and its interval; all are None where it cannot be computed."""

    value: float | None
    low: float | None
    high: float | None


class Bootstrap(Part):
    """How intervals were drawn."""

    n: int
    seed: int
    confidence: float


Curve = Annotated[dict[Literal["fpr", "tpr", "recall", "precision"], list[float]], Field(min_length=2, max_length=2)]


class _Class(Part):
    precision: Score
    recall: Score
    f1: Score
    roc_auc: Score
    average_precision: Score | None = None
    support: int


class _Majority(Part):
    named: str = Field(alias="class")
    train_counts: dict[str, int]
    accuracy: Score
    balanced_accuracy: Score
    macro_f1: Score
    log_loss: Score
    brier: Score
    roc_auc: Score


class _Scores(Part):
    accuracy: Score
    balanced_accuracy: Score
    macro_f1: Score
    log_loss: Score
    brier: Score
    roc_auc: Score
    ece: Score | None = None
    rmsce: Score | None = None


class _Diagram(Part):
    bins: list[dict[Literal["confidence", "accuracy", "low", "high", "count", "groups"], float]] = []


class _Bin(Part):
    low: float | None
    high: float | None
    n: int
    median: float | None
    recall: Score
    recall_from: Score
    roc_auc: Score


class _Precision(Score):
    prevalence: float


class _Point(Part):
    threshold: float | None
    recall: Score
    false_alarm_rate: Score
    precision: list[_Precision]


class _Label(Part):
    positives: int
    negatives: int
    rate: float
    threshold: float | None
    false_alarms: int
    recall: Score
    roc_auc: Score
    bins: list[_Bin]
    calibration: _Diagram
    points: dict[str, _Point]


class _Difference(Part):
    baseline: str
    a: float
    b: float
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None


class _Baselines(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, _Scores]
    majority: _Majority | None


class _Localization(Part):
    n: int
    auc: Score
    correlation: Score
    share: Score
    area: Score


class _Side(Part):
    n: int
    n_groups: int
    mode: Literal["binary", "multiclass", "multilabel"]
    classes: list[str]
    threshold: float
    scores: _Scores
    per_class: dict[str, _Class]
    confusion: list[list[int]] | list[list[list[int]]]
    roc: dict[str, Curve]
    pr: dict[str, Curve] = {}
    calibration: _Diagram = _Diagram()
    baselines: _Baselines
    labels: dict[str, _Label] = {}
    against: dict[str, dict[Literal["roc_auc", "log_loss"], _Difference]] = {}
    localization: dict[str, _Localization] = {}
    bootstrap: Bootstrap
    duplicates: int = 0
    trained_on: int = 0


class _Fold(Part):
    fold: int
    n: int
    n_groups: int
    scores: _Scores


class _File(Part):
    val: _Side | None = None
    test: _Side | None = None
    folds: list[_Fold] = []


def check_metrics(metrics: Mapping[str, Any], *, classes: Sequence[str], source: Path) -> None:
    """Refuse scores that no report can be made of.

    Parameters
    ----------
    metrics
        What the file holds.
    classes
        Of the run's task.
    source
        The file.

    Raises
    ------
    InputError
        A key is missing, holds something else than scores do, or the classes are not those of the run.
    """
    try:
        checked = _File.model_validate(metrics)
    except ValidationError as error:
        raise refuse(error, source=source) from error
    for side, scored in (("val", checked.val), ("test", checked.test)):
        if scored is None:
            continue
        for key, names in (("classes", scored.classes), ("per_class", list(scored.per_class))):
            if names != list(classes):
                seen = f"{side}.{key} are {', '.join(names) or 'none'}"
                raise InputError(source, seen, expected=", ".join(classes), action=ACTION)
        shape = {(len(scored.confusion), len(row)) for row in scored.confusion}
        if shape != {(len(classes), 2 if scored.mode == "multilabel" else len(classes))}:
            raise InputError(source, f"{side}.confusion is not square in {len(classes)} classes", action=ACTION)


def refuse(error: ValidationError, *, source: Path) -> InputError:
    """Return the first fault of a file of scores as one line."""
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"])
    seen = "is missing" if fault["type"] == "missing" else f"holds {str(fault['input'])[:40]!r}"
    expected = "" if fault["type"] == "missing" else fault["msg"].removeprefix("Input should be ")
    return InputError(source, f"{place} {seen}", expected=expected, action=ACTION)
