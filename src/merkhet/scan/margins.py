"""The margin of a tile, filled with what its neighbors saw there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from merkhet.scan.carrying import carry, carry_grid, spread_nodes
from merkhet.scan.footprints import Footprint, separations_deg
from merkhet.scan.neighbors import Neighbor, map_level
from merkhet.scan.pyramid import FloatImage, Layers

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]
Area: TypeAlias = tuple[slice, slice]
"""Rows and columns of a level, counted from the tile's first pixel: below 0 before it."""

_FAR = 2**40  # pixels: beyond any margin


@dataclass(frozen=True, eq=False)
class Placed:
    """A neighbor's photons on the pixels of a tile, those on the tile itself left out.

    Attributes
    ----------
    column, row
        Pixels of the tile ``(n,)``.
    counts
        Photons in each ``(n,)``.
    beyond
        How many columns or rows, whichever are more, each lies beyond the tile ``(n,)``.
    """

    column: IntArray
    row: IntArray
    counts: FloatImage
    beyond: IntArray

    def within(self, reach_px: int) -> tuple[IntArray, IntArray, FloatImage]:
        """Return column, row and counts of those no farther beyond the tile than so many pixels."""
        near = self.beyond <= reach_px
        return self.column[near], self.row[near], self.counts[near]


class Beside:
    """A neighbor as one tile sees it; what several levels ask for is kept.

    Parameters
    ----------
    neighbor
        The neighbor.
    place
        Where the tile lies.

    Attributes
    ----------
    gap_deg
        The least distance that the circles around the two leave between them.
    """

    def __init__(self, neighbor: Neighbor, place: Footprint) -> None:
        self._neighbor, self._place = neighbor, place
        self._maps: dict[int, Layers] = {}
        self.footprint = neighbor.footprint
        apart = float(separations_deg(self.footprint.vector, place.vector))
        self.gap_deg = apart - place.radius_deg - self.footprint.radius_deg

    @property
    def pixel_area(self) -> float:
        """Area of a pixel of the tile, in pixels of the neighbor."""
        return (self._place.pixel_arcsec / self.footprint.pixel_arcsec) ** 2

    def maps(self, level: int) -> Layers:
        """Return the neighbor's maps that go with a level."""
        own = map_level(level)
        if own not in self._maps:
            self._maps[own] = self._neighbor.maps(own)
        return self._maps[own]

    def covered(self, area: Area, level: int) -> Area | None:
        """Return what of an area of a level a box around the neighbor holds; None for nothing."""
        edges = tuple(edge >> level for edge in self._outline)
        rows, columns = (
            slice(max(part.start, first), min(part.stop, last + 1))
            for part, first, last in zip(area, edges[::2], edges[1::2], strict=True)
        )
        return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None

    def pixels(self, area: Area, level: int) -> tuple[FloatArray, FloatArray]:
        """Return the neighbor's pixel coordinates of the centers of the pixels of an area: ``x``, then ``y``."""
        width = 2**level
        rows, columns = (np.arange(part.start, part.stop) * width + (width - 1) / 2 for part in area)
        return carry_grid(columns, rows, width=width, source=self._place, target=self.footprint)

    @cached_property
    def photons(self) -> Placed:
        """The neighbor's photons."""
        photons = self._neighbor.photons()
        x, y = carry(photons.x, photons.y, source=self.footprint, target=self._place)
        seen = np.isfinite(x) & np.isfinite(y)
        column, row = np.rint(x[seen]).astype(np.int32), np.rint(y[seen]).astype(np.int32)
        rows, columns = self._place.shape
        beyond = np.maximum(np.maximum(-column, column - columns + 1), np.maximum(-row, row - rows + 1))
        out = beyond > 0
        return Placed(column[out], row[out], photons.counts[seen][out], beyond[out])

    @cached_property
    def _outline(self) -> tuple[int, ...]:
        """The first and last row, the first and last column that the neighbor covers: all where it is not known.

        Its edges are curves on the tile, followed on a grid of nodes.
        """
        grid = np.meshgrid(*(spread_nodes(-0.5, n - 0.5) for n in self.footprint.shape), indexing="ij")
        x, y = self._place.pixels(*self.footprint.sky(grid[1], grid[0]))
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            return -_FAR, _FAR, -_FAR, _FAR
        ends = (y.min() - 1, y.max() + 1, x.min() - 1, x.max() + 1)
        return tuple(int(np.clip(np.rint(end), -_FAR, _FAR)) for end in ends)


def fill(image: FloatImage, valid: BoolArray, neighbors: Sequence[Beside], *, margin: int, level: int) -> None:
    """Fill the margin of a level in place: each pixel from that neighbor in which it lies farthest from the edge.

    Parameters
    ----------
    image
        float32 ``(3, y, x)``, counts, exposure and background. What is on the margin is replaced: by zeros where no
        neighbor has observed anything.
    valid
        bool ``(y, x)``, likewise.
    neighbors
        Those that may reach the margin.
    margin
        Its width in pixels.
    level
        Level of the pyramid.
    """
    source = np.full(valid.shape, -1, dtype=np.int16)
    for side in _sides(valid.shape, margin):
        image[:, *side] = 0
        depth = np.zeros(valid[side].shape, dtype=np.float32)
        above, across = (slice(part.start - margin, part.stop - margin) for part in side)
        area = above, across
        for number, neighbor in enumerate(neighbors):
            part = neighbor.covered(area, level)
            if part is not None:
                rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, area, strict=True))
                maps = image[:, *side][1:, rows, columns]
                taken = _fill_maps(maps, depth[rows, columns], neighbor, area=part, level=level)
                source[side][rows, columns][taken] = number
        np.greater_equal(source[side], 0, out=valid[side])
    for number, neighbor in enumerate(neighbors):
        _drop_photons(image[0], neighbor, margin=margin, level=level, source=source, number=number)


def _fill_maps(maps: FloatImage, depth: FloatImage, neighbor: Beside, *, area: Area, level: int) -> BoolArray:
    """Set exposure, background and depth where a neighbor reaches deeper; return where it does and observed."""
    x, y = neighbor.pixels(area, level)
    here = neighbor.footprint.depth(x, y) * neighbor.footprint.pixel_arcsec
    taken = here > depth  # NaN is not
    kept, own_level = neighbor.maps(level), map_level(level)
    # A pixel that is deeper than 0 lies on the neighbor: nothing is negative, and what is cut off is the fraction.
    row, column = (((place[taken] + 0.5) * 0.5**own_level).astype(np.int64) for place in (y, x))
    cell = row * kept.observed.shape[1] + column
    observed = kept.observed.take(cell) > 0
    taken[taken] = observed
    cell = cell[observed]
    depth[taken] = here[taken]
    maps[0][taken] = kept.exposure.take(cell)
    maps[1][taken] = kept.background.take(cell) * np.float32(4.0 ** (level - own_level) * neighbor.pixel_area)
    return taken


def _drop_photons(
    counts: FloatImage, neighbor: Beside, *, margin: int, level: int, source: npt.NDArray[np.int16], number: int
) -> None:
    """Add the photons of a neighbor, of that number, to the pixels of which it is the source."""
    column, row, photons = neighbor.photons.within((margin + 1) << level)
    column, row = (column >> level) + margin, (row >> level) + margin  # a shift rounds down, also below zero
    inside = (column >= 0) & (column < counts.shape[1]) & (row >= 0) & (row < counts.shape[0])
    column, row, photons = column[inside], row[inside], photons[inside]
    mine = source[row, column] == number
    np.add.at(counts, (row[mine], column[mine]), photons[mine])


def _sides(shape: tuple[int, ...], margin: int) -> Iterator[Area]:
    """Yield the four parts of a margin around an image: below and above with the corners, left and right."""
    rows, columns = shape
    for y in (slice(0, margin), slice(rows - margin, rows)):
        yield y, slice(0, columns)
    for x in (slice(0, margin), slice(columns - margin, columns)):
        yield slice(margin, rows - margin), x
