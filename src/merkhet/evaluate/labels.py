"""The scores of each label, or class, as a search of its own."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from merkhet.config.scores import Scores
from merkhet.evaluate.answers import Answers, FloatArray
from merkhet.evaluate.calibration import expected_calibration_error, reliability
from merkhet.evaluate.prevalence import operating_point
from merkhet.evaluate.questions import Question, questions
from merkhet.evaluate.strengths import Resampling, recall_by_strength

Thresholds = Mapping[str, float | FloatArray]
"""Threshold of each label, or one for each row."""


def label_scores(
    labels: Answers, table: Table, *, settings: Scores, thresholds: Thresholds | None = None, resampling: Resampling
) -> dict[str, Any]:
    """Score each label.

    Parameters
    ----------
    labels, table
        The answers (see :func:`merkhet.evaluate.questions.as_labels`), and the table of predictions that they were
        read from: its columns ``strength_<label>``, if any, say how strong a label is.
    settings
        Rate of false alarms, prevalences, edges of strength.
    thresholds
        Threshold of each label that other rows (those of validation) chose for that rate of false alarms.

    Returns
    -------
    dict
        For each label, what :func:`merkhet.evaluate.strengths.recall_by_strength` gives, and

        * ``calibration``: ``{ece, bins}`` of its probability: see
          :func:`merkhet.evaluate.calibration.expected_calibration_error` and
          :func:`merkhet.evaluate.calibration.reliability`;
        * ``points``: ``decision``, what :func:`merkhet.evaluate.prevalence.operating_point` says of the decisions as
          the model makes them, and, with ``thresholds``, ``validation``: of those above that threshold.
    """
    return {
        question.name: _scores(question, settings, (thresholds or {}).get(question.name), resampling)
        for question in questions(labels, table)
    }


def chosen_thresholds(scores: Mapping[str, Any]) -> dict[str, float]:
    """Return the threshold of each label at the rate of false alarms, as :func:`label_scores` found it."""
    return {name: row["threshold"] for name, row in scores.items() if row["threshold"] is not None}


def label_lines(scores: Mapping[str, Any]) -> list[str]:
    """Return a line of text for each label of :func:`label_scores`; a score that is not defined reads ``unknown``."""
    lines = []
    for name, row in scores.items():
        point = row["points"].get("validation", row["points"]["decision"])
        bins = [part for part in row["bins"] if part["low"] is not None and part["recall_from"]["value"] is not None]
        strong = ", ".join(f"{part['low']:g}: {part['recall_from']['value']:.3f}" for part in bins)
        precision = ", ".join(f"{100 * part['prevalence']:.3g} %: {_text(part)}" for part in point["precision"])
        lines.append(
            f"{name}: AUC {_text(row['roc_auc'])}; recall at {100 * row['rate']:.3g} % false alarms "
            f"{_text(row['recall'])}{', from strength ' + strong if strong else ''}; precision where so many images "
            f"have it, {precision}"
        )
    return lines


def _text(score: Mapping[str, float | None]) -> str:
    if score["value"] is None:
        return "unknown"
    return f"{score['value']:.3f}" + ("" if score["low"] is None else f" [{score['low']:.3f}, {score['high']:.3f}]")


def _scores(
    question: Question, settings: Scores, threshold: float | FloatArray | None, resampling: Resampling
) -> dict[str, Any]:
    points = {"decision": None} if threshold is None else {"validation": threshold, "decision": None}
    return {
        **recall_by_strength(
            question, rate=settings.false_alarm_rate, edges=settings.strength_edges, resampling=resampling
        ),
        "calibration": _calibration(question, confidence=resampling.confidence),
        "points": {
            name: operating_point(question, threshold=chosen, prevalence=settings.prevalence, resampling=resampling)
            for name, chosen in points.items()
        },
    }


def _calibration(question: Question, *, confidence: float) -> dict[str, Any]:
    error = expected_calibration_error(question.probability, question.truth, groups=question.group)
    diagram = reliability(question.probability, question.truth, groups=question.group, level=confidence)
    return {"ece": error if np.isfinite(error) else None, **diagram}
