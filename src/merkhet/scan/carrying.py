"""Pixel coordinates carried from one image of the sky to another: exactly on nodes, and linearly between."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from merkhet.scan.footprints import Footprint

FloatArray = npt.NDArray[np.float64]

NODE_PX = 64
"""Distance of the nodes. Over 64 pixels of 4" a straight line leaves the projected one by thousandths of a pixel."""


def carry(
    x: npt.NDArray[np.floating], y: npt.NDArray[np.floating], *, source: Footprint, target: Footprint
) -> tuple[FloatArray, FloatArray]:
    """Return where positions in pixels of ``source`` lie in pixels of ``target``: ``x``, then ``y``."""
    axes = [spread_nodes(0, n - 1) for n in source.shape]
    where = [(place - axis[0]) / (axis[1] - axis[0]) for place, axis in zip((y, x), axes, strict=True)]
    there = _at_nodes(axes[0], axes[1], source=source, target=target)
    found = [map_coordinates(node, where, order=1, mode="nearest", prefilter=False) for node in there]
    return found[0], found[1]


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
    below, across = (_weights(places, axis) for places, axis in zip((y, x), axes, strict=True))
    there = _at_nodes(axes[0], axes[1], source=source, target=target)
    return below @ there[0] @ across.T, below @ there[1] @ across.T


def spread_nodes(first: float, last: float, *, step: float = NODE_PX) -> FloatArray:
    """Return equidistant nodes from ``first`` to ``last``, at least two, at most ``step`` apart."""
    last = max(last, first + 1)
    return np.linspace(first, last, max(2, int(np.ceil((last - first) / step)) + 1))


def _at_nodes(
    rows: FloatArray, columns: FloatArray, *, source: Footprint, target: Footprint
) -> tuple[FloatArray, FloatArray]:
    grid_y, grid_x = np.meshgrid(rows, columns, indexing="ij")
    return target.pixels(*source.sky(grid_x, grid_y))


def _weights(places: FloatArray, nodes: FloatArray) -> FloatArray:
    """Return the weights ``(places, nodes)`` of linear interpolation between equidistant nodes."""
    step = nodes[1] - nodes[0]
    return np.asarray(np.clip(1 - np.abs(places[:, None] - nodes) / step, 0, None))
