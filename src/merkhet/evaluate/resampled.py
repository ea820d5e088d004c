"""Scores of several answers to the same rows under the same resamplings of their groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from merkhet.errors import InputError
from merkhet.evaluate.answers import Answers, FloatArray
from merkhet.evaluate.bootstrap import bootstrap, percentile_interval
from merkhet.evaluate.calibration import Calibration, calibration_errors, decisions
from merkhet.evaluate.scorer import SCORES, Scorer

OVERALL = (*SCORES, "ece", "rmsce")
"""The scores of a table as a whole; ``ece`` and ``rmsce`` are the debiased expected (mean absolute) and root mean
square calibration error."""
_CALIBRATION = slice(len(SCORES), len(OVERALL))


@dataclass(frozen=True)
class Resampled:
    """Scores, and how they come out for resampled groups.

    The axis of the scores holds :data:`OVERALL`, then for each of ``CLASS_SCORES`` one row per class.

    Attributes
    ----------
    value
        ``(answers, scores)``, NaN where a score is not defined.
    samples
        ``(answers, scores, draws)``; no draws where there is but one group.
    """

    value: FloatArray
    samples: FloatArray

    def intervals(self, *, confidence: float) -> FloatArray:
        """Return ``(answers, scores, 3)``: value, and the ends of the central ``confidence`` of the samples."""
        answers, scores, draws = self.samples.shape
        low, high = percentile_interval(self.samples.reshape(answers * scores, draws), confidence=confidence)
        return np.stack([self.value, low.reshape(answers, scores), high.reshape(answers, scores)], axis=2)


def resample(compared: Sequence[Answers], *, draws: int, seed: int) -> Resampled:
    """Score answers to the same rows, and again for ``draws`` resamplings of whole groups, the same for all.

    The debiased calibration errors take off what chance adds to them. Resampled rows carry that chance twice: once as
    they differ from the rows at hand, which the estimate takes off, and once as those differ from the sky, which is
    known from the rows at hand and taken off here (:meth:`~merkhet.evaluate.calibration.Calibration.inflation`). In
    simulations of 150 to 5,000 rows, alone and in groups, 95 % intervals then held the truth in 88 to 100 % of cases
    for ``ece`` and 93 to 100 % for ``rmsce``; without, those of ``ece`` never held that of a calibrated model.
    """
    scorers = [Scorer(answers) for answers in compared]
    calibrations = [_calibration(answers) for answers in compared]
    groups, rows = compared[0].groups, len(compared[0])

    def statistic(weights: FloatArray) -> FloatArray:
        parts = []
        for score, calibration in zip(scorers, calibrations, strict=True):
            scores = score(weights)
            parts += [scores[: len(SCORES)], calibration.debiased(weights), scores[len(SCORES) :]]
        return np.concatenate(parts)

    value = statistic(np.ones((groups, 1))).reshape(len(compared), -1)
    draws = draws if groups > 1 else 0
    samples = bootstrap(statistic, groups=groups, rows=rows, draws=draws, seed=seed) if draws else np.empty((0, 0))
    samples = samples.reshape(*value.shape, draws)
    for k, calibration in enumerate(calibrations):
        value[k, _CALIBRATION] = calibration_errors(value[k, _CALIBRATION])
        samples[k, _CALIBRATION] = calibration_errors(samples[k, _CALIBRATION] - calibration.inflation()[:, None])
    return Resampled(value, samples)


def check_resampling(draws: int, confidence: float) -> None:
    """Refuse a number of draws or a confidence that cannot be.

    Raises
    ------
    InputError
        With both of them.
    """
    if draws < 0 or not 0 < confidence < 1:
        seen = f"n_bootstrap {draws}, confidence {confidence:g}"
        raise InputError("bootstrap", seen, expected="0 or more, between 0 and 1")


def interval_row(row: FloatArray) -> dict[str, float | None]:
    """Return ``{value, low, high}`` of three numbers, ready for JSON; what is not defined is None."""
    return {
        key: float(number) if np.isfinite(number) else None
        for key, number in zip(("value", "low", "high"), row, strict=True)
    }


def overall_rows(scored: FloatArray) -> dict[str, Any]:
    """Return ``{score: {value, low, high}}`` for :data:`OVERALL` from ``(scores, 3)``."""
    return {name: interval_row(row) for name, row in zip(OVERALL, scored, strict=False)}


def _calibration(answers: Answers) -> Calibration:
    confidence, right, group = decisions(answers)
    return Calibration(confidence, right, groups=group)
