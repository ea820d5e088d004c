"""Scores of reconstructed events: particles, energies and directions, with intervals; and of pairs of methods.

Intervals come from resampling whole groups of events, as all of the package's do (:mod:`merkhet.evaluate.bootstrap`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.table import Table

from merkhet.errors import InputError
from merkhet.evaluate.bootstrap import FloatArray, bootstrap, percentile_interval
from merkhet.evaluate.cherenkov.answers import EventAnswers, read_event_answers
from merkhet.evaluate.cherenkov.scorer import OVERALL, PER_ENERGY, EventScorer
from merkhet.evaluate.paired import two_sided
from merkhet.evaluate.resampled import check_resampling, interval_row


def evaluate_events(
    table: Table, *, signal: str = "gamma", seed: int = 0, n_bootstrap: int = 1000, confidence: float = 0.95
) -> dict[str, Any]:
    """Return every score of a table of reconstructed events as plain numbers, ready for JSON.

    Parameters
    ----------
    table, signal
        See :func:`merkhet.evaluate.cherenkov.answers.read_event_answers`.
    seed, n_bootstrap, confidence
        See :func:`merkhet.evaluate.scores.evaluate_table`.

    Returns
    -------
    dict
        ``n, n_groups, answered`` (share of the events with a gammaness);
        ``scores``: ``{roc_auc, accuracy, q_factor, energy_bias, energy_resolution, angular_resolution_deg}``, each
        ``{value, low, high}``. ``accuracy`` is at a gammaness of 0.5; ``q_factor`` is the share of gammas over the
        root of the share of background that pass a cut keeping 70 % of the gammas; ``energy_bias`` is the median of
        ``energy / true energy - 1`` of gammas, ``energy_resolution`` half the width of its central 68.27 %, and
        ``angular_resolution_deg`` the radius that holds 68.27 % of their directions;
        ``by_energy``: ``{low_tev, high_tev, gammas, <score>: {value, low, high}}`` for each bin of true energy that
        holds gammas; ``bootstrap``: ``{n, seed, confidence, unit}``. What is undefined is null.

    Raises
    ------
    InputError
        The table cannot be scored.
    """
    check_resampling(n_bootstrap, confidence)
    answers = read_event_answers(table, signal=signal)
    scorer = EventScorer(answers)
    value = scorer(np.ones((answers.groups, 1)))[:, 0]
    draws = n_bootstrap if answers.groups > 1 else 0
    samples = _samples([scorer], answers, draws=draws, seed=seed)
    low, high = percentile_interval(samples, confidence=confidence)
    rows = [interval_row(row) for row in np.stack([value, low, high], axis=1)]
    each = iter(rows[len(OVERALL) :])
    by_energy = [
        {"low_tev": low_tev, "high_tev": high_tev, "gammas": gammas} | {name: next(each) for name in PER_ENERGY}
        for low_tev, high_tev, gammas in scorer.bins
    ]
    return {
        "n": len(answers),
        "n_groups": answers.groups,
        "answered": float(np.isfinite(answers.gammaness).mean()),
        "scores": dict(zip(OVERALL, rows, strict=False)),
        "by_energy": by_energy,
        "bootstrap": {"n": n_bootstrap, "seed": seed, "confidence": confidence, "unit": "group"},
    }


def compare_events(
    table_a: Table,
    table_b: Table,
    *,
    signal: str = "gamma",
    seed: int = 0,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Compare two methods on the same events, score by score, on the same resamplings.

    Only events that both answer count, each score with its own; a method that leaves hard events out gains nothing.

    Parameters
    ----------
    table_a, table_b
        See :func:`merkhet.evaluate.cherenkov.answers.read_event_answers`; the same events in the same order.
    signal, seed, n_bootstrap, confidence
        As for :func:`evaluate_events`.

    Returns
    -------
    dict
        ``n, n_groups``; ``scores``: ``{a, b, difference, low, high, p_value}`` for each overall score, with a - b, its
        interval, and the two-sided chance of such a difference (see :func:`merkhet.evaluate.paired.paired_bootstrap`);
        ``bootstrap``.

    Raises
    ------
    InputError
        A table cannot be scored, or they differ in truth or groups.
    """
    check_resampling(n_bootstrap, confidence)
    a, b = (read_event_answers(table, signal=signal) for table in (table_a, table_b))
    same = len(a) == len(b) and (a.is_gamma == b.is_gamma).all() and (a.group == b.group).all()
    if not same or not np.array_equal(a.true_energy, b.true_energy, equal_nan=True):
        raise InputError("pair of tables of events", "truth or groups differ", expected="the same events in one order")
    scorers = [EventScorer(answers, by_energy=False) for answers in _answered_by_both(a, b)]
    value = np.stack([scorer(np.ones((a.groups, 1)))[:, 0] for scorer in scorers])
    samples = _samples(scorers, a, draws=n_bootstrap if a.groups > 1 else 0, seed=seed)
    with np.errstate(invalid="ignore"):  # two Q factors may both be infinite
        difference = samples[: len(OVERALL)] - samples[len(OVERALL) :]
        columns = [*value, value[0] - value[1], *percentile_interval(difference, confidence=confidence)]
    rows = np.stack([*columns, two_sided(difference)], axis=1)
    names = ("a", "b", "difference", "low", "high", "p_value")
    return {
        "n": len(a),
        "n_groups": a.groups,
        "scores": {
            score: {name: float(cell) if np.isfinite(cell) else None for name, cell in zip(names, row, strict=True)}
            for score, row in zip(OVERALL, rows, strict=True)
        },
        "bootstrap": {"n": n_bootstrap, "seed": seed, "confidence": confidence, "unit": "group"},
    }


def _answered_by_both(a: EventAnswers, b: EventAnswers) -> tuple[EventAnswers, EventAnswers]:
    def limited(mine: EventAnswers, other: EventAnswers) -> EventAnswers:
        return EventAnswers(
            mine.is_gamma,
            np.where(np.isfinite(other.gammaness), mine.gammaness, np.nan),
            np.where(np.isfinite(other.energy_error), mine.energy_error, np.nan),
            np.where(np.isfinite(other.separation_deg), mine.separation_deg, np.nan),
            mine.true_energy,
            mine.group,
        )

    return limited(a, b), limited(b, a)


def _samples(scorers: Sequence[EventScorer], answers: EventAnswers, *, draws: int, seed: int) -> FloatArray:
    """Return the scores of all scorers ``(scores, draws)`` on the same resamplings."""

    def statistic(weights: FloatArray) -> FloatArray:
        return np.concatenate([scorer(weights) for scorer in scorers])

    if not draws:
        return np.empty((len(statistic(np.ones((answers.groups, 1)))), 0))
    return bootstrap(statistic, groups=answers.groups, rows=len(answers), draws=draws, seed=seed)
