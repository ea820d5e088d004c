"""How many images of each strength are found at a rate of false alarms that a survey can bear."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from merkhet.evaluate.answers import BoolArray, FloatArray, IntArray
from merkhet.evaluate.bootstrap import bootstrap
from merkhet.evaluate.questions import Question
from merkhet.evaluate.scorer import weight_of_first
from merkhet.evaluate.shares import Share, interval

QUANTILES = (0.0, 0.25, 0.5, 0.75)
"""Where the bins begin if no edges are stated: they hold equally many images."""


@dataclass(frozen=True)
class Resampling:
    """How intervals are drawn: see :func:`merkhet.evaluate.scores.evaluate_table`."""

    draws: int = 1000
    seed: int = 0
    confidence: float = 0.95


def recall_by_strength(
    question: Question, *, rate: float, edges: Sequence[float], resampling: Resampling
) -> dict[str, Any]:
    """Return recall at a rate of false alarms, of all images and by strength, ready for JSON.

    The threshold is the lowest that leaves at most the given share of the images without the label above it. It is
    found anew for every resampling of the groups, and the recall at it is drawn from its distribution
    (:class:`~merkhet.evaluate.shares.Share`), so that intervals hold the chance in both; the area under the ROC curve
    of a bin sets its images against all that have not got the label.

    Parameters
    ----------
    rate
        Of false alarms, 0..1.
    edges
        Of the bins, rising; see :func:`strength_bins`.

    Returns
    -------
    dict
        ``positives, negatives``: rows with and without the label; ``rate``; ``threshold``: what is found lies above
        it, null where everything does; ``false_alarms``: rows without the label above it; ``recall``; ``roc_auc``;
        ``bins``: a list of ``{low, high, n, median, recall, recall_from, roc_auc}``, where ``recall_from`` counts all
        images of at least that strength and an open end is null. Scores are ``{value, low, high}``, null where not
        defined.
    """
    truth = question.truth
    samples = [np.ones(int(truth.sum()), dtype=bool)]
    bins = strength_bins(question, edges=edges)
    samples += [rows for low, high in bins for rows in (_between(question, low, high), _between(question, low, np.inf))]
    search = _Search.of(question, samples)
    value = search(np.ones((question.groups, 1)), rate=rate)[:, 0]
    draws = resampling.draws if question.groups > 1 and min(truth.sum(), (~truth).sum()) else 0
    drawn = np.empty((len(value), 0))
    if draws:
        drawn = bootstrap(
            lambda weights: search(weights, rate=rate),
            groups=question.groups,
            rows=len(truth),
            draws=draws,
            seed=resampling.seed,
        )
    rng = np.random.default_rng([resampling.seed, 0x5EA4])
    recalls = [search.recall(rows, value[0], drawn[0], rng=rng, confidence=resampling.confidence) for rows in samples]
    areas = [interval(*pair, confidence=resampling.confidence) for pair in zip(value[1:], drawn[1:], strict=True)]
    return {
        "positives": int(truth.sum()),
        "negatives": int((~truth).sum()),
        "rate": rate,
        "threshold": float(value[0]) if np.isfinite(value[0]) else None,
        "false_alarms": int((search.negative > value[0]).sum()),
        "recall": recalls[0],
        "roc_auc": areas[0],
        "bins": [
            {
                **_described(question, low, high),
                "recall": recalls[2 * k + 1],
                "recall_from": recalls[2 * k + 2],
                "roc_auc": areas[2 * k + 1],
            }
            for k, (low, high) in enumerate(bins)
        ],
    }


def strength_bins(question: Question, *, edges: Sequence[float]) -> list[tuple[float, float]]:
    """Return the ends of the bins that hold the images with the label; none where no strength is known.

    A bin holds its lower end; the last is open. A bin below the first edge is added where there are such images.
    Without edges, the bins begin at the :data:`QUANTILES` of the strengths.
    """
    if question.strength is None:
        return []
    known = question.strength[question.truth & np.isfinite(question.strength)]
    if not len(known):
        return []
    begins = list(edges) if len(edges) else np.unique(np.quantile(known, QUANTILES)).tolist()
    if known.min() < begins[0]:
        begins.insert(0, -np.inf)
    return list(zip(begins, [*begins[1:], np.inf], strict=True))


@dataclass(frozen=True)
class _Search:
    """Rows with the label (positive) and without it (negative), by rising probability.

    ``samples`` ``(samples, positives)`` says which positive rows count for each area under the curve; ``below`` and
    ``not_above`` are those of :class:`merkhet.evaluate.scorer.Ranking`.
    """

    positive: FloatArray
    positive_group: IntArray
    negative: FloatArray
    negative_group: IntArray
    below: IntArray
    not_above: IntArray
    samples: FloatArray

    @classmethod
    def of(cls, question: Question, samples: Sequence[BoolArray]) -> "_Search":
        """Sort the rows; ``samples`` pick among the positive ones in their own order."""
        truth, order = question.truth, question.probability[~question.truth].argsort(kind="stable")
        positive, negative = question.probability[truth], question.probability[~truth][order]
        below, not_above = (negative.searchsorted(positive, side=side) for side in ("left", "right"))
        groups = question.group[truth], question.group[~truth][order]
        return cls(positive, groups[0], negative, groups[1], below, not_above, np.stack(samples).astype(float))

    def __call__(self, weights: FloatArray, *, rate: float) -> FloatArray:
        """Return the threshold, then the area of each sample ``(1 + samples, draws)``, for ``(groups, draws)``."""
        first = weight_of_first(weights[self.negative_group])  # (negatives + 1, draws)
        total = first[-1]
        too_many = (total - first > total * (rate + 1e-12)).sum(axis=0)
        threshold = np.concatenate([[-np.inf], self.negative])[too_many]
        positive = weights[self.positive_group]
        wins = positive * (first[self.below] + first[self.not_above]) / 2
        with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0: a kind of rows that is not there
            areas = (self.samples @ wins) / ((self.samples @ positive) * total)
        return np.concatenate([np.where(total > 0, threshold, np.nan)[None], areas])

    def recall(
        self, rows: BoolArray, threshold: float, drawn: FloatArray, *, rng: np.random.Generator, confidence: float
    ) -> dict[str, float | None]:
        """Return the recall of a sample at a threshold, with the interval of drawn thresholds."""
        if np.isnan(threshold):
            return interval(np.nan, drawn, confidence=confidence)
        probability = np.sort(self.positive[rows])
        share = Share.of(self.positive[rows] > threshold, self.positive_group[rows])
        if not len(probability) or not len(drawn):
            return interval(share.value, np.empty(0), confidence=confidence)
        at = 1 - probability.searchsorted(drawn, side="right") / len(probability)
        return interval(share.value, share.draw(rng, size=len(drawn), about=at), confidence=confidence)


def _between(question: Question, low: float, high: float) -> BoolArray:
    """Return which rows with the label have a strength in a bin."""
    if question.strength is None:
        raise ValueError("a question without strengths has no bins")
    strength = question.strength[question.truth]
    return np.asarray((strength >= low) & ((strength < high) | np.isposinf(high)))


def _described(question: Question, low: float, high: float) -> dict[str, Any]:
    rows = _between(question, low, high)
    strength = np.asarray(question.strength)[question.truth][rows]
    return {
        "low": float(low) if np.isfinite(low) else None,
        "high": float(high) if np.isfinite(high) else None,
        "n": int(rows.sum()),
        "median": float(np.median(strength)) if len(strength) else None,
    }
