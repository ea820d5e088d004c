"""Every score of a classifier, for many weightings of the groups at once: the engine of the bootstrap."""

from dataclasses import dataclass

import numpy as np

from merkhet.evaluate.answers import Answers, BoolArray, FloatArray, IntArray

SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "brier", "roc_auc")
CLASS_SCORES = ("precision", "recall", "f1", "roc_auc", "average_precision")

SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)
"""Probabilities are float32 numbers, so 1 - p below this is 0 by rounding; the logarithmic loss must not see it."""


class Scorer:
    """The scores of some answers as a function of the weights of their groups.

    All but the areas under the ROC and the precision-recall curve are ratios of sums over rows, so sums per group are
    kept and each weighting costs a matrix product. A score without a denominator (the recall of a class that no row
    has) is NaN; averages over classes are over those that have one, as in scikit-learn's ``balanced_accuracy_score``
    and ``f1_score(..., zero_division=nan)``.

    Parameters
    ----------
    answers
        Truth, decisions and probabilities.
    """

    def __init__(self, answers: Answers) -> None:
        self._mode, self._classes = answers.mode, len(answers.classes)
        log_loss, brier = _row_losses(answers)
        rows = [np.ones(len(answers)), answers.right, log_loss, brier]
        hits = answers.truth & answers.predicted
        rows += [column for block in (answers.truth, answers.predicted, hits) for column in block.T]
        # (sums, groups)
        self._sums = np.stack([np.bincount(answers.group, values, minlength=answers.groups) for values in rows])
        self._rankings = [
            Ranking.of(truth, probability, answers.group)
            for truth, probability in zip(answers.truth.T, answers.probability.T, strict=True)
        ]

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Return ``(scores, draws)`` for ``(groups, draws)`` weights, 0 or more each.

        The scores are :data:`SCORES`, then for each of :data:`CLASS_SCORES` one row per class.
        """
        with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0 is a score that is not defined
            total, right, log_loss, brier, *counts = self._sums @ weights
            truth, said, hits = np.reshape(counts, (3, self._classes, -1))
            auc, average_precision = np.stack([ranking.areas(weights) for ranking in self._rankings], axis=1)
            precision, recall, f1 = hits / said, hits / truth, 2 * hits / (truth + said)
            balanced = recall
            if self._mode == "multilabel":  # each label is a yes-or-no question of its own
                balanced = (recall + (total - truth - said + hits) / (total - truth)) / 2
            overall = [right / total, _macro(balanced), _macro(f1), log_loss / total, brier / total]
        overall.append(auc[1] if self._mode == "binary" else _macro(auc))
        return np.concatenate([np.stack(overall), precision, recall, f1, auc, average_precision])


@dataclass(frozen=True)
class Ranking:
    """The rows of a class against all others, sorted once by probability.

    Attributes
    ----------
    positive, negative
        Group of each row that is of the class, and of each one that is not, by rising probability.
    below, not_above
        For each positive row, the number of negative ones with a smaller, and with no larger probability.
    behind
        For each positive row, the number of positive ones with a smaller probability.
    """

    positive: IntArray
    negative: IntArray
    below: IntArray
    not_above: IntArray
    behind: IntArray

    @classmethod
    def of(cls, truth: BoolArray, probability: FloatArray, group: IntArray) -> "Ranking":
        """Sort ``(n,)`` rows."""
        order = probability.argsort(kind="stable")
        truth, probability, group = truth[order], probability[order], group[order]
        positive, negative = probability[truth], probability[~truth]
        below, not_above = (negative.searchsorted(positive, side=side) for side in ("left", "right"))
        return cls(group[truth], group[~truth], below, not_above, positive.searchsorted(positive))

    def areas(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return area under the ROC curve and average precision ``(draws,)`` for ``(groups, draws)`` weights.

        The area is the chance that a positive row stands above a negative one, ties counting half (Mann & Whitney
        1947; Hanley & McNeil 1982); NaN where either kind has no weight. The average precision is that of the
        positive rows, each taken as the threshold: the area under the precision-recall curve as steps, without
        interpolation, as in scikit-learn; NaN where no positive row has weight.
        """
        positive, negative = weights[self.positive], weight_of_first(weights[self.negative])
        below = negative[self.below]
        wins = np.einsum("pr,pr->r", positive, below) + np.einsum("pr,pr->r", positive, negative[self.not_above])
        true, false = positive.sum(axis=0), negative[-1]
        hits = true - weight_of_first(positive)[self.behind]
        said = hits + (false - below)
        precision = np.divide(hits, said, out=np.zeros_like(hits), where=said > 0)
        with np.errstate(invalid="ignore"):
            return wins / (2 * true * false), np.einsum("pr,pr->r", positive, precision) / true


def weight_of_first(weights: FloatArray) -> FloatArray:
    """Return the weight ``(rows + 1, draws)`` of the first 0, 1, ... of ``(rows, draws)`` sorted rows."""
    total = np.zeros((len(weights) + 1, weights.shape[1]))
    np.cumsum(weights, axis=0, out=total[1:])
    return total


def _row_losses(answers: Answers) -> tuple[FloatArray, FloatArray]:
    """Return the logarithmic and the quadratic (Brier 1950) loss of each row, ``(n,)`` each.

    As in scikit-learn: the quadratic loss is summed over three or more classes, taken of the positive class for
    two; with several labels, both are averages over the labels.
    """
    p = answers.probability
    square = (p - answers.truth) ** 2
    if answers.mode == "multilabel":
        of_truth = np.where(answers.truth, p, 1 - p)
        return _surprise(of_truth).mean(axis=1), square.mean(axis=1)
    of_truth = p[answers.truth]  # one per row, in order of the rows
    return _surprise(of_truth), square[:, 1] if answers.mode == "binary" else square.sum(axis=1)


def _surprise(probability: FloatArray) -> FloatArray:
    return np.asarray(-np.log(np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)))


def _macro(per_class: FloatArray) -> FloatArray:
    """Mean over the classes (first axis) that have a score; NaN where none has."""
    defined = np.isfinite(per_class)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, per_class, 0).sum(axis=0) / defined.sum(axis=0))
