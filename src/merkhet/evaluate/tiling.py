"""The sky that the tiles of a survey cover, each part of it counted once and owned by one tile."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS

from merkhet.errors import InputError
from merkhet.io.fits import read_image
from merkhet.io.tables import read_table, require_columns
from merkhet.io.wcs import pixel_scale_arcsec
from merkhet.simulate.halos.sphere import unit_vectors

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

BLOCK_PX = 8
"""Side of the blocks of pixels in which a tile's valid sky is kept: 32 arcsec of an eROSITA tile."""


@dataclass(frozen=True, eq=False)
class TileSky:
    """Where one tile lies, and which of it is valid.

    Attributes
    ----------
    name
        What messages call it.
    wcs
        World coordinates of its pixels.
    shape
        ``(rows, columns)`` of its pixels.
    share
        ``(rows, columns)`` of its blocks: share of the pixels of a full block that exist and are valid.
    """

    name: str
    wcs: WCS
    shape: tuple[int, int]
    share: FloatArray

    @classmethod
    def from_valid(cls, name: str, *, wcs: WCS, valid: BoolArray) -> Self:
        """Make it from a map of the valid pixels ``(y, x)``."""
        padded = np.pad(valid, [(0, -side % BLOCK_PX) for side in valid.shape])
        rows, columns = (side // BLOCK_PX for side in padded.shape)
        blocks = padded.reshape(rows, BLOCK_PX, columns, BLOCK_PX)
        return cls(name, wcs, (valid.shape[0], valid.shape[1]), blocks.mean(axis=(1, 3)))

    @property
    def center(self) -> FloatArray:
        """Unit vector of the middle of the image."""
        x, y = 0.5 * (self.shape[1] - 1), 0.5 * (self.shape[0] - 1)
        return np.asarray(self._vectors(np.array([x]), np.array([y]))[0])

    @property
    def reach_deg(self) -> float:
        """Radius about the center that no pixel lies beyond, with a margin for the projection."""
        return float(0.6 * np.hypot(*self.shape) * pixel_scale_arcsec(self.wcs) / 3600)

    def blocks(self) -> tuple[FloatArray, FloatArray]:
        """Return unit vectors ``(n, 3)`` of the middles of the blocks with valid pixels, and their square degrees.

        A pixel counts as the solid angle at the projection's reference point; at the corners of a tile of 3.6
        degrees it differs by less than 0.3 %.
        """
        row, column = np.nonzero(self.share)
        middle = 0.5 * (BLOCK_PX - 1)
        side = pixel_scale_arcsec(self.wcs) / 3600 * BLOCK_PX
        places = zip((column, row), self.shape[::-1], strict=True)  # the last block may be cut by the edge
        vectors = self._vectors(*(np.minimum(BLOCK_PX * block + middle, pixels - 1) for block, pixels in places))
        return vectors, self.share[row, column] * side**2

    def covers(self, vectors: FloatArray) -> BoolArray:
        """Tell which of the positions ``(n, 3)`` lie on the tile, in a block that is at least half valid."""
        on = vectors @ self.center > np.cos(np.deg2rad(self.reach_deg))  # the far side of the sky has no pixel
        x, y = self.wcs.world_to_pixel(SkyCoord(*vectors[on].T, representation_type="cartesian", frame="icrs"))
        inside = (x >= -0.5) & (x < self.shape[1] - 0.5) & (y >= -0.5) & (y < self.shape[0] - 0.5)  # NaN fails
        row, column = (np.rint(values[inside]).astype(np.int64) // BLOCK_PX for values in (y, x))
        inside[inside] = self.share[row, column] >= 0.5
        on[on] = inside
        return np.asarray(on)

    def _vectors(self, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> FloatArray:
        sky = self.wcs.pixel_to_world(x, y).icrs
        return unit_vectors(sky.ra.deg, sky.dec.deg)


@dataclass(frozen=True, eq=False)
class Tiling:
    """The tiles of a survey.

    Attributes
    ----------
    tiles
        Where each lies.
    separate
        Tiles share no sky, though they may show the same part of it: copies, or other epochs. Else a position belongs
        to the tile whose center is nearest, of those that cover it.
    """

    tiles: Sequence[TileSky]
    separate: bool = False

    def owner(self, vectors: FloatArray, *, images: npt.ArrayLike | None, source: str | Path) -> IntArray:
        """Return the number ``(n,)`` of the tile that owns each position ``(n, 3)``; -1 where there is none.

        Parameters
        ----------
        images
            ``(n,)`` file that each position was found in, which tells tiles apart that are separate.
        source
            What messages call the table of the positions.

        Raises
        ------
        InputError
            Tiles are separate, and a file is none of theirs.
        """
        if not self.separate:
            return self._nearest(vectors)
        if images is None:
            raise InputError(source, "has no column 'image'", expected="one, where tiles are separate")
        names = [Path(tile.name).name for tile in self.tiles]
        known = {name: number for number, name in enumerate(names)}
        if len(known) < len(names):
            raise InputError("tiles", "two files have the same name", expected="a name of its own for each tile")
        wanted = [Path(str(image)).name for image in np.asarray(images)]
        foreign = sorted(set(wanted) - set(known))
        if foreign:
            raise InputError(source, f"names the image {foreign[0]}", expected=f"a tile, such as {names[0]}")
        owner = np.array([known[name] for name in wanted], dtype=np.int64)
        for number, tile in enumerate(self.tiles):
            mine = np.flatnonzero(owner == number)
            owner[mine[~tile.covers(vectors[mine])]] = -1
        return owner

    def _nearest(self, vectors: FloatArray) -> IntArray:
        owner, best = np.full(len(vectors), -1), np.full(len(vectors), -2.0)
        for number, tile in enumerate(self.tiles):
            nearness = np.where(tile.covers(vectors), vectors @ tile.center, -2.0)
            owner[nearness > best] = number
            best = np.maximum(best, nearness)
        return owner

    def areas(self) -> FloatArray:
        """Return the square degrees ``(tiles,)`` that each tile owns; shared sky is counted once."""
        areas = np.zeros(len(self.tiles))
        for number, tile in enumerate(self.tiles):
            vectors, square_degrees = tile.blocks()
            owned = slice(None) if self.separate else self._nearest(vectors) == number
            areas[number] = square_degrees[owned].sum()
        return areas


def read_tiling(path: str | Path, *, separate: bool = False) -> Tiling:
    """Read the tiles of a table such as the simulator's ``tiles.csv``.

    Parameters
    ----------
    path
        Table with the column ``image`` and, where there are exposure maps, ``exposure``; paths are relative to it.
        Valid is what has an exposure above zero or, without a map, a finite count.
    separate
        See :class:`Tiling`.

    Raises
    ------
    InputError
        The table or a file of it cannot be read, holds no tile, or a tile has no celestial WCS.
    """
    path = Path(path)
    table = read_table(path)
    require_columns(table, ["image"], source=path)
    if not len(table):
        raise InputError(path, "holds no tile", expected="one row or more")
    return Tiling([_read_tile(path.parent, row) for row in table], separate)


def _read_tile(folder: Path, row: Table.Row) -> TileSky:
    exposed = "exposure" in row.colnames and bool(str(row["exposure"]))
    image, info = read_image(folder / str(row["exposure" if exposed else "image"]))
    if info.wcs is None:
        raise InputError(info.path, "has no celestial WCS", expected="one: detections are matched on the sky")
    if image.ndim != 2:
        raise InputError(info.path, f"image is {image.ndim}-D {image.shape}", expected="2-D")
    valid = np.isfinite(image) & (image > 0) if exposed else np.isfinite(image)
    return TileSky.from_valid(str(row["image"]), wcs=info.wcs, valid=valid)


def sky_vectors(table: Table, *, source: str | Path) -> FloatArray:
    """Return the unit vectors ``(n, 3)`` of the columns ``ra`` and ``dec``, in degrees unless they say otherwise.

    Raises
    ------
    InputError
        A column is absent, or a position is not finite.
    """
    require_columns(table, ["ra", "dec"], source=source)
    ra, dec = (_degrees(table[name]) for name in ("ra", "dec"))
    lost = ~(np.isfinite(ra) & np.isfinite(dec))
    if lost.any():
        seen = f"{lost.sum()} of {len(lost)} rows have no ra and dec"
        raise InputError(source, seen, expected="positions on the sky", action="Scan images that have a WCS")
    return unit_vectors(ra, dec)


def _degrees(column: Any) -> FloatArray:
    return np.asarray(u.Quantity(np.asarray(column, dtype=np.float64), column.unit or u.deg).to_value(u.deg))
