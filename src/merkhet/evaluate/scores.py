"""Scores of a prediction table, with intervals, beside the majority baseline."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.errors import InputError
from merkhet.evaluate.answers import Answers, BoolArray, FloatArray, Mode, read_answers
from merkhet.evaluate.baselines import majority
from merkhet.evaluate.calibration import decisions, reliability
from merkhet.evaluate.resampled import OVERALL, check_resampling, interval_row, overall_rows, resample
from merkhet.evaluate.scorer import CLASS_SCORES

CURVE_POINTS = 200
"""Most points of a stored ROC or precision-recall curve."""


def evaluate_table(
    table: Table,
    *,
    mode: Mode,
    classes: Sequence[str],
    threshold: float,
    seed: int = 0,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
    train_counts: Mapping[str, int] | None = None,
    train_rows: int | None = None,
) -> dict[str, Any]:
    """Return every score of a prediction table as plain numbers, ready for JSON.

    Parameters
    ----------
    table
        See :func:`merkhet.evaluate.answers.read_answers` for its columns.
    mode, classes, threshold
        As the task has them.
    seed, n_bootstrap, confidence
        Seed and number of the resamplings of whole groups, and the share of them that an interval holds. With 0
        resamplings, or fewer than two groups, there are no intervals.
    train_counts
        Training rows of each class, or that carry each label. There is no majority baseline without them, or where
        there are no training rows at all.
    train_rows
        Number of training rows. It must come with ``train_counts`` where a row has several labels, and is their
        sum where it has one class.

    Returns
    -------
    dict
        ``n, n_groups, mode, classes, threshold``;
        ``scores``: ``{accuracy, balanced_accuracy, macro_f1, log_loss, brier, roc_auc, ece, rmsce}``, each ``{value,
        low, high}`` (multilabel: accuracy is that of all labels of a row at once, the others are averages over labels);
        ``ece`` and ``rmsce`` are the debiased expected (mean absolute) and root mean square calibration error of the
        decisions (see :func:`merkhet.evaluate.calibration.expected_calibration_error` and
        :func:`merkhet.evaluate.calibration.decisions`), null where there is but one group;
        ``calibration``: their reliability diagram, ``{bins: [{confidence, accuracy, low, high, count, groups}]}``;
        ``per_class``: ``{class: {precision, recall, f1, roc_auc, average_precision, support}}``, support a plain number
        of rows;
        ``confusion``: ``[[rows]]`` by truth, then by prediction (multilabel: one ``[[no no, no yes], [yes no, yes
        yes]]`` per label); ``roc``: ``{class: {fpr, tpr}}`` and ``pr``: ``{class: {recall, precision}}``, only the
        positive one where binary, none for a class that all rows or no row has; ``baselines``: ``{majority: {class,
        train_counts, <scores>}}``, the baseline null without ``train_counts``; ``bootstrap``: ``{n, seed,
        confidence, unit}``. What is undefined is null.

    Raises
    ------
    InputError
        The table cannot be scored, or the training counts do not fit it.
    """
    check_resampling(n_bootstrap, confidence)
    answers = read_answers(table, mode=mode, classes=classes, threshold=threshold)
    compared, counts, rows = [answers], train_counts or {}, _rows(mode, train_counts, train_rows)
    if rows:
        compared.append(majority(answers, train_counts=counts, train_rows=rows))
    scored = resample(compared, draws=n_bootstrap, seed=seed).intervals(confidence=confidence)
    baseline = None
    if rows:
        said = [name for name, yes in zip(answers.classes, compared[1].predicted[0], strict=True) if yes]
        baseline = {
            "class": ", ".join(said) or "no label",
            "train_counts": {name: int(counts.get(name, 0)) for name in answers.classes},
            **overall_rows(scored[1]),
        }
    return {
        "n": len(answers),
        "n_groups": answers.groups,
        "mode": mode,
        "classes": list(answers.classes),
        "threshold": float(threshold),
        "scores": overall_rows(scored[0]),
        "calibration": _reliability(answers, level=confidence),
        "per_class": _per_class(answers, scored[0]),
        "confusion": confusion(answers).tolist(),
        "roc": _curves(answers, roc_points),
        "pr": _curves(answers, pr_points),
        "baselines": {"majority": baseline},
        "bootstrap": {"n": n_bootstrap, "seed": seed, "confidence": confidence, "unit": "group"},
    }


def confusion(answers: Answers) -> npt.NDArray[np.int64]:
    """Count rows by truth and prediction: ``(classes, classes)``, or ``(labels, 2, 2)`` for the multilabel mode."""
    truth, predicted = answers.truth.astype(np.int64), answers.predicted.astype(np.int64)
    if answers.mode != "multilabel":
        return np.asarray(truth.T @ predicted)
    hits, said, true = (truth * predicted).sum(axis=0), predicted.sum(axis=0), truth.sum(axis=0)
    cells = np.array([[len(answers) - said - true + hits, said - hits], [true - hits, hits]])
    return cells.transpose(2, 0, 1)


def _rows(mode: Mode, counts: Mapping[str, int] | None, rows: int | None) -> int:
    """Return the number of training rows, 0 where nothing is known of them."""
    if counts is None:
        return 0
    if mode == "multilabel" and rows is None:
        raise InputError("training counts", "no number of rows", expected="train_rows beside train_counts")
    total = sum(counts.values())
    if mode != "multilabel" and rows not in (None, total):
        raise InputError("training counts", f"they sum to {total}", expected=f"train_rows, {rows}")
    return total if rows is None else rows


def _reliability(answers: Answers, *, level: float) -> dict[str, Any]:
    probability, right, group = decisions(answers)
    return reliability(probability, right, groups=group, level=level)


def _per_class(answers: Answers, scored: FloatArray) -> dict[str, Any]:
    blocks = scored[len(OVERALL) :].reshape(len(CLASS_SCORES), len(answers.classes), 3)
    return {
        name: {
            **{score: interval_row(blocks[s, k]) for s, score in enumerate(CLASS_SCORES)},
            "support": int(answers.truth[:, k].sum()),
        }
        for k, name in enumerate(answers.classes)
    }


def _curves(answers: Answers, points: Callable[[BoolArray, FloatArray], dict[str, list[float]]]) -> dict[str, Any]:
    wanted = [1] if answers.mode == "binary" else range(len(answers.classes))
    return {
        answers.classes[k]: points(answers.truth[:, k], answers.probability[:, k])
        for k in wanted
        if 0 < answers.truth[:, k].sum() < len(answers)
    }


def roc_points(truth: BoolArray, probability: FloatArray) -> dict[str, list[float]]:
    """Return at most :data:`CURVE_POINTS` points of the ROC curve, evenly spaced along it, both ends among them."""
    from sklearn.metrics import roc_curve  # slow to import, and needed for nothing else

    fpr, tpr, _ = roc_curve(truth, probability)
    return _thinned(fpr=fpr, tpr=tpr)


def pr_points(truth: BoolArray, probability: FloatArray) -> dict[str, list[float]]:
    """Return at most :data:`CURVE_POINTS` points of the precision-recall curve, evenly spaced, by rising recall.

    The curve is one of steps: each precision holds from the recall of the point before, 0 for the first, to its own,
    and the steps sum up to the average precision. Thresholds that add no row of the class are left out.
    """
    from sklearn.metrics import precision_recall_curve  # slow to import, and needed for nothing else

    precision, recall, _ = precision_recall_curve(truth, probability)
    precision, recall = precision[-2::-1], recall[-2::-1]  # the last one stands for no threshold at all
    rises = np.diff(recall, prepend=0) > 0
    return _thinned(recall=recall[rises], precision=precision[rises])


def _thinned(**curve: FloatArray) -> dict[str, list[float]]:
    """Keep points of a curve at even distances along it, as one walks along the axes."""
    length = np.sum([np.abs(np.diff(values, prepend=values[0])) for values in curve.values()], axis=0).cumsum()
    kept = np.unique(length.searchsorted(np.linspace(0, length[-1], CURVE_POINTS)))
    return {name: values[kept].round(5).tolist() for name, values in curve.items()}
