"""A tile and the sky around it, level by level of the pyramid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merkhet.scan.footprints import Footprint
from merkhet.scan.images import SkyTile
from merkhet.scan.margins import Beside, fill
from merkhet.scan.neighbors import Neighbor
from merkhet.scan.pyramid import Layers


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
        self._neighbors: list[Beside] = []
        if tile.wcs is not None:
            place = Footprint(tile.id, tile.wcs, tile.shape)
            self._neighbors = [Beside(other, place) for other in neighbors if other and other.files.image != tile.path]
        self._own: dict[int, Layers] = {}

    def prepare(self) -> None:
        """Read what any margin needs of the neighbors that touch the tile; else the first margin does."""
        for other in self._neighbors:
            if other.gap_deg < 0:
                _ = other.photons

    def level(self, level: int, *, margin: int = 0) -> Level:
        """Return a level of the pyramid with ``margin`` pixels of that level on each side.

        Level 0 is the tile itself. A side that ``2**level`` does not divide ends in a pixel that is partly off the
        tile: it is less observed than the others. The margin holds the photons of the neighbors, each photon in one
        pixel; a pixel takes them from that neighbor in which it lies farthest from the edge. What none of them covers
        is not valid.
        """
        own = self._layers(level)
        rows, columns = own.counts.shape
        image = np.empty((3, rows + 2 * margin, columns + 2 * margin), dtype=np.float32)
        valid = np.empty(image.shape[1:], dtype=np.bool_)
        inner = slice(margin, rows + margin), slice(margin, columns + margin)
        for band, pixels in zip(image, (own.counts, own.exposure, own.background), strict=True):
            band[inner] = pixels
        valid[inner] = own.valid
        pixel_arcsec = self.tile.pixel_arcsec * 2**level
        near = [other for other in self._neighbors if other.gap_deg < np.sqrt(2) * margin * pixel_arcsec / 3600]
        fill(image, valid, near, margin=margin, level=level)
        return Level(level, margin, image, valid, pixel_arcsec)

    def _layers(self, level: int) -> Layers:
        if level == 0:
            return self.tile.layers()  # not kept: it is the largest, and costs nothing
        if level not in self._own:
            self._own[level] = self._layers(level - 1).halved()
        return self._own[level]
