"""Which events are worth a look: rules on what a model says of them, beside the truth, that a page can state."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.evaluate.cherenkov.answers import EventAnswers, read_event_answers

FloatArray = npt.NDArray[np.float64]

NUMBER = 4
GOOD, SURE = 0.1, 0.25
"""Shares of the gammas, those of smallest error and those of smallest uncertainty, that are called good and sure."""
CUT = 0.5
"""Least gammaness of a gamma that is well reconstructed."""


@dataclass(frozen=True)
class Choice:
    """A row of the answers, and the rule by which it was chosen."""

    row: int
    title: str
    rule: str


@dataclass(frozen=True, eq=False)
class _Known:
    """Answers; ``error`` and ``uncertainty`` are those of ``what`` and known of gammas only, ``(n,)``."""

    answers: EventAnswers
    what: str
    error: FloatArray
    uncertainty: FloatArray


Merit = Callable[[_Known], FloatArray]


def choose_events(table: Table, *, signal: str, number: int = NUMBER) -> list[Choice]:
    """Choose events by the first rules that fit what a model answers, none twice.

    A gamma of high energy that is well reconstructed; one of middling error; the largest error among those of small
    uncertainty; the background most like a gamma; the gamma most like background. Errors are those of direction, or of
    energy where there is no direction.

    Parameters
    ----------
    table
        As :func:`merkhet.evaluate.cherenkov.answers.read_event_answers` takes it, with the uncertainties.
    signal
        The name of gammas.
    number
        How many at most.
    """
    known = _known(table, signal=signal)
    taken = np.zeros(len(table), dtype=bool)
    choices: list[Choice] = []
    for title, rule, merit_of in _RULES:
        merit = np.where(taken, np.nan, merit_of(known))
        if len(choices) < number and np.isfinite(merit).any():
            row = int(np.nanargmax(merit))
            taken[row] = True
            cut = f" and a gammaness of {CUT:g} or more" if np.isfinite(known.answers.gammaness).any() else ""
            choices.append(Choice(row, title, rule.format(what=known.what, cut=cut)))
    return choices


def _known(table: Table, *, signal: str) -> _Known:
    answers = read_event_answers(table, signal=signal)
    if np.isfinite(answers.separation_deg).any():
        what, error, uncertainty = "direction", answers.separation_deg, table["direction_uncertainty_deg"]
    elif np.isfinite(answers.energy_error).any():
        relative = np.asarray(table["energy_uncertainty"]) / np.asarray(table["energy"])
        what, error, uncertainty = "energy", np.abs(answers.energy_error), relative
    else:
        nothing = np.full(len(table), np.nan)
        what, error, uncertainty = "", nothing, nothing
    of_gammas = np.where(np.isfinite(error), np.asarray(uncertainty, dtype=np.float64), np.nan)
    return _Known(answers, what, error, of_gammas)


def _good(known: _Known) -> FloatArray:
    good = (known.error <= _quantile(known.error, GOOD)) & ~(known.answers.gammaness < CUT)
    return np.where(good, known.answers.true_energy, np.nan)


def _typical(known: _Known) -> FloatArray:
    return np.asarray(-np.abs(known.error - _quantile(known.error, 0.5)))


def _misled(known: _Known) -> FloatArray:
    return np.where(known.uncertainty <= _quantile(known.uncertainty, SURE), known.error, np.nan)


def _background(known: _Known) -> FloatArray:
    return np.where(known.answers.is_gamma, np.nan, known.answers.gammaness)


def _lost(known: _Known) -> FloatArray:
    return np.where(known.answers.is_gamma, -known.answers.gammaness, np.nan)


_RULES: tuple[tuple[str, str, Merit], ...] = (
    (
        "Bright and well reconstructed",
        f"Of the gammas with an error of {{what}} among the smallest {100 * GOOD:.0f} %{{cut}}, the one of the highest "
        "true energy.",
        _good,
    ),
    ("Typical", "The gamma whose error of {what} is nearest the median of all gammas.", _typical),
    (
        "Sure, yet far off",
        f"Of the gammas with a stated uncertainty of {{what}} among the smallest {100 * SURE:.0f} %, the one with the "
        "largest error.",
        _misled,
    ),
    ("Background most like a gamma", "Of the other particles, the one of the highest gammaness.", _background),
    ("Gamma most like background", "Of the gammas, the one of the lowest gammaness.", _lost),
)
"""Title, text, and the merit of every event, NaN for those that are out of the question."""


def _quantile(values: FloatArray, level: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, level)) if len(known) else np.nan
