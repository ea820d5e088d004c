"""What a report of events needs of ``metrics.json``: checked at once, as :mod:`merkhet.report.metrics` does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from merkhet.report.metrics import Bootstrap, Part, Score, refuse


class _Bin(Part):
    low_tev: float
    high_tev: float
    gammas: int
    energy_bias: Score
    energy_resolution: Score
    angular_resolution_deg: Score


class _Scores(Part):
    roc_auc: Score
    accuracy: Score
    q_factor: Score
    energy_bias: Score
    energy_resolution: Score
    angular_resolution_deg: Score


class _Method(Part):
    n: int
    n_groups: int
    answered: float
    scores: _Scores
    by_energy: list[_Bin]


Difference = dict[Literal["a", "b", "difference", "low", "high", "p_value"], float | None]


class _Area(Part):
    low_tev: float
    high_tev: float
    selected: int
    area_m2: Score


class _Side(_Method):
    classes: dict[str, int]
    baselines: dict[str, _Method]
    against: dict[str, dict[str, Difference]]
    bootstrap: Bootstrap
    effective_area: dict[str, list[_Area]] = {}


class _Fold(Part):
    fold: int
    n: int
    n_groups: int
    scores: _Scores


class _File(Part):
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
