"""Neighbors of a tile, condensed on disk: what a large object needs to know of the sky beyond the tile's edge."""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from merkhet.errors import InputError
from merkhet.io.atomic import atomic_path
from merkhet.scan.footprints import Footprint, read_footprint
from merkhet.scan.images import SkyTile, read_tile
from merkhet.scan.listing import TileFiles
from merkhet.scan.pyramid import FloatImage, Layers

FIRST_LEVEL, LAST_LEVEL = 2, 6
"""Levels of the maps that are kept."""

MAX_PHOTONS = 2**19
"""Pixels with photons that are kept; denser images are rebinned until they have no more."""

_MAPS = ("exposure", "background", "observed")


@dataclass(frozen=True, eq=False)
class Photons:
    """Pixels that hold photons: their 0-based coordinates at full resolution and their counts, float32 ``(n,)``."""

    x: FloatImage
    y: FloatImage
    counts: FloatImage


@dataclass(frozen=True)
class Neighbor:
    """A tile of the survey as its neighbors see it: photons as a list, maps at a quarter of the resolution and less.

    It is read and written to the scratch folder when it is first needed, by whichever process comes first; a tile
    that cannot be read is an empty one here (its own turn tells why).

    Attributes
    ----------
    files
        The tile.
    footprint
        Where it lies.
    folder
        Scratch folder, shared by the processes of a scan.
    hdu
        HDU of the counts.
    """

    files: TileFiles
    footprint: Footprint
    folder: Path
    hdu: int | str | None = None

    @cached_property
    def path(self) -> Path:
        """Its file in the scratch folder."""
        return self.folder / f"{zlib.crc32(str(self.files.image.absolute()).encode()):08x}-{self.files.image.name}.f32"

    def photons(self) -> Photons:
        """Return where its photons fell."""
        return Photons(*self._read(sum(self._sizes), -1).reshape(3, -1))

    def maps(self, level: int) -> Layers:
        """Return the maps that go with a level, those of :func:`map_level`; there are no counts in them."""
        place = map_level(level) - FIRST_LEVEL
        maps = self._read(sum(self._sizes[:place]), self._sizes[place])
        exposure, background, observed = maps.reshape(len(_MAPS), *_halved(self.footprint.shape, map_level(level)))
        return Layers(np.zeros_like(observed), exposure, background, observed)

    @cached_property
    def _sizes(self) -> list[int]:
        """How many numbers the maps of each level are."""
        levels = range(FIRST_LEVEL, LAST_LEVEL + 1)
        return [len(_MAPS) * math.prod(_halved(self.footprint.shape, level)) for level in levels]

    def _read(self, first: int, count: int) -> FloatImage:
        """Return so many numbers of its file, all if -1; written first if need be."""
        if not self.path.is_file():
            try:
                arrays = condense(read_tile(self.files, hdu=self.hdu))
            except InputError:
                arrays = _nothing(self.footprint.shape)
            with atomic_path(self.path) as temporary, temporary.open("wb") as file:
                for array in arrays.values():
                    array.tofile(file)
        return np.fromfile(self.path, dtype=np.float32, offset=4 * first, count=count)


def map_level(level: int) -> int:
    """Return the level nearest to one of the pyramid of which maps are kept."""
    return min(max(level, FIRST_LEVEL), LAST_LEVEL)


def survey_neighbors(
    tiles: Sequence[TileFiles], *, folder: Path, hdu: int | str | None = None
) -> list[Neighbor | None]:
    """Return the tiles of a survey as each other's neighbors; None for one without a place on the sky."""
    places = [(files, read_footprint(files, hdu=hdu)) for files in tiles]
    return [None if place is None else Neighbor(files, place, folder, hdu) for files, place in places]


def condense(tile: SkyTile) -> dict[str, FloatImage]:
    """Return what a tile's neighbors may need of it, by name: the maps of each level, then its photons."""
    arrays: dict[str, FloatImage] = {}
    layers = tile.layers().halved(FIRST_LEVEL)
    for level in range(FIRST_LEVEL, LAST_LEVEL + 1):
        arrays |= {f"{name}{level}": getattr(layers, name) for name in _MAPS}
        layers = layers.halved()
    return arrays | _photons(tile.layers())


def _halved(shape: tuple[int, int], level: int) -> tuple[int, int]:
    """Return the shape of a level of an image."""
    return -(-shape[0] // 2**level), -(-shape[1] // 2**level)


def _photons(layers: Layers) -> dict[str, FloatImage]:
    width = 1
    while len(places := np.flatnonzero(layers.counts != 0)) > MAX_PHOTONS:  # a quarter of nonzero()'s time
        layers, width = layers.halved(), 2 * width
    index = np.unravel_index(places, layers.counts.shape)
    y, x = ((place * width + (width - 1) / 2).astype(np.float32) for place in index)
    return {"x": x, "y": y, "counts": layers.counts.flat[places]}


def _nothing(shape: tuple[int, int]) -> dict[str, FloatImage]:
    levels = range(FIRST_LEVEL, LAST_LEVEL + 1)
    maps = {f"{name}{level}": np.zeros(_halved(shape, level), dtype=np.float32) for level in levels for name in _MAPS}
    return maps | dict.fromkeys(("x", "y", "counts"), np.zeros(0, dtype=np.float32))
