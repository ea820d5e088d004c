"""Areas that pixels and the cells of a square grid have in common, exactly and without a loop over pixels."""

import numpy as np

from merkhet.models.cameras.lattice import FloatArray, IntArray

CHUNK = 2048  # pixels at a time: some 50 MB


def overlap_areas(
    positions: FloatArray, outline: FloatArray, *, side: float, width: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return cells, pixels and their common areas, where there are any.

    Parameters
    ----------
    positions
        ``(P, 2)``: centers of the pixels, counted from the corner of the grid; they lie inside it with their outlines.
    outline
        ``(V, 2)``: corners of every pixel about its center, counterclockwise and convex.
    side, width
        Side of a cell, and cells in a row.
    """
    cells = int(np.ceil(np.ptp(outline, axis=0).max() / side)) + 1  # that a pixel can touch along an axis
    parts = []
    for start in range(0, len(positions), CHUNK):
        center = positions[start : start + CHUNK]
        first = np.floor((center + outline.min(axis=0)) / side).astype(np.int64)
        # Corners of the cells, counted from the pixel's center: (n, cells + 1) along either axis.
        x, y = ((first[:, k, None] + np.arange(cells + 1)) * side - center[:, k, None] for k in (0, 1))
        below = area_below(outline, x[:, None, :], y[:, :, None])
        area = np.diff(np.diff(below, axis=1), axis=2)  # (n, rows, columns)
        pixel, row, column = np.nonzero(area > 1e-12 * side**2)
        cell = (first[pixel, 1] + row) * width + first[pixel, 0] + column
        parts.append((cell, pixel + start, area[pixel, row, column]))
    cell, pixel, area = (np.concatenate(column) for column in zip(*parts, strict=True))
    return cell, pixel, area


def area_below(outline: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the area of a convex polygon to the left of ``x`` and below ``y``; they broadcast.

    At each abscissa the polygon reaches from its lower to its upper side, both cut off at y: the area is the sum over
    the sides of the integral of min(side, y), the upper ones running backwards (Green's theorem).
    """
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape))
    for (x1, y1), (x2, y2) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if abs(x2 - x1) < 1e-12 * np.ptp(outline):
            continue  # an upright side has nothing below it
        slope = (y2 - y1) / (x2 - x1)
        low, high = min(x1, x2), max(x1, x2)
        end = np.clip(x, low, high)
        total -= np.sign(x2 - x1) * _below_line(low, end, y1 + slope * (low - x1), slope, y)
    return total


def _below_line(start: float, end: FloatArray, height: float, slope: float, y: FloatArray) -> FloatArray:
    """Integrate min(height + slope * (t - start), y) over t from start to end."""
    length = end - start
    whole = (height + slope * length / 2) * length
    if slope == 0:
        return np.where(height < y, whole, y * length)
    # Beyond this length a rising line is above y, a falling one below.
    crossing = np.clip((y - height) / slope, 0, length)
    before = (height + slope * crossing / 2) * crossing
    return before + y * (length - crossing) if slope > 0 else y * crossing + whole - before
