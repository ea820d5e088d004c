"""Intervals by resampling whole groups: rows of one observation or source are not independent."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Statistic = Callable[[FloatArray], FloatArray]
"""``(groups, draws)`` weights in, ``(scores, draws)`` out: each draw's scores with every row weighted by its group."""

CELLS_PER_CHUNK = 2_000_000
"""Largest number of row weights held at once: 16 MB, times the few arrays that a statistic makes of them."""


def bootstrap(statistic: Statistic, *, groups: int, rows: int, draws: int, seed: int) -> FloatArray:
    """Return the scores of ``draws`` tables made of as many groups, drawn with replacement.

    To draw groups with replacement is to weight them by a multinomial count (Efron & Tibshirani 1993, ch. 8), so no
    table is ever built. Memory stays bounded: weights are drawn in chunks, and the result does not depend on the
    size of the chunks.

    Parameters
    ----------
    statistic
        Gives the scores of many weightings at once.
    groups, rows
        Number of groups, and of rows in all.
    draws
        Number of resampled tables.
    seed
        Seed of the draws; the same seed gives the same weights.

    Returns
    -------
    ``(scores, draws)``, NaN where a draw leaves a score undefined.
    """
    rng = np.random.default_rng(seed)
    share = np.full(groups, 1 / groups)
    chunk = max(1, CELLS_PER_CHUNK // max(rows, groups))
    parts = [
        statistic(np.ascontiguousarray(rng.multinomial(groups, share, size=min(chunk, draws - start)).T, dtype=float))
        for start in range(0, draws, chunk)
    ]
    return np.concatenate(parts, axis=1)


def percentile_interval(samples: FloatArray, *, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Return the lower and upper ends ``(scores,)`` of the central ``confidence`` of each row of ``samples``.

    Draws that leave a score undefined are left out of its interval; a score that no draw defines has NaN.
    """
    low, high = np.full((2, len(samples)), np.nan)
    tail = (1 - confidence) / 2
    for score, values in enumerate(samples):
        defined = values[np.isfinite(values)]
        if defined.size:
            low[score], high[score] = np.quantile(defined, (tail, 1 - tail))
    return low, high
