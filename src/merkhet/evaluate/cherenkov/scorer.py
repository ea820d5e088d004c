"""Scores of events under many weightings at once, from which intervals come."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from merkhet.evaluate.bootstrap import FloatArray
from merkhet.evaluate.cherenkov.answers import BoolArray, EventAnswers, IntArray
from merkhet.evaluate.cherenkov.coverage import CONTAINMENT

OVERALL = ("roc_auc", "accuracy", "q_factor", "energy_bias", "energy_resolution", "angular_resolution_deg")
PER_ENERGY = ("energy_bias", "energy_resolution", "angular_resolution_deg")
Q_EFFICIENCY = 0.7
"""Share of the gammas that the cut of the Q factor keeps."""
ENERGY_EDGES_TEV = 10 ** np.linspace(-2, 2, 21)
"""Edges of the bins in true energy, five a decade."""


class EventScorer:
    """Scores of answers under many weightings of their groups at once.

    Calling it with weights ``(groups, draws)`` gives :data:`OVERALL`, then :data:`PER_ENERGY` for each of ``bins``, as
    ``(scores, draws)``.

    Parameters
    ----------
    answers
        The events.
    by_energy
        Score each bin of true energy too.
    """

    def __init__(self, answers: EventAnswers, *, by_energy: bool = True) -> None:
        self._answers = answers
        self.bins: list[tuple[float, float, int]] = []
        self._members: list[IntArray] = []
        energy = np.where(answers.is_gamma, answers.true_energy, np.nan)
        for low, high in pairwise(ENERGY_EDGES_TEV) if by_energy else ():
            inside = np.flatnonzero((energy >= low) & (energy < high))
            if len(inside):
                self.bins.append((float(low), float(high), len(inside)))
                self._members.append(inside)

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Return the scores ``(scores, draws)``."""
        answers = self._answers
        of_row = weights[answers.group]
        known = np.flatnonzero(np.isfinite(answers.gammaness))
        gammaness, is_gamma, mine = answers.gammaness[known], answers.is_gamma[known], of_row[known]
        rows = [
            weighted_auc(gammaness, is_gamma, mine),
            _share((gammaness >= 0.5) == is_gamma, mine),
            _q_factor(gammaness, is_gamma, mine),
            *self._resolutions(np.arange(len(answers)), of_row),
        ]
        for members in self._members:
            rows += self._resolutions(members, of_row[members])
        return np.stack(rows)

    def _resolutions(self, members: IntArray, weights: FloatArray) -> list[FloatArray]:
        tail = (1 - CONTAINMENT) / 2
        low, middle, high = weighted_quantiles(self._answers.energy_error[members], weights, (tail, 0.5, 1 - tail))
        (radius,) = weighted_quantiles(self._answers.separation_deg[members], weights, (CONTAINMENT,))
        return [middle, (high - low) / 2, radius]


def weighted_auc(score: FloatArray, positive: BoolArray, weights: FloatArray) -> FloatArray:
    """Return the area under the ROC curve ``(draws,)`` of rows under weights ``(n, draws)``; ties count half."""
    _, level = np.unique(score, return_inverse=True)
    order = np.argsort(level, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(level[order]) > 0]) if len(order) else np.empty(0, dtype=np.int64)
    if not len(starts):
        return np.full(weights.shape[1], np.nan)
    ranked, signal = weights[order], positive[order][:, None]
    yes = np.add.reduceat(ranked * signal, starts, axis=0)
    no = np.add.reduceat(ranked * ~signal, starts, axis=0)
    below = np.cumsum(no, axis=0) - no / 2
    with np.errstate(invalid="ignore"):
        return np.asarray((yes * below).sum(axis=0) / (yes.sum(axis=0) * no.sum(axis=0)))


def weighted_quantiles(values: FloatArray, weights: FloatArray, shares: Sequence[float]) -> list[FloatArray]:
    """Return for each share the smallest value ``(draws,)`` up to which that share of the weights ``(n, draws)`` lies.

    Values that are not finite have no weight; NaN where nothing has any.
    """
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    if not len(order):
        return [np.full(weights.shape[1], np.nan) for _ in shares]
    total = np.cumsum(weights[order], axis=0)
    # The rounding of a share must not step over a whole weight.
    found = [(total >= share * total[-1] * (1 - 1e-12)).argmax(axis=0) for share in shares]
    return [np.where(total[-1] > 0, values[order][place], np.nan) for place in found]


def _share(right: BoolArray, weights: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore"):
        return np.asarray((weights * right[:, None]).sum(axis=0) / weights.sum(axis=0))


def _q_factor(score: FloatArray, positive: BoolArray, weights: FloatArray) -> FloatArray:
    """Return ``eff_gamma / sqrt(eff_other)`` at the cut that keeps 70 % of the gammas, infinite if none is left."""
    signal, other = weights[positive], weights[~positive]
    (cut,) = weighted_quantiles(-score[positive], signal, (Q_EFFICIENCY,))
    passing = score[:, None] >= -cut
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = (signal * passing[positive]).sum(axis=0) / signal.sum(axis=0)
        left = (other * passing[~positive]).sum(axis=0) / other.sum(axis=0)
        return np.asarray(kept / np.sqrt(left))
