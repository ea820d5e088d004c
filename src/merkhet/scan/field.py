"""A tile and the sky around it, level by level of the pyramid."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merkhet.scan.carrying import carry, carry_grid, spread_nodes
from merkhet.scan.footprints import Footprint, separations_deg
from merkhet.scan.images import SkyTile
from merkhet.scan.neighbors import Neighbor, map_level
from merkhet.scan.pyramid import Layers

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_FAR = 2**40  # pixels: beyond any margin


@dataclass(frozen=True, eq=False)
class Level:
    """One level of the pyramid of a tile, with a margin around it.

    Attributes
    ----------
    level
        Its pixels are ``2**level`` pixels of the tile wide.
    margin
        Pixels of this level on each side that lie beyond the tile.
    image
        float32 ``(3, H, W)``: photons in each pixel, the mean exposure in seconds of what is valid in it, and expected
        photons; 0 where not valid.
    valid
        bool ``(H, W)``: some of the pixel was observed.
    pixel_arcsec
        Side of a pixel of this level; NaN where not known.
    """

    level: int
    margin: int
    image: npt.NDArray[np.float32]
    valid: npt.NDArray[np.bool_]
    pixel_arcsec: float

    @property
    def counts(self) -> npt.NDArray[np.float32]:
        """Photons in each pixel, ``(H, W)``."""
        return np.asarray(self.image[0])

    @property
    def exposure(self) -> npt.NDArray[np.float32]:
        """Mean exposure in seconds of what is valid in each pixel, ``(H, W)``."""
        return np.asarray(self.image[1])

    @property
    def background(self) -> npt.NDArray[np.float32]:
        """Expected photons in each pixel, ``(H, W)``."""
        return np.asarray(self.image[2])

    @property
    def origin(self) -> tuple[float, float]:
        """``(x, y)`` of the center of pixel ``[0, 0]`` in pixels of the tile."""
        width = 2**self.level
        first = (width - 1) / 2 - self.margin * width
        return first, first


class Field:
    """A tile and the sky around it.

    Parameters
    ----------
    tile
        The tile.
    neighbors
        Tiles of the survey, in any order, :func:`merkhet.scan.neighbors.survey_neighbors`; those out of reach and
        the tile itself may be among them. None for a tile that stands alone.
    """

    def __init__(self, tile: SkyTile, neighbors: Sequence[Neighbor | None] = ()) -> None:
        self.tile = tile
        self._neighbors: list[tuple[float, Neighbor]] = []
        self._place: Footprint | None = None
        if tile.wcs is not None:
            self._place = Footprint(tile.id, tile.wcs, tile.shape)
            others = [other for other in neighbors if other and other.files.image != tile.path]
            self._neighbors = [(_gap_deg(self._place, other.footprint), other) for other in others]
        self._own: dict[int, Layers] = {}
        self._boxes: dict[str, tuple[int, ...]] = {}
        self._maps: dict[tuple[str, int], Layers] = {}
        self._photons: dict[str, tuple[IntArray, IntArray, npt.NDArray[np.float32]]] = {}

    def level(self, level: int, *, margin: int = 0) -> Level:
        """Return a level of the pyramid with ``margin`` pixels of that level on each side.

        Level 0 is the tile itself. A side that ``2**level`` does not divide ends in a pixel that is partly off the
        tile: it is less observed than the others. The margin holds the photons of the neighbors, each photon in one
        pixel; a pixel takes them from that neighbor in which it lies farthest from the edge. What none of them covers
        is not valid.
        """
        image, layers = _framed(self._layers(level), margin)
        if margin and self._place is not None:
            self._fill(layers, level=level, margin=margin, place=self._place)
        return Level(level, margin, image, layers.valid, self.tile.pixel_arcsec * 2**level)

    def _layers(self, level: int) -> Layers:
        if level == 0:
            return self.tile.layers()  # not kept: it is the largest, and costs nothing
        if level not in self._own:
            self._own[level] = self._layers(level - 1).halved()
        return self._own[level]

    def _fill(self, layers: Layers, *, level: int, margin: int, place: Footprint) -> None:
        """Fill the margin of ``layers`` in place."""
        reach_deg = margin * 2**level * place.pixel_arcsec * np.sqrt(2) / 3600
        near = [other for gap_deg, other in self._neighbors if gap_deg < reach_deg]
        if not near:
            return
        depth = np.zeros(layers.counts.shape, dtype=np.float32)
        source = np.full(layers.counts.shape, -1, dtype=np.int16)
        for number, neighbor in enumerate(near):
            box = self._box(neighbor, place)
            areas = list(_around(layers.counts.shape, margin, box=tuple((place >> level) + margin for place in box)))
            if areas:
                maps = _Maps(neighbor, self._maps_of(neighbor, level), place, level=level, margin=margin)
                for area in areas:
                    maps.fill(layers, area=area, depth=depth[area], source=source[area], number=number)
        for number, neighbor in enumerate(near):
            self._drop_photons(layers.counts, neighbor, level=level, margin=margin, taken=source == number)

    def _maps_of(self, neighbor: Neighbor, level: int) -> Layers:
        """Return the maps of a neighbor that go with a level; kept, for several levels ask for the same."""
        key = neighbor.files.id, map_level(level)
        if key not in self._maps:
            self._maps[key] = neighbor.maps(level)
        return self._maps[key]

    def _drop_photons(
        self,
        counts: npt.NDArray[np.float32],
        neighbor: Neighbor,
        *,
        level: int,
        margin: int,
        taken: npt.NDArray[np.bool_],
    ) -> None:
        """Add a neighbor's photons to the pixels that take theirs from it."""
        if not taken.any():
            return
        x, y, photons = self._placed(neighbor)
        column, row = (x >> level) + margin, (y >> level) + margin  # a shift rounds down, also below zero
        rows, columns = counts.shape
        inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        column, row, photons = column[inside], row[inside], photons[inside]
        mine = taken[row, column]
        np.add.at(counts, (row[mine], column[mine]), photons[mine])

    def _box(self, neighbor: Neighbor, place: Footprint) -> tuple[int, ...]:
        """Return the first and last row and column of the tile, or beyond it, that a neighbor covers; kept."""
        key = neighbor.files.id
        if key not in self._boxes:
            self._boxes[key] = _outline(neighbor.footprint, place)
        return self._boxes[key]

    def _placed(self, neighbor: Neighbor) -> tuple[IntArray, IntArray, npt.NDArray[np.float32]]:
        """Return the photons of a neighbor in pixels of the tile; kept, for every level asks for them."""
        key = neighbor.files.id
        if key not in self._photons:
            assert self._place is not None
            photons = neighbor.photons()
            x, y = carry(photons.x, photons.y, source=neighbor.footprint, target=self._place)
            seen = np.isfinite(x) & np.isfinite(y)
            column, row = np.rint(x[seen]).astype(np.int64), np.rint(y[seen]).astype(np.int64)
            self._photons[key] = column, row, photons.counts[seen]
        return self._photons[key]


class _Maps:
    """Exposure and background of a neighbor on the pixels of a level of a tile."""

    def __init__(self, neighbor: Neighbor, maps: Layers, place: Footprint, *, level: int, margin: int) -> None:
        self._neighbor, self._maps, self._place = neighbor.footprint, maps, place
        self._level, self._own_level, self._margin = level, map_level(level), margin
        self._area = (place.pixel_arcsec / neighbor.footprint.pixel_arcsec) ** 2

    def fill(
        self,
        layers: Layers,
        *,
        area: tuple[slice, slice],
        depth: npt.NDArray[np.float32],
        source: npt.NDArray[np.int16],
        number: int,
    ) -> None:
        """Fill those pixels of ``area`` that lie deeper in this neighbor than in those before it, in place."""
        x, y = self._pixels(area)
        here = self._neighbor.depth(x, y) * self._neighbor.pixel_arcsec
        chosen = here > depth  # NaN is not
        width = 2**self._own_level
        row, column = (((place[chosen] + 0.5) // width).astype(np.int64) for place in (y, x))
        seen = self._maps.observed[row, column] > 0
        chosen[chosen] = seen
        row, column = row[seen], column[seen]
        observed = self._maps.observed[row, column]
        depth[chosen], source[chosen] = here[chosen], number
        # Per pixel of the neighbor at full resolution, then for the area of a pixel of this level.
        share = self._maps.background[row, column] / observed
        observed *= 4.0 ** (self._level - self._own_level)
        layers.observed[area][chosen] = observed
        layers.background[area][chosen] = share * observed * self._area
        layers.exposure[area][chosen] = self._maps.exposure[row, column]

    def _pixels(self, area: tuple[slice, slice]) -> tuple[FloatArray, FloatArray]:
        """Return the neighbor's pixel coordinates of the centers of the pixels of an area."""
        width = 2**self._level
        rows, columns = ((np.arange(part.start, part.stop) - self._margin) * width + (width - 1) / 2 for part in area)
        return carry_grid(columns, rows, width=width, source=self._place, target=self._neighbor)


def _framed(own: Layers, margin: int) -> tuple[npt.NDArray[np.float32], Layers]:
    """Return counts, exposure and background in one array with an empty margin, and the layers that lie in it."""
    rows, columns = (n + 2 * margin for n in own.counts.shape)
    image = np.zeros((3, rows, columns), dtype=np.float32)
    observed = np.zeros((rows, columns), dtype=np.float32)
    layers = Layers(image[0], image[1], image[2], observed)
    inner = slice(margin, rows - margin), slice(margin, columns - margin)
    for name, values in vars(own).items():
        getattr(layers, name)[inner] = values
    return image, layers


def _around(shape: tuple[int, ...], margin: int, *, box: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Yield those of the four parts of a margin that hold anything of a box, cut down to it.

    ``box`` is the first and last row, then the first and last column.
    """
    rows, columns = shape
    inner = slice(margin, rows - margin)
    sides = slice(0, margin), slice(columns - margin, columns)
    ends = slice(0, margin), slice(rows - margin, rows)
    for part in [(end, slice(0, columns)) for end in ends] + [(inner, side) for side in sides]:
        y = slice(max(part[0].start, box[0]), min(part[0].stop, box[1] + 1))
        x = slice(max(part[1].start, box[2]), min(part[1].stop, box[3] + 1))
        if y.start < y.stop and x.start < x.stop:
            yield y, x


def _outline(source: Footprint, target: Footprint) -> tuple[int, ...]:
    """Return the first and last row and column of ``target`` that ``source`` covers: everything where it is not known.

    Its edges are curves there, followed on a grid of nodes.
    """
    grid = np.meshgrid(*(spread_nodes(-0.5, n - 0.5) for n in source.shape), indexing="ij")
    x, y = target.pixels(*source.sky(grid[1], grid[0]))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return -_FAR, _FAR, -_FAR, _FAR
    ends = (y.min() - 1, y.max() + 1, x.min() - 1, x.max() + 1)
    return tuple(int(np.clip(np.rint(end), -_FAR, _FAR)) for end in ends)


def _gap_deg(place: Footprint, other: Footprint) -> float:
    """Return the least distance in degrees that the circles around two images leave between them."""
    return float(separations_deg(other.vector, place.vector)) - place.radius_deg - other.radius_deg
