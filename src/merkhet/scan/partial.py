"""Objects that are cut off: by the edge of their window, or by the edge of what was observed."""

import numpy as np
import numpy.typing as npt

from merkhet.io.catalog import Flag
from merkhet.scan.field import Field, Level

FloatArray = npt.NDArray[np.float64]
FlagArray = npt.NDArray[np.int32]

STRIP = 8
"""The strip at a side is one over so much of the window: 8 pixels of 64."""

PARTIAL_RATIO = 0.7
"""A strip brighter than this share of the central half belongs to something that goes on beyond it."""

LEAST_SIGMA = 3.0
"""The strip must also be brighter than its background by so many standard deviations."""

COARSE = 2
"""Level of the pyramid on which the edge of the survey is looked for; holes below its pixels are no edge."""

_ANGLES = np.deg2rad(np.arange(0, 360, 11.25))
_RADII = np.array([0.25, 0.5, 0.75, 1.0])
_QUARTER = np.pi / 4


def window_flags(counts: FloatArray, background: FloatArray) -> FlagArray:
    """Flag objects that go on beyond a side of their window.

    The published rule: the mean of the strip at a side over the mean of the central half is more than
    :data:`PARTIAL_RATIO`. Here both are means above the background, and the strip must stand out from its own
    (:data:`LEAST_SIGMA`): a window with nothing but background has bright strips otherwise.

    Parameters
    ----------
    counts, background
        Windows ``(n, w, w)``; zero where not valid.
    """
    side = counts.shape[-1]
    width, quarter = max(1, side // STRIP), side // 4
    middle = slice(quarter, side - quarter)
    excess = counts - background
    central = excess[:, middle, middle].mean(axis=(1, 2)).clip(min=0)
    flags = np.zeros(len(counts), dtype=np.int32)
    for flag, strip in _strips(width).items():
        light, expected = excess[:, *strip], background[:, *strip]
        stands_out = light.sum(axis=(1, 2)) > LEAST_SIGMA * np.sqrt(expected.sum(axis=(1, 2)) + 1)
        partial = stands_out & (light.mean(axis=(1, 2)) > PARTIAL_RATIO * central)
        flags |= np.where(partial, np.int32(flag), np.int32(0))
    return flags


def _strips(width: int) -> dict[Flag, tuple[slice, slice]]:
    whole, first, last = slice(None), slice(None, width), slice(-width, None)
    return {
        Flag.PARTIAL_TOP: (last, whole),
        Flag.PARTIAL_BOTTOM: (first, whole),
        Flag.PARTIAL_LEFT: (whole, first),
        Flag.PARTIAL_RIGHT: (whole, last),
    }


def footprint_flags(field: Field, *, x: FloatArray, y: FloatArray, radius_px: FloatArray) -> FlagArray:
    """Flag objects that reach beyond what was observed, on the tile and on those around it.

    ``EDGE`` where the circle of an object touches what was not; and the side towards which more than half of the
    circle's own rim, within a quarter turn, was not.

    Parameters
    ----------
    field
        The tile and the sky around it.
    x, y, radius_px
        ``(n,)`` circles, in pixels of the tile.
    """
    if not len(x):
        return np.zeros(0, dtype=np.int32)
    margin = int(np.ceil(np.max(radius_px) / 2**COARSE)) + 1
    level = field.level(COARSE, margin=margin)
    along_x = x[:, None, None] + radius_px[:, None, None] * _RADII[:, None] * np.cos(_ANGLES)
    along_y = y[:, None, None] + radius_px[:, None, None] * _RADII[:, None] * np.sin(_ANGLES)
    missing = ~_observed(level, along_x, along_y)  # (object, radius, angle)
    flags = np.where(missing.any(axis=(1, 2)), np.int32(Flag.EDGE), np.int32(0))
    towards = {Flag.PARTIAL_RIGHT: 0, Flag.PARTIAL_TOP: 1, Flag.PARTIAL_LEFT: 2, Flag.PARTIAL_BOTTOM: 3}
    for flag, quarter in towards.items():
        sector = np.cos(_ANGLES - quarter * np.pi / 2) > np.cos(_QUARTER)
        gone = missing[:, -1, sector].mean(axis=1) > 0.5
        flags |= np.where(gone, np.int32(flag), np.int32(0))
    return flags


def _observed(level: Level, x: FloatArray, y: FloatArray) -> npt.NDArray[np.bool_]:
    """Tell whether positions in pixels of the tile lie on pixels that are valid."""
    width = 2**level.level
    column = np.rint((x - level.origin[0]) / width).astype(np.int64)
    row = np.rint((y - level.origin[1]) / width).astype(np.int64)
    rows, columns = level.valid.shape
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    return np.asarray(inside & level.valid[row.clip(0, rows - 1), column.clip(0, columns - 1)])
