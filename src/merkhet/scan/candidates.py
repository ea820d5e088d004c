"""From a network's answers to one candidate per object: peaks of the grids, merged across windows and scales."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree

from merkhet.scan.grid import Grid

SAME_OBJECT_RATIO = 4.0
"""Candidates that lie within each other are one object if their radii differ by no more than this factor."""

KIND = "p_"
"""Maps of a grid that begin so hold the probability of a kind."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def peaks(grids: Sequence[Grid], *, least_logit: float) -> Table:
    """Return the cells whose logit is the largest among their eight neighbors, from every grid.

    Parameters
    ----------
    grids
        Answers on the levels of one tile, in any order.
    least_logit
        Peaks below it are left out.

    Returns
    -------
    Table
        ``x``, ``y`` (pixels of the tile: the cell's center moved by ``dx`` and ``dy``), ``size_arcsec``, ``score``
        (logit), ``label`` (the likeliest kind), ``scale_px`` (side of the cell), ``cell_x`` and ``cell_y`` (the
        cell's center), ``score_finer`` and ``score_coarser``: the largest logit among the 3 x 3 cells around the
        position in the grid of the next smaller and the next larger cells; NaN where there is none. Strongest first.

    Notes
    -----
    Of equal neighbors (a blank field) the last in the order of the array is the peak.
    """
    ordered = sorted(grids, key=lambda grid: grid.step)
    found = [_peaks_of(grid, least_logit=least_logit) for grid in ordered]
    for place, columns in enumerate(found):
        for name, other in (("score_finer", place - 1), ("score_coarser", place + 1)):
            beside = ordered[other] if 0 <= other < len(ordered) else None
            columns[name] = _largest_near(beside, columns["x"], columns["y"])
    columns = {name: np.concatenate([_EMPTY[name], *(part[name] for part in found)]) for name in _COLUMNS}
    order = np.argsort(-_floats(columns["score"]), kind="stable")
    return Table({name: values[order] for name, values in columns.items()})


_COLUMNS = ("x", "y", "size_arcsec", "score", "label", "scale_px", "cell_x", "cell_y", "score_finer", "score_coarser")
_EMPTY: dict[str, npt.NDArray[np.generic]] = {
    name: np.empty(0, dtype=str if name == "label" else np.float64) for name in _COLUMNS
}


def _peaks_of(grid: Grid, *, least_logit: float) -> dict[str, npt.NDArray[np.generic]]:
    logit = _logit(grid)
    rank = np.empty(logit.shape, dtype=np.int64)  # tells equal logits apart, so that no two neighbors are both peaks
    rank.flat[np.argsort(logit, axis=None, kind="stable")] = np.arange(logit.size)
    highest = maximum_filter(rank, size=3, mode="constant", cval=-1)
    rows, columns = np.nonzero((rank == highest) & (logit >= least_logit) & np.isfinite(logit))
    xs, ys = grid.positions()
    at = {name: values[rows, columns].astype(np.float64) for name, values in grid.maps.items()}
    return {
        "x": xs[columns] + at["dx"],
        "y": ys[rows] + at["dy"],
        "size_arcsec": at["size_arcsec"],
        "score": at["logit"],
        "label": _likeliest({name: values for name, values in at.items() if name.startswith(KIND)}),
        "scale_px": np.full(len(rows), float(grid.step)),
        "cell_x": xs[columns],
        "cell_y": ys[rows],
    }


def _likeliest(kinds: dict[str, FloatArray]) -> npt.NDArray[np.str_]:
    names = np.array([name.removeprefix(KIND) for name in kinds])
    return np.asarray(names[np.argmax(np.stack(list(kinds.values())), axis=0)])


def _logit(grid: Grid) -> FloatArray:
    return np.where(grid.covered, grid.maps["logit"], -np.inf).astype(np.float64)


def _largest_near(grid: Grid | None, x: npt.NDArray[np.generic], y: npt.NDArray[np.generic]) -> FloatArray:
    """Return the largest logit of the 3 x 3 cells around each position; NaN off the grid."""
    if grid is None or not grid.covered.size:
        return np.full(len(x), np.nan)
    rows, columns = grid.covered.shape
    column = np.rint((x.astype(np.float64) - grid.origin[0]) / grid.step).astype(np.int64)
    row = np.rint((y.astype(np.float64) - grid.origin[1]) / grid.step).astype(np.int64)
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    largest = maximum_filter(_logit(grid), size=3, mode="constant", cval=-np.inf)
    value = largest[row.clip(0, rows - 1), column.clip(0, columns - 1)]
    return np.where(inside & np.isfinite(value), value, np.nan)


def merge(candidates: Table, *, pixel_arcsec: float) -> Table:
    """Return one candidate per object: the strongest of those that windows and scales saw of it, as it is.

    Parameters
    ----------
    candidates
        Columns ``x``, ``y``, ``scale_px`` (pixels), ``size_arcsec`` (radius), ``score``, and any others.
    pixel_arcsec
        Side of a pixel; NaN where not known: then half of ``scale_px`` stands for the radius.

    Returns
    -------
    Table
        Some of the rows, strongest first. Merged once more, they all stay.

    Notes
    -----
    See :func:`strongest` for what is taken for one object. The radius is at least half of ``scale_px``: windows and
    cells do not tell closer objects apart. No chain of neighbors joins two objects: only what touches the strongest
    goes with it.
    """
    points = np.stack([_floats(candidates["x"]), _floats(candidates["y"])], axis=1)
    radius = radii_px(candidates, pixel_arcsec=pixel_arcsec)
    score = _floats(candidates["score"])
    kept = strongest(points, radius, score)
    return candidates[np.flatnonzero(kept)[np.argsort(-score[kept], kind="stable")]]


def radii_px(candidates: Table, *, pixel_arcsec: float) -> FloatArray:
    """Return the radius of each candidate in pixels, no less than half its window or cell."""
    least = _floats(candidates["scale_px"]) / 2
    return np.fmax(_floats(candidates["size_arcsec"]) / pixel_arcsec, least)


def strongest(points: FloatArray, radius: FloatArray, score: FloatArray) -> BoolArray:
    """Tell which of many circles are the strongest of the object that they show.

    Two circles show one object if the center of one lies within the smaller of the two, or within the larger and the
    radii differ by no more than :data:`SAME_OBJECT_RATIO`. The strongest circle of all is kept and what shows the same
    object is dropped; then the strongest of the others, and so on.

    Parameters
    ----------
    points
        ``(n, d)`` centers.
    radius
        ``(n,)`` in the same unit, finite.
    score
        ``(n,)``; of equal ones the first is the stronger.
    """
    order = np.argsort(-score, kind="stable")
    first, second = _same_object(points[order], radius[order])
    kept = np.empty(len(order), dtype=bool)
    kept[order] = _suppress(first, second, len(order))
    return kept


def _same_object(points: FloatArray, radius: FloatArray) -> tuple[IntArray, IntArray]:
    """Return the pairs of circles that show one object, the smaller index first."""
    if not len(points):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    near = cKDTree(points).query_ball_point(points, radius, return_sorted=False)
    larger = np.repeat(np.arange(len(points)), [len(found) for found in near])
    smaller = np.concatenate([np.asarray(found, dtype=np.int64) for found in near])
    ordered = (radius[smaller] <= radius[larger]) & (smaller != larger)
    larger, smaller = larger[ordered], smaller[ordered]
    apart = np.linalg.norm(points[larger] - points[smaller], axis=1)
    alike = radius[larger] <= SAME_OBJECT_RATIO * radius[smaller]
    one = alike | (apart <= radius[smaller])
    return np.minimum(larger, smaller)[one], np.maximum(larger, smaller)[one]


def _suppress(first: IntArray, second: IntArray, count: int) -> BoolArray:
    """Return which of ``count`` items, strongest first, stay when each drops the weaker ones that it is paired with.

    Each round settles at once all items that have no stronger one left beside them.
    """
    kept = np.ones(count, dtype=bool)
    settled = np.zeros(count, dtype=bool)
    while len(first):
        strong = np.ones(count, dtype=bool)
        strong[second] = False
        dropped = second[strong[first]]
        kept[dropped], settled[dropped] = False, True
        settled |= strong
        left = ~(settled[first] | settled[second])
        first, second = first[left], second[left]
    return kept


def _floats(column: npt.ArrayLike) -> FloatArray:
    return np.asarray(column, dtype=np.float64)
