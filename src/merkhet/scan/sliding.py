"""Sums and maxima over a square window about each pixel, by doubling: a window of 7 takes four additions an axis."""

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
Kind = TypeVar("Kind", bound=np.generic)


def window_sums(image: npt.NDArray[Kind], side: int) -> npt.NDArray[Kind]:
    """Return the sum of the ``side x side`` pixels about each pixel; what lies beyond the image counts as 0.

    Pixels are added by halves, not along a running sum: whole numbers give whole numbers.

    Parameters
    ----------
    image
        ``(y, x)``.
    side
        Odd.
    """
    return _over_both_axes(image, side, np.add)


class Windows:
    """The sums of :func:`window_sums`, to the last bit, for those who want a few of them.

    Parameters
    ----------
    image
        ``(y, x)``, nothing below 0.
    side
        Odd.

    Attributes
    ----------
    lower_bound
        No window holds less.
    """

    def __init__(self, image: npt.NDArray[np.float32], side: int) -> None:
        self._columns = _over_rows(_padded(image, side), side, np.add)
        self._side = side
        inner = self._columns[:, side // 2 : side // 2 + image.shape[1]]
        self.lower_bound = min(side // 2 + 1, image.shape[1]) * float(inner.min(initial=np.inf))

    def at(self, place: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return the sums about pixels, given by their place in the flattened image."""
        width = self._columns.shape[1]
        first = place + place // (width - self._side + 1) * (self._side - 1)
        across = np.stack([self._columns.take(first + step) for step in range(self._side)])
        return np.asarray(_over_rows(across, self._side, np.add)[0], dtype=np.float32)


def dilated(mask: BoolArray, side: int) -> BoolArray:
    """Return which pixels have any of a mask ``(y, x)`` in the ``side x side`` pixels about them; ``side`` is odd."""
    return _over_both_axes(mask, side, np.logical_or)


def _over_both_axes(image: npt.NDArray[Kind], side: int, combine: Callable[..., Any]) -> npt.NDArray[Kind]:
    rows = _over_rows(_padded(image, side), side, combine)
    return _over_rows(rows.T, side, combine).T


def _padded(image: npt.NDArray[Kind], side: int) -> npt.NDArray[Kind]:
    if side < 1 or side % 2 == 0:
        raise ValueError(f"a window of {side} px has no middle pixel")
    return np.pad(image, side // 2)


def _over_rows(values: npt.NDArray[Kind], side: int, combine: Callable[..., Any]) -> npt.NDArray[Kind]:
    """Combine each ``side`` successive rows: 1, 2, 4 ... of them, and of these the ones that add up to ``side``."""
    number, width, first = len(values) - side + 1, 1, 0
    parts: list[npt.NDArray[Kind]] = []
    while True:
        if side & width:
            parts.append(values[first : first + number])
            first += width
        if 2 * width > side:
            return reduce(combine, parts)
        values, width = combine(values[:-width], values[width:]), 2 * width
