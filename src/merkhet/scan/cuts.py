"""Square windows cut out of a tile, many at a time, and brought to another size with their photons kept."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merkhet.errors import ConfigError
from merkhet.scan.field import Level

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WindowGrid:
    """Where the windows of one size lie on a tile: at 0, ``stride``, 2 ``stride``, ... until every pixel is in one.

    The last ones reach beyond the tile where ``stride`` does not divide it.

    Attributes
    ----------
    window, stride
        Side and distance of the windows in pixels.
    rows, columns
        Their number.
    """

    window: int
    stride: int
    rows: int
    columns: int

    @classmethod
    def over(cls, shape: tuple[int, int], *, window: int, stride: int) -> "WindowGrid":
        """Return the windows that cover a tile of ``shape`` ``(y, x)``.

        Raises
        ------
        ConfigError
            The stride would leave pixels between the windows.
        """
        if not 1 <= stride <= window:
            raise ConfigError(f"stride {stride}: expected 1 to {window}, the window, so that every pixel is in one")
        rows, columns = (1 + max(0, -(-(length - window) // stride)) for length in shape)
        return cls(window, stride, rows, columns)

    def overhang(self, shape: tuple[int, int]) -> int:
        """Return how many pixels the last windows reach beyond the tile, at most."""
        counts = zip(shape, (self.rows, self.columns), strict=True)
        return max((number - 1) * self.stride + self.window - length for length, number in counts)

    def batches(self, wanted: npt.NDArray[np.bool_], *, size: int) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield rows and columns of the wanted windows, ``size`` at a time."""
        places = np.flatnonzero(wanted)
        for start in range(0, len(places), size):
            yield np.divmod(places[start : start + size], self.columns)


class Cutter:
    """Cuts windows out of a level of a field.

    Parameters
    ----------
    level
        Level 0, with the margin that windows may reach into; beyond it nothing is valid.
    """

    def __init__(self, level: Level) -> None:
        self._margin = level.margin
        self._planes = {
            "signal": level.counts,
            "exposure": level.exposure,
            "background": level.background,
            "valid": level.valid,
        }

    def cut(self, what: str, x: IntArray, y: IntArray, *, size: int) -> npt.NDArray[np.generic]:
        """Return windows ``(n, size, size)`` of a plane, their first pixels at ``x``, ``y`` of the tile.

        Raises
        ------
        IndexError
            A window reaches beyond the margin.
        """
        windows = np.lib.stride_tricks.sliding_window_view(self._planes[what], (size, size))
        rows, columns = np.asarray(y) + self._margin, np.asarray(x) + self._margin
        if len(rows) and min(rows.min(), columns.min()) < 0:
            raise IndexError("a window begins outside the margin")
        return np.asarray(windows[rows, columns])

    def valid_share(self, grid: WindowGrid) -> npt.NDArray[np.float64]:
        """Return which share of each window's pixels is valid, ``(rows, columns)``, from one table of sums."""
        sums = np.pad(np.cumsum(np.cumsum(self._planes["valid"], axis=0, dtype=np.int64), axis=1), ((1, 0), (1, 0)))
        first_row = self._margin + grid.stride * np.arange(grid.rows)
        first_column = self._margin + grid.stride * np.arange(grid.columns)
        below, above = sums[first_row], sums[first_row + grid.window]
        inside = (above - below)[:, first_column + grid.window] - (above - below)[:, first_column]
        return np.asarray(inside / grid.window**2)


def rebin(windows: FloatArray, size: int) -> FloatArray:
    """Bring windows ``(n, w, w)`` to ``(n, size, size)`` and keep their sums: photons are shared out by area.

    Where ``size`` divides ``w`` these are sums over blocks of pixels.
    """
    width = windows.shape[-1]
    if width == size:
        return windows
    shares = _shares(width, size)
    return np.asarray(shares @ windows @ shares.T)


def _shares(width: int, size: int) -> FloatArray:
    """Return ``(size, width)``: the share of each of ``width`` pixels that lies in each of ``size`` larger ones."""
    edges = np.arange(size + 1) * (width / size)
    pixels = np.arange(width)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(overlap.clip(0, 1), dtype=np.float32)
