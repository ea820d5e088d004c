"""The scores of each fold beside those of all test rows together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from merkhet.report.run import RunTables

FOLD_SCORES = ("accuracy", "log_loss", "roc_auc", "ece")


@dataclass(frozen=True)
class FoldRow:
    """A line of the table: ``{score: {value, low, high}}`` of ``n`` rows."""

    title: str
    n: int
    scores: Mapping[str, Any]


def fold_rows(run: RunTables) -> list[FoldRow]:
    """Return the pooled line, then one per fold; empty for a run without folds."""
    if not run.folds:
        return []
    pooled = run.metrics["test"]
    folds = [FoldRow(f"fold {fold.number}", fold.n, fold.scores) for fold in run.folds]
    return [FoldRow("all folds, pooled", pooled["n"], pooled["scores"]), *folds]


def fold_spread(run: RunTables) -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation of each of the :data:`FOLD_SCORES` over the folds that have it."""
    spread = {}
    for name in FOLD_SCORES:
        values = [fold.scores[name]["value"] for fold in run.folds if fold.scores[name]["value"] is not None]
        if len(values) > 1:
            spread[name] = float(np.mean(values)), float(np.std(values, ddof=1))
    return spread
