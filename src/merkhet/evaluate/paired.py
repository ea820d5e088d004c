"""Two models on the same rows: whether one is better, or was lucky."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.errors import InputError
from merkhet.evaluate.answers import WHERE, Answers, FloatArray, Mode, read_answers
from merkhet.evaluate.bootstrap import percentile_interval
from merkhet.evaluate.resampled import OVERALL, check_resampling, resample


def paired_bootstrap(
    table_a: Table,
    table_b: Table,
    *,
    mode: Mode,
    classes: Sequence[str],
    threshold: float,
    seed: int = 0,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Compare two tables of predictions of the same rows, score by score.

    Both are scored on the same resamplings of whole groups, so that what is hard or easy about a group cancels in the
    difference (Efron & Tibshirani 1993, chapter 16).

    Parameters
    ----------
    table_a, table_b
        See :func:`merkhet.evaluate.answers.read_answers`; and ``id``, unique. The order of the rows does not matter.
    mode, classes, threshold, seed, n_bootstrap, confidence
        See :func:`merkhet.evaluate.scores.evaluate_table`.

    Returns
    -------
    dict
        ``n, n_groups, mode, classes, threshold``;
        ``scores``: for each of accuracy, balanced_accuracy, macro_f1, log_loss, brier, roc_auc, ece and rmsce, ``{a,
        b, difference, low, high, p_value}``: the scores of both, a - b with its interval, and the two-sided chance of
        such a difference between models of equal score: twice the share of the resamplings on the other side of 0,
        counted from one (Davison & Hinkley 1997, section 4.2), hence never below ``2 / (n_bootstrap + 1)``. In
        simulations of equally good models, 4 to 8 % of the p-values fell below 0.05, and fewer than 1 % for ``ece``
        and ``rmsce``, which are hard to tell apart: prefer the log loss;
        ``bootstrap``: ``{n, seed, confidence, unit}``. What is undefined is null.

    Raises
    ------
    InputError
        A table cannot be scored, or the tables differ in ids, truth or groups.
    """
    check_resampling(n_bootstrap, confidence)
    a, b = (read_answers(table, mode=mode, classes=classes, threshold=threshold) for table in (table_a, table_b))
    ids = _ids(table_a)
    place = _same_ids(ids, _ids(table_b))
    b = replace(b, **{name: getattr(b, name)[place] for name in ("truth", "predicted", "probability", "group")})
    _same_rows(a, b, ids)
    scored = resample([a, b], draws=n_bootstrap, seed=seed)
    value = scored.value[:, : len(OVERALL)]
    difference = scored.samples[0, : len(OVERALL)] - scored.samples[1, : len(OVERALL)]
    low, high = percentile_interval(difference, confidence=confidence)
    columns = (*value, value[0] - value[1], low, high, two_sided(difference))
    names = ("a", "b", "difference", "low", "high", "p_value")
    return {
        "n": len(a),
        "n_groups": a.groups,
        "mode": mode,
        "classes": list(a.classes),
        "threshold": float(threshold),
        "scores": {
            score: {name: _number(row) for name, row in zip(names, rows, strict=True)}
            for score, rows in zip(OVERALL, np.stack(columns, axis=1), strict=True)
        },
        "bootstrap": {"n": n_bootstrap, "seed": seed, "confidence": confidence, "unit": "group"},
    }


def two_sided(difference: FloatArray) -> FloatArray:
    """Return the p-value ``(scores,)`` of each row of resampled differences; NaN where none is defined.

    A difference of 0 counts for both sides.
    """
    draws = np.isfinite(difference).sum(axis=1)
    least = np.minimum((difference <= 0).sum(axis=1), (difference >= 0).sum(axis=1))
    return np.where(draws > 0, np.minimum(1, 2 * (least + 1) / (draws + 1)), np.nan)


def _ids(table: Table) -> npt.NDArray[np.str_]:
    if "id" not in table.colnames:
        raise InputError(WHERE, f"no column 'id'; it has {', '.join(table.colnames)}", expected="the name of each row")
    ids = np.asarray(table["id"]).astype(str)
    names, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise InputError(WHERE, f"id {str(names[counts.argmax()])!r} stands in {counts.max()} rows", expected="one row")
    return ids


def _same_ids(a: npt.NDArray[np.str_], b: npt.NDArray[np.str_]) -> npt.NDArray[np.intp]:
    """Return the place in ``b`` of each id of ``a``."""
    only_a, only_b = np.setdiff1d(a, b), np.setdiff1d(b, a)
    if len(only_a) or len(only_b):
        one = (
            f"{str(only_a[0])!r} stands in the first only" if len(only_a) else f"{str(only_b[0])!r} in the second only"
        )
        raise InputError(
            "pair of prediction tables",
            f"{len(only_a)} ids of the first and {len(only_b)} of the second are not in the other: {one}",
            expected="the same rows",
            action="Predict the same rows with both models",
        )
    order = b.argsort()
    return np.asarray(order[b[order].searchsorted(a)])


def _same_rows(a: Answers, b: Answers, ids: npt.NDArray[np.str_]) -> None:
    """Refuse rows whose truth or grouping differs."""
    differ = (a.truth != b.truth).any(axis=1)
    if differ.any():
        seen = f"the truth of {differ.sum()} rows differs, that of {str(ids[differ.argmax()])!r} for one"
        raise InputError("pair of prediction tables", seen, expected="the same truth")
    pairs = np.unique(np.stack([a.group, b.group]), axis=1).shape[1]
    if not pairs == a.groups == b.groups:
        seen = "rows that share a group in one of them do not in the other"
        raise InputError("pair of prediction tables", seen, expected="the same groups")


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
