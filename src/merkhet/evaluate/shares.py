"""Shares of rows, such as a recall, with intervals that hold at 0 and 1 and know that rows of a group are alike."""

from dataclasses import dataclass

import numpy as np

from merkhet.evaluate.answers import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Share:
    r"""How many of some rows are so, and how many independent rows that is worth.

    Rows of one group go wrong together. For :math:`k_g` of :math:`n_g` rows in :math:`G` groups, the share
    :math:`p = \sum k_g / n` has the variance :math:`\frac{G}{G-1} \sum_g (k_g - n_g p)^2 / n^2` (the linearized
    variance of a ratio, Cochran 1977, section 6.3). As many independent rows :math:`p (1 - p) / \mathrm{var}` would
    have it: no more than there are, and as many as there are groups where the variance is zero. After Korn & Graubard
    (1998, Survey Methodology 24, 193), but with the interval of Jeffreys' prior (Brown, Cai & DasGupta 2001,
    Statistical Science 16, 101) in place of Clopper and Pearson's. A bootstrap cannot do that: where no row is wrong,
    none of its tables has an error.

    Attributes
    ----------
    value
        NaN where there is no row.
    independent
        NaN with fewer than two groups, from which no interval follows.
    """

    value: float
    independent: float

    @classmethod
    def of(cls, yes: BoolArray, group: IntArray) -> "Share":
        """Measure ``(n,)`` rows, each of the group of that number."""
        if not len(yes):
            return cls(np.nan, np.nan)
        rows = np.bincount(group)
        hits, rows = np.bincount(group, yes)[rows > 0], rows[rows > 0]
        value, groups = float(yes.mean()), len(rows)
        if groups < 2:
            return cls(value, np.nan)
        variance = groups / (groups - 1) * ((hits - rows * value) ** 2).sum() / len(yes) ** 2
        worth = value * (1 - value) / variance if variance > 0 else groups
        return cls(value, float(min(worth, len(yes))))

    def draw(self, rng: np.random.Generator, *, size: int, about: FloatArray | None = None) -> FloatArray:
        """Draw shares ``(size,)`` that the rows are compatible with; NaN where nothing is known.

        ``about`` holds what the rows would come to, one number per draw, where that is not always ``value``: with
        other thresholds, say.
        """
        if not np.isfinite(self.independent):
            return np.full(size, np.nan)
        center = np.full(size, self.value) if about is None else about
        return rng.beta(self.independent * center + 0.5, self.independent * (1 - center) + 0.5)


def interval(value: float, draws: FloatArray, *, confidence: float) -> dict[str, float | None]:
    """Return ``{value, low, high}``, ready for JSON: the central ``confidence`` of the draws, the value among them."""
    low, high = np.nan, np.nan
    if np.isfinite(draws).any() and np.isfinite(value):
        tail = (1 - confidence) / 2
        low, high = np.nanquantile(draws, (tail, 1 - tail))
        low, high = min(low, value), max(high, value)
    return {
        name: float(number) if np.isfinite(number) else None
        for name, number in (("value", value), ("low", low), ("high", high))
    }
