"""Distributions whose width is learned with their middle, and what makes such widths true."""

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from merkhet.evaluate.cherenkov.coverage import CONTAINMENT

RADIUS = {1: 1.0, 2: float(np.sqrt(-2 * np.log(1 - CONTAINMENT)))}
"""How many standard deviations hold that share, of a normal distribution in one dimension or on a plane."""

LOG_VARIANCE = (-12.0, 8.0)
"""Range of the logarithm of a variance in a loss: beyond it, a single row would decide alone."""

SHARPEST = 1e-3
"""Distance below which a distance counts as none: its square root has no slope at zero."""

FEWEST = 20
"""Rows that a width is fitted on at least; with fewer it stays what it was."""


def laplace_loss(difference: Tensor, log_variance: Tensor, *, rows: Tensor, beta: float) -> Tensor:
    """Return the mean negative logarithm of a likelihood that falls exponentially with distance, but for a constant.

    On a line that is Laplace's: its best value is the median of what is possible and not the mean, on a plane the
    point from which the distances are least. Where an image leaves two directions open, head or tail, that is the
    likelier one, and not the middle, where nothing came from. Each row is weighted by its variance to the power
    ``beta``, which is not learned from: so rows that are hard do not fall out of the training (Seitzer et al. 2022,
    arXiv:2203.09168, equation 5).

    Parameters
    ----------
    difference
        ``(B, D)``: what was found less the truth; D is 1 or 2.
    log_variance
        ``(B,)``: logarithm of the variance in each of the D directions.
    rows
        bool ``(B,)``: which rows count; without any the loss is 0.
    """
    # A row that does not count may have no truth: NaN times 0 would be NaN in the gradient.
    difference = torch.where(rows[:, None], difference, 0.0)
    log_variance = log_variance.clamp(*LOG_VARIANCE)
    dimensions = difference.shape[1]
    # exp(-r / s) has the variance 2 s2 on a line, and 3 s2 along either axis of a plane.
    log_scale = 0.5 * (log_variance - math.log(dimensions + 1))
    distance = (difference.square().sum(dim=1) + SHARPEST**2).sqrt()
    each = distance * torch.exp(-log_scale) + dimensions * log_scale
    weight = torch.exp(beta * log_variance).detach() * rows
    return (each * weight).sum() / rows.sum().clamp(min=1)


def fit_width(difference: npt.NDArray[np.floating], sigma: npt.NDArray[np.floating]) -> float:
    """Return what standard deviations are multiplied by, so that the share :data:`CONTAINMENT` lies within.

    Parameters
    ----------
    difference
        ``(n, D)``: what was found less the truth; D is 1 or 2.
    sigma
        ``(n,)``: standard deviation in each direction.
    """
    if len(difference) < FEWEST:
        return 1.0
    distance = np.linalg.norm(difference, axis=1) / sigma
    return float(np.quantile(distance, CONTAINMENT) / RADIUS[difference.shape[1]])
