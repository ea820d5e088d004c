"""A model beside the best of its baselines, label by label, on the same resamplings of the groups."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from merkhet.evaluate.answers import Answers
from merkhet.evaluate.paired import two_sided
from merkhet.evaluate.resampled import OVERALL, resample
from merkhet.evaluate.shares import interval
from merkhet.evaluate.strengths import Resampling

COMPARED = {"roc_auc": True, "log_loss": False}
"""Scores that are compared, and whether higher is better."""


def against_baselines(labels: Answers, baselines: Mapping[str, Answers], *, resampling: Resampling) -> dict[str, Any]:
    """Compare a model with the best baseline of each label and score.

    Parameters
    ----------
    labels
        Answers of the model (see :func:`merkhet.evaluate.questions.as_labels`).
    baselines
        Those of each baseline to the same rows, in the same order.

    Returns
    -------
    dict
        For each label, for ``roc_auc`` and ``log_loss`` of that label alone:
        ``{baseline, a, b, difference, low, high, p_value}``: the baseline that does best, the scores of model and
        baseline, and model less baseline as :func:`merkhet.evaluate.paired.paired_bootstrap` gives it. That the best
        of several was picked favors the baseline. A score that is not defined is left out; empty without baselines.
    """
    if not baselines:
        return {}
    compared = [labels, *baselines.values()]
    return {
        name: _compare([_alone(each, k) for each in compared], list(baselines), resampling)
        for k, name in enumerate(labels.classes)
    }


def _compare(compared: Sequence[Answers], names: Sequence[str], resampling: Resampling) -> dict[str, Any]:
    scored = resample(compared, draws=resampling.draws, seed=resampling.seed)
    found = {}
    for score, higher in COMPARED.items():
        place = OVERALL.index(score)
        values = scored.value[:, place]
        rivals = values[1:] if higher else -values[1:]
        if not np.isfinite(values[0]) or not np.isfinite(rivals).any():
            continue
        best = 1 + int(np.nanargmax(rivals))
        difference = scored.samples[0, place] - scored.samples[best, place]
        p_value = two_sided(difference[None])[0]
        between = interval(float(values[0] - values[best]), difference, confidence=resampling.confidence)
        found[score] = {
            "baseline": names[best - 1],
            "a": float(values[0]),
            "b": float(values[best]),
            "difference": between["value"],
            "low": between["low"],
            "high": between["high"],
            "p_value": float(p_value) if np.isfinite(p_value) else None,
        }
    return found


def _alone(answers: Answers, k: int) -> Answers:
    """Return the answers to one label alone."""
    parts = {name: getattr(answers, name)[:, [k]] for name in ("truth", "predicted", "probability")}
    return replace(answers, classes=(answers.classes[k],), **parts)
