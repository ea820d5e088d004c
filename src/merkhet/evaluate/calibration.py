"""Are probabilities what they say? Reliability by bins, and the calibration errors without their bias."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.special import erf, ndtri

from merkhet.errors import InputError
from merkhet.evaluate.answers import Answers, FloatArray, IntArray

WHERE = "calibration"
BINS = 15
"""Most bins of confidence: as many as Guo et al. 2017 use."""
ROWS_PER_BIN = 10
"""A small table has fewer bins, so that each holds this many rows."""


@dataclass(frozen=True)
class Bins:
    """What decisions of like confidence came to, ``(bins, draws)`` each; NaN in a bin that a draw leaves empty.

    Attributes
    ----------
    rows, groups
        Number of rows and of groups, by weight.
    confidence, accuracy
        Mean probability of the decisions, and the share of them that is right.
    variance
        Square of the standard error of ``accuracy``; NaN where a bin holds one group only.
    """

    rows: FloatArray
    groups: FloatArray
    confidence: FloatArray
    accuracy: FloatArray
    variance: FloatArray

    @property
    def gap(self) -> FloatArray:
        """Confidence less accuracy: above 0, the answers are too sure."""
        return self.confidence - self.accuracy

    @property
    def debiased(self) -> FloatArray:
        """Absolute and squared gap ``(2, bins, draws)`` less what chance adds; where gaps are small, below 0.

        See :func:`expected_calibration_error` for the formulas.
        """
        return np.stack([2 * np.abs(self.gap) - self._folded(1), self.gap**2 - self.variance])

    @property
    def inflation(self) -> FloatArray:
        """What :attr:`debiased` rises by, in the mean, where rows are resampled ``(2, bins, draws)``.

        The gap of resampled rows varies about the gap :math:`d` at hand with its variance :math:`s^2`, and only that
        is taken off again. What :math:`d` itself owes to chance stays: :math:`d^2` is put in place of
        :math:`d^2 - s^2`, and, for :math:`F(v)` the mean of the absolute of a normal of mean :math:`d` and variance
        :math:`v`, :math:`2 F(s^2) - F(2 s^2)` in place of :math:`2 |d| - F(s^2)`.
        """
        return np.stack([3 * self._folded(1) - self._folded(2) - 2 * np.abs(self.gap), self.variance])

    def _folded(self, times: int) -> FloatArray:
        """Return E|X| of normal X (Leone, Nelson & Nottingham 1961, Technometrics 3, 543).

        Its mean is the gap, its variance that of the accuracy, so many times.
        """
        sigma, size = np.sqrt(times * self.variance), np.abs(self.gap)
        z = (size / np.maximum(sigma, np.finfo(float).tiny)).clip(max=40)  # beyond, the normal is all on one side
        return np.asarray(sigma * np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2) + size * erf(z / np.sqrt(2)))

    def average(self, values: FloatArray) -> FloatArray:
        """Return the mean over rows ``(..., draws)`` of values per bin ``(..., bins, draws)`` that are not NaN."""
        defined = np.isfinite(values)
        rows = np.where(defined, self.rows, 0)
        with np.errstate(invalid="ignore"):
            return np.asarray((rows * np.where(defined, values, 0)).sum(axis=-2) / rows.sum(axis=-2))


class Calibration:
    r"""Decisions in bins of equal mass, summed by group, so that any weighting of the groups costs a product.

    All weightings share the bins. The variance of a bin's accuracy :math:`\bar y` is taken between groups, because
    rows of one group go wrong together: :math:`\frac{G}{G-1} \sum_g (k_g - n_g \bar y)^2 / n^2` for :math:`k_g` of
    :math:`n_g` rows right in group :math:`g` (the linearized variance of a ratio, Cochran 1977, section 6.3). Where
    each row is its own group, that is :math:`\bar y (1 - \bar y) / (n - 1)`.

    Parameters
    ----------
    confidence
        ``(n,)`` probability of each decision, in 0..1.
    correct
        ``(n,)`` whether it is right.
    groups
        ``(n,)`` group of each row, of any type; every row is its own group where None.
    bins
        Most bins; see :func:`equal_mass_bins`.

    Raises
    ------
    InputError
        There are no rows, their numbers differ, or a confidence is not a probability.
    """

    def __init__(
        self,
        confidence: npt.ArrayLike,
        correct: npt.ArrayLike,
        *,
        groups: npt.ArrayLike | None = None,
        bins: int = BINS,
    ) -> None:
        confidence, correct = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
        names = np.arange(len(confidence)) if groups is None else np.asarray(groups)
        _check(confidence, correct, names, bins)
        group = np.unique(names, return_inverse=True)[1]
        bin_of_row = equal_mass_bins(confidence, bins=bins)
        self._bins, self._groups = int(bin_of_row.max()) + 1, int(group.max()) + 1
        cells, cell = np.unique(bin_of_row * self._groups + group, return_inverse=True)
        rows, sure, right = (np.bincount(cell, values) for values in (np.ones(len(cell)), confidence, correct))
        sums = np.stack([rows, sure, right, right**2, right * rows, rows**2, np.ones(len(rows))])
        bin_of_cell, group_of_cell = np.divmod(cells, self._groups)
        place = np.arange(len(sums))[:, None] * self._bins + bin_of_cell
        where = (place.ravel(), np.tile(group_of_cell, len(sums)))
        self._sums = csr_array((sums.ravel(), where), shape=(len(sums) * self._bins, self._groups))

    def bins(self, weights: FloatArray | None = None) -> Bins:
        """Return the bins under ``(groups, draws)`` weights, 0 or more each; one draw of the rows as they are if None.

        Groups stand in the order of ``np.unique``.
        """
        weights = np.ones((self._groups, 1)) if weights is None else weights
        sums = (self._sums @ weights).reshape(-1, self._bins, weights.shape[1])
        rows, sure, right, right_right, right_rows, rows_rows, groups = sums
        with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0: a bin that this draw leaves empty
            accuracy = right / rows
            between = right_right - 2 * accuracy * right_rows + accuracy**2 * rows_rows
            variance = groups / (groups - 1) * between.clip(min=0) / rows**2
            return Bins(rows, groups, sure / rows, accuracy, np.where(groups > 1, variance, np.nan))

    def debiased(self, weights: FloatArray) -> FloatArray:
        """Return the debiased mean absolute and mean squared gap ``(2, draws)``, which chance may take below 0."""
        bins = self.bins(weights)
        return bins.average(bins.debiased)

    def inflation(self) -> FloatArray:
        """Return what both are greater by ``(2,)``, in the mean, where the rows are resampled."""
        bins = self.bins()
        return bins.average(bins.inflation)[:, 0]


def equal_mass_bins(values: FloatArray, *, bins: int = BINS) -> IntArray:
    """Return the bin 0, 1, ... of each of ``n`` values.

    Bins rise with the values and hold equally many of them but for ties, which are never parted, so that the order
    of the rows does not matter. There are at most ``bins``, and at most one for :data:`ROWS_PER_BIN` rows.
    """
    count = min(bins, max(1, len(values) // ROWS_PER_BIN))
    last = -(-np.arange(1, count + 1) * len(values) // count) - 1  # the last row of each bin
    return np.unique(np.sort(values)[last]).searchsorted(values).astype(np.int64)


def decisions(answers: Answers) -> tuple[FloatArray, npt.NDArray[np.bool_], IntArray]:
    """Return confidence, correctness and group of every decision.

    A row with one class is one decision, whose confidence is the probability of the class that was named. A row
    with several labels is as many decisions, yes or no, pooled; the confidence of a no is one less the probability.
    """
    if answers.mode != "multilabel":
        return answers.probability[answers.predicted], answers.right, answers.group
    confidence = np.where(answers.predicted, answers.probability, 1 - answers.probability)
    right = answers.predicted == answers.truth
    return confidence.ravel(), right.ravel(), np.repeat(answers.group, len(answers.classes))


def calibration_errors(debiased: FloatArray) -> FloatArray:
    """Turn what :meth:`Calibration.debiased` gives, ``(2, draws)``, into errors: mean absolute, root mean square gap.

    No error is below 0. A mean absolute value is never above the root mean square, so neither is its estimate, which
    chance would leave at about half a standard error of a bin where calibration is perfect and the other is 0.
    """
    rms = np.sqrt(debiased[1].clip(min=0))
    return np.stack([np.minimum(debiased[0].clip(min=0), rms), rms])


def expected_calibration_error(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    *,
    groups: npt.ArrayLike | None = None,
    bins: int = BINS,
    p: Literal[1, 2] = 1,
    debiased: bool = True,
) -> float:
    r"""Return how far confidence and accuracy lie apart, as a probability.

    Over bins :math:`b` of equal mass with :math:`n_b` rows, mean confidence :math:`\bar c_b`, accuracy :math:`\bar y_b`
    and its variance :math:`s_b^2` (see :class:`Calibration`), and the gap :math:`d_b = \bar c_b - \bar y_b`:

    * plain: :math:`(\sum_b \frac{n_b}{n} |d_b|^p)^{1/p}`. Chance alone makes it positive: about 0.04 for 800 answers
      of a perfectly calibrated model;
    * debiased, ``p=2``: :math:`\sqrt{\max(0, \sum_b \frac{n_b}{n} (d_b^2 - s_b^2))}`, whose square is unbiased but for
      the clipping: Kumar, Liang & Ma 2019 (NeurIPS), definition 5.2, after Bröcker 2012 (Climate Dynamics 39, 655)
      and Ferro & Fricker 2012 (QJRMS 138, 1954);
    * debiased, ``p=1``: :math:`\max(0, \sum_b \frac{n_b}{n} (2 |d_b| - E|X_b|))` with :math:`X_b` normal of mean
      :math:`d_b` and variance :math:`s_b^2`: the normal approximation of Kumar et al., in closed form; or the
      debiased ``p=2`` where that is smaller (see :func:`calibration_errors`).

    In simulations of 700 answers of perfectly calibrated models, the debiased ``p=1`` came to 0.01 in the mean, and
    the plain one to 0.04; where the error was 0.08, to 0.07 to 0.08.

    Parameters
    ----------
    confidence, correct, groups, bins
        See :class:`Calibration`, which also says what it raises.
    p
        1: mean absolute gap, which the literature calls the expected calibration error. 2: root mean square gap.
    debiased
        Take off what chance adds.

    Returns
    -------
    float
        In 0..1; debiased, NaN where no bin holds two groups, so that chance cannot be told from error.
    """
    found = Calibration(confidence, correct, groups=groups, bins=bins).bins()
    if debiased:
        return float(calibration_errors(found.average(found.debiased))[p - 1, 0])
    return float(found.average(np.abs(found.gap) ** p)[0] ** (1 / p))


def reliability(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    *,
    groups: npt.ArrayLike | None = None,
    bins: int = BINS,
    level: float = 0.95,
) -> dict[str, Any]:
    """Return a reliability diagram as plain numbers, ready for JSON.

    Parameters
    ----------
    confidence, correct, groups, bins
        See :class:`Calibration`, which also says what it raises.
    level
        Chance that an interval holds the true accuracy.

    Returns
    -------
    dict
        ``bins``: by rising confidence, ``{confidence, accuracy, low, high, count, groups}`` each: mean confidence,
        share of right decisions and its interval, number of rows and of groups. The interval is :func:`wilson` for
        as many independent rows as would have the bin's variance between groups: no more than there are, and as
        many as there are groups where that variance is zero or unknown.
    """
    found = Calibration(confidence, correct, groups=groups, bins=bins).bins()
    of_one = found.accuracy * (1 - found.accuracy)
    with np.errstate(invalid="ignore", divide="ignore"):
        independent = np.where(found.variance > 0, 1 + of_one / found.variance, found.groups).clip(max=found.rows)
    low, high = wilson(found.accuracy, rows=independent, level=level)
    columns = (found.confidence, found.accuracy, low, high, found.rows.astype(int), found.groups.astype(int))
    names = ("confidence", "accuracy", "low", "high", "count", "groups")
    rows = zip(*(column[:, 0].tolist() for column in columns), strict=True)
    return {"bins": [dict(zip(names, row, strict=True)) for row in rows]}


def wilson(share: FloatArray, *, rows: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Return the score interval of a binomial share of ``rows`` trials (Wilson 1927, JASA 22, 209)."""
    z = ndtri((1 + level) / 2)
    middle = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2)) / (1 + z**2 / rows)
    return np.clip(middle - half, 0, share), np.clip(middle + half, share, 1)


def _check(confidence: FloatArray, correct: FloatArray, groups: npt.NDArray[Any], bins: int) -> None:
    if not confidence.shape == correct.shape == groups.shape or confidence.ndim != 1 or not len(confidence):
        shapes = f"confidence {confidence.shape}, correct {correct.shape}, groups {groups.shape}"
        raise InputError(WHERE, shapes, expected="one entry for each of one or more rows")
    if not ((confidence >= 0) & (confidence <= 1)).all():  # NaN fails both
        raise InputError(WHERE, "some confidences are not between 0 and 1", expected="probabilities")
    if bins < 1:
        raise InputError(WHERE, f"bins is {bins}", expected="1 or more")
