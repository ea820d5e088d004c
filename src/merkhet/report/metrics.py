"""What a report needs of ``metrics.json``: checked at once, so that an edited file gives a line and not a traceback."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from merkhet.errors import InputError

ACTION = "Evaluate the run again; the file is not meant to be edited"


class _Part(BaseModel):
    """A part of the file; what no report shows may be anything."""

    model_config = ConfigDict(extra="ignore", strict=True)


class _Score(_Part):
    value: float | None
    low: float | None
    high: float | None


Curve = Annotated[dict[Literal["fpr", "tpr", "recall", "precision"], list[float]], Field(min_length=2, max_length=2)]


class _Class(_Part):
    precision: _Score
    recall: _Score
    f1: _Score
    roc_auc: _Score
    average_precision: _Score | None = None
    support: int


class _Majority(_Part):
    named: str = Field(alias="class")
    train_counts: dict[str, int]
    accuracy: _Score
    balanced_accuracy: _Score
    macro_f1: _Score
    log_loss: _Score
    brier: _Score
    roc_auc: _Score


class _Scores(_Part):
    accuracy: _Score
    balanced_accuracy: _Score
    macro_f1: _Score
    log_loss: _Score
    brier: _Score
    roc_auc: _Score
    ece: _Score | None = None
    rmsce: _Score | None = None


class _Diagram(_Part):
    bins: list[dict[Literal["confidence", "accuracy", "low", "high", "count", "groups"], float]] = []


class _Bin(_Part):
    low: float | None
    high: float | None
    n: int
    median: float | None
    recall: _Score
    recall_from: _Score
    roc_auc: _Score


class _Precision(_Score):
    prevalence: float


class _Point(_Part):
    threshold: float | None
    recall: _Score
    false_alarm_rate: _Score
    precision: list[_Precision]


class _Label(_Part):
    positives: int
    negatives: int
    rate: float
    threshold: float | None
    false_alarms: int
    recall: _Score
    roc_auc: _Score
    bins: list[_Bin]
    calibration: _Diagram
    points: dict[str, _Point]


class _Difference(_Part):
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


class _Localization(_Part):
    n: int
    auc: _Score
    correlation: _Score
    share: _Score
    area: _Score


class _Bootstrap(_Part):
    n: int
    seed: int
    confidence: float


class _Side(_Part):
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
    bootstrap: _Bootstrap
    duplicates: int = 0
    trained_on: int = 0


class _Fold(_Part):
    fold: int
    n: int
    n_groups: int
    scores: _Scores


class _File(_Part):
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
