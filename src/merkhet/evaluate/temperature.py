"""Temperature: one number, fitted on validation rows, that makes a network as sure as it is right."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from merkhet.errors import InputError
from merkhet.evaluate.answers import FloatArray, Mode

WHERE = "temperature"
LIMITS = (0.05, 20.0)
"""Smallest and largest temperature that a fit returns."""
PRIOR_WIDTH = 1.0
"""Standard deviation of the prior of ln T: 95 % of it lies within a factor of 7 of T = 1."""
GRID = 31
"""Temperatures tried, 20 % apart, before the best one is refined."""


def fit_temperature(
    logits: npt.ArrayLike, truth: npt.ArrayLike, *, mode: Mode, weights: npt.ArrayLike | None = None
) -> float:
    r"""Return the temperature :math:`T` for which probabilities of ``logits / T`` have the smallest log loss.

    Guo, Pleiss, Sun & Weinberger 2017 (ICML), section 4.2, with a prior: where validation rows are separable the
    log loss falls forever as :math:`T \to 0`, and a few lucky rows would make a network infinitely sure. What is
    minimized is :math:`\sum_i w_i L_i(T) + (\ln T)^2 / 2`, that is, :math:`\ln T` is normal about 0 with width 1. The
    prior counts for little more than one row: for 200 rows it moves :math:`T` by a percent or two.

    Parameters
    ----------
    logits
        What the network gives before sigmoid or softmax: ``(n,)`` or ``(n, 1)`` binary, ``(n, classes)`` otherwise.
    truth
        Number of the class ``(n,)``, 0 or 1 where binary; multilabel: 0 or 1, ``(n, classes)``.
    mode
        Multilabel: all labels share the temperature, and the loss of a row is summed over them.
    weights
        Weight of each row ``(n,)``, scaled to mean one; all rows alike without them.

    Returns
    -------
    float
        Between the :data:`LIMITS`. Above 1, the network was too sure.

    Raises
    ------
    InputError
        There are no rows, a logit is not finite, or truth or weights do not fit the logits.
    """
    from scipy.optimize import minimize_scalar  # slow to import, and not needed where temperatures are only applied

    gaps = _gaps(np.asarray(logits, dtype=np.float64), np.asarray(truth), mode)
    weight = _weights(weights, len(gaps))

    largest = gaps.max(axis=2, keepdims=True)  # taken out of the exponentials, which would overflow
    below = gaps - largest

    def loss(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        of_rows = (largest[..., 0] * scale + np.log(np.exp(below * scale).sum(axis=2))).sum(axis=1)
        return float(weight @ of_rows + 0.5 * (log_temperature / PRIOR_WIDTH) ** 2)

    # Loss and prior are each unimodal in ln T, their sum need not be: the grid finds the deeper one of two minima.
    grid = np.linspace(np.log(LIMITS[0]), np.log(LIMITS[1]), GRID)
    best = int(np.argmin([loss(point) for point in grid]))
    around = (grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)])
    found = minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": 1e-6})
    return float(np.clip(np.exp(found.x), *LIMITS))


def apply_temperature(probabilities: npt.ArrayLike, temperature: float, *, mode: Mode) -> FloatArray:
    """Return the probabilities that logits divided by ``temperature`` would have given.

    It acts on probabilities, so that stored tables can be calibrated again, and is exact: a softmax knows its logits
    but for a constant, which cancels. Probabilities of 0 and 1 stay what they are. The most probable class stays the
    same; the decision of a threshold other than 0.5 may change.

    Parameters
    ----------
    probabilities
        ``(n, classes)`` as in a table of predictions: rows sum to one for binary (negative, positive) and multiclass,
        each label stands alone for multilabel. Any number of leading axes.
    temperature
        Above 0; 1 changes nothing.
    mode
        As the task has it.

    Raises
    ------
    InputError
        The temperature is not a number above 0, a probability is not one, or rows do not sum to one.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if not (np.isfinite(temperature) and temperature > 0):
        raise InputError(WHERE, f"it is {temperature:g}", expected="a number above 0")
    if not ((p >= 0) & (p <= 1)).all():  # NaN fails both
        raise InputError(WHERE, "some probabilities are not between 0 and 1", expected="probabilities")
    if mode == "multilabel":
        return np.asarray(expit(logit(p) / temperature))
    if p.size and np.abs(p.sum(axis=-1) - 1).max() > 1e-3:
        raise InputError(WHERE, f"rows of {mode} probabilities do not sum to one", expected="a column for each class")
    with np.errstate(divide="ignore"):
        scaled = np.log(p) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _gaps(logits: FloatArray, truth: npt.NDArray[Any], mode: Mode) -> FloatArray:
    """Return ``(n, questions, answers)``: how far each answer's logit lies above the true one's.

    The log loss of a question is the logarithm of the sum of their exponentials, for sigmoid and softmax alike.
    """
    if mode == "binary" and logits.ndim == 1:
        logits = logits[:, None]
    wanted = logits.shape if mode == "multilabel" else logits.shape[:1]
    if logits.ndim != 2 or truth.shape != wanted or (mode == "binary" and logits.shape[1] != 1):
        raise InputError(WHERE, f"logits {logits.shape} and truth {truth.shape} do not fit mode {mode}")
    if not logits.size:
        raise InputError(WHERE, "there are no rows to fit it on", action="Give validation rows")
    if not np.isfinite(logits).all():
        raise InputError(WHERE, "some logits are not finite", action="Look for a diverged training or NaN in the input")
    codes = range(logits.shape[1]) if mode == "multiclass" else (0, 1)
    if not np.isin(truth, codes).all():
        raise InputError(WHERE, f"truth holds other values than {codes[0]} to {codes[-1]}")
    if mode == "multiclass":
        return (logits - np.take_along_axis(logits, truth[:, None].astype(np.intp), axis=1))[:, None]
    against = np.where(truth.reshape(logits.shape) > 0, -logits, logits)
    return np.stack([np.zeros_like(against), against], axis=2)


def _weights(weights: npt.ArrayLike | None, rows: int) -> FloatArray:
    if weights is None:
        return np.ones(rows)
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (rows,) or not (values >= 0).all() or not 0 < values.sum() < np.inf:
        raise InputError(WHERE, "weights do not fit", expected=f"{rows} numbers, 0 or more, not all of them 0")
    return np.asarray(values / values.mean())
