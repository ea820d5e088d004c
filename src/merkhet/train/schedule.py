"""Learning-rate schedules as functions of the step alone, so that a resumed run has nothing to restore."""

import math
from dataclasses import dataclass

from merkhet.config.training import Cosine, Plateau, Schedule, WarmRestarts


def rate_factor(config: Schedule, *, epoch: float, epochs: int) -> float:
    """Return what the base learning rate is multiplied by.

    Parameters
    ----------
    config
        The schedule.
    epoch
        Time since the start in epochs, fractions included.
    epochs
        Length of the training.

    Notes
    -----
    Warm-up rises linearly from 1 % over ``warmup_epochs``; the schedule proper starts after it. Cosine and warm
    restarts follow equation 5 of Loshchilov & Hutter (2017). The plateau's factor is kept by
    :class:`PlateauState`, since it depends on scores.
    """
    warmup = config.warmup_epochs
    if epoch < warmup:
        return 0.01 + 0.99 * epoch / warmup
    since = epoch - warmup
    if isinstance(config, Cosine):
        return _cosine(since / max(epochs - warmup, 1e-9), config.min_factor)
    if isinstance(config, WarmRestarts):
        return _cosine(_restart_phase(since, config), config.min_factor)
    return 1.0


def _cosine(phase: float, minimum: float) -> float:
    return minimum + (1 - minimum) * (1 + math.cos(math.pi * min(phase, 1.0))) / 2


def _restart_phase(since: float, config: WarmRestarts) -> float:
    period = float(config.t0_epochs)
    if config.t_mult == 1:
        return since % period / period
    # The k-th restart is at t0 (t_mult^k - 1) / (t_mult - 1).
    k = math.floor(math.log(since / period * (config.t_mult - 1) + 1, config.t_mult) + 1e-12)
    growth = float(config.t_mult) ** k
    start = period * (growth - 1) / (config.t_mult - 1)
    return (since - start) / (period * growth)


@dataclass
class PlateauState:
    """The part of the plateau schedule that remembers: the best score, bad epochs and the factor so far.

    Follows torch's ``ReduceLROnPlateau`` (mode min, relative threshold 1e-4).
    """

    factor: float = 1.0
    best: float = math.inf
    bad_epochs: int = 0

    def update(self, score: float, config: Plateau, *, base_rate: float) -> None:
        """Take the score of an epoch; lower is better."""
        if math.isinf(self.best) or score < self.best - 1e-4 * abs(self.best):
            self.best, self.bad_epochs = score, 0
            return
        self.bad_epochs += 1
        if self.bad_epochs > config.patience:
            self.factor = max(self.factor * config.factor, config.min_lr / base_rate)
            self.bad_epochs = 0
