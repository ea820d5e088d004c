"""Pixel coordinates carried from one image of the sky to another: exactly on nodes, and linearly between."""

import numpy as np
import numpy.typing as npt

from merkhet.scan.footprints import Footprint

FloatArray = npt.NDArray[np.float64]

NODE_PX = 64
"""Distance of the nodes. Over 64 pixels of 4" a straight line leaves the projected one by thousandths of a pixel."""


def carry(
    x: npt.NDArray[np.floating], y: npt.NDArray[np.floating], *, source: Footprint, target: Footprint
) -> tuple[FloatArray, FloatArray]:
    """Return where positions in pixels of ``source`` lie in pixels of ``target``: ``x``, then ``y``."""
    axes = [spread_nodes(0, n - 1) for n in source.shape]
    (row, up), (column, right) = (_between(place, axis) for place, axis in zip((y, x), axes, strict=True))
    there = _at_nodes(axes[0], axes[1], source=source, target=target)
    corner, next_row = row * len(axes[1]) + column, len(axes[1])

    def at(node: FloatArray) -> FloatArray:
        below, above = (
            node.take(first) * (1 - right) + node.take(first + 1) * right for first in (corner, corner + next_row)
        )
        return below * (1 - up) + above * up

    return at(there[0]), at(there[1])


def carry_grid(
    x: FloatArray, y: FloatArray, *, width: int, source: Footprint, target: Footprint
) -> tuple[FloatArray, FloatArray]:
    """Return where a grid ``(y, x)`` of pixels of ``source`` lies in pixels of ``target``: ``x``, then ``y``.

    Parameters
    ----------
    x, y
        Of the columns and rows, ascending.
    width
        Of the grid's cells in pixels. The nodes are farther apart by its root: what a straight line leaves the
        projected one by grows with the square of their distance, and so stays the same small part of a cell.
    source, target
        The images.
    """
    axes = [spread_nodes(places[0], places[-1], step=NODE_PX * np.sqrt(width)) for places in (y, x)]
    rows, columns = (_between(places, axis) for places, axis in zip((y, x), axes, strict=True))
    there = _at_nodes(axes[0], axes[1], source=source, target=target)
    found = [_interpolated(np.ascontiguousarray(_interpolated(node.T, columns).T), rows) for node in there]
    return found[0], found[1]


def spread_nodes(first: float, last: float, *, step: float = NODE_PX) -> FloatArray:
    """Return equidistant nodes from ``first`` to ``last``, at least two, at most ``step`` apart."""
    last = max(last, first + 1)
    return np.linspace(first, last, max(2, int(np.ceil((last - first) / step)) + 1))


def _at_nodes(
    rows: FloatArray, columns: FloatArray, *, source: Footprint, target: Footprint
) -> tuple[FloatArray, FloatArray]:
    grid_y, grid_x = np.meshgrid(rows, columns, indexing="ij")
    return target.pixels(*source.sky(grid_x, grid_y))


def _between(places: npt.NDArray[np.floating], nodes: FloatArray) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Return the node before each place, and how far it is from there to the next: 0 to 1."""
    steps = (places.astype(np.float64) - nodes[0]) / (nodes[1] - nodes[0])
    before = np.clip(steps.astype(np.int64), 0, len(nodes) - 2)
    return before, steps - before


def _interpolated(values: FloatArray, between: tuple[npt.NDArray[np.int64], FloatArray]) -> FloatArray:
    """Return rows between those of ``values``."""
    # No matrix product: libraries of linear algebra would set all cores to work on it, which the network needs.
    before, share = between
    result = values[before + 1]
    result -= values[before]
    result *= share[:, None]
    result += values[before]
    return result
