"""What a report of events needs of ``metrics.json``: checked at once, as :mod:`merkhet.report.metrics` does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from merkhet.report.metrics import refuse


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class _Score(_Part):
    value: float | None
    low: float | None
    high: float | None


class _Bin(_Part):
    low_tev: float
    high_tev: float
    gammas: int
    energy_bias: _Score
    energy_resolution: _Score
    angular_resolution_deg: _Score


class _Scores(_Part):
    roc_auc: _Score
    accuracy: _Score
    q_factor: _Score
    energy_bias: _Score
    energy_resolution: _Score
    angular_resolution_deg: _Score


class _Method(_Part):
    n: int
    n_groups: int
    answered: float
    scores: _Scores
    by_energy: list[_Bin]


class _Bootstrap(_Part):
    n: int
    seed: int
    confidence: float


Difference = dict[Literal["a", "b", "difference", "low", "high", "p_value"], float | None]


class _Side(_Method):
    classes: dict[str, int]
    baselines: dict[str, _Method]
    against: dict[str, dict[str, Difference]]
    bootstrap: _Bootstrap


class _Fold(_Part):
    fold: int
    n: int
    n_groups: int
    scores: _Scores


class _File(_Part):
    val: _Side | None = None
    test: _Side | None = None
    folds: list[_Fold] = []


def check_event_metrics(metrics: Mapping[str, Any], *, source: Path) -> None:
    """Refuse scores that no report can be made of.

    Raises
    ------
    InputError
        A key is missing, or holds something else than scores do.
    """
    try:
        _File.model_validate(metrics)
    except ValidationError as error:
        raise refuse(error, source=source) from error
