"""How far a background map is from the sky around a position.

Maps of the background leave out the sources too faint to be seen one by one, or have the right shape and a wrong level:
in a circle of some hundred pixels a fifth more or less is as much as a halo.
"""

from dataclasses import dataclass

import numpy as np

from merkhet.scan.images import SkyTile
from merkhet.scan.pyramid import FloatImage, block_sum
from merkhet.scan.radial import MASK_MARGIN_ARCSEC, BoolArray, FloatArray, sources_above
from merkhet.scan.sliding import dilated

COUNTS_PER_CELL = 10.0
CELL_PX = (16, 256)
NEAR_ARCSEC = 3600.0  # the level is that of the sky within this, at least
CLIP_SIGMA = 4.0
CLIPS = 5
PRIOR_COUNTS = 50.0  # the map is believed as if so many photons had confirmed it


@dataclass(frozen=True, eq=False)
class LocalBackground:
    """Counts and expected background of a tile on a coarse grid, compact sources left out.

    Attributes
    ----------
    x, y
        Middles of the cells in pixels of the tile ``(cells,)``.
    counts, background
        Sums over the cells ``(cells,)``.
    pixel_arcsec
        Side of a pixel of the tile.
    """

    x: FloatArray
    y: FloatArray
    counts: FloatArray
    background: FloatArray
    pixel_arcsec: float

    @classmethod
    def of(cls, tile: SkyTile) -> "LocalBackground":
        """Sum up a tile whose pixel scale is known."""
        margin = 2 * round(MASK_MARGIN_ARCSEC / tile.pixel_arcsec) + 1
        sources = sources_above(tile.counts, tile.background, pixel_arcsec=tile.pixel_arcsec)
        used = tile.valid & ~dilated(sources, margin)
        mean = _sum(tile.background, used) / max(int(np.count_nonzero(used)), 1)
        side = int(np.clip(np.sqrt(COUNTS_PER_CELL / max(mean, 1e-9)), *CELL_PX))
        background = _cells(tile.background, used, side)
        rows, columns = np.mgrid[: background.shape[0], : background.shape[1]]
        some = background > 0.25 * background.max(initial=0.0)  # cells that are hardly seen say little
        return cls(
            x=columns[some] * side + 0.5 * (side - 1),
            y=rows[some] * side + 0.5 * (side - 1),
            counts=_cells(tile.counts, used, side)[some],
            background=background[some],
            pixel_arcsec=tile.pixel_arcsec,
        )

    def scale(self, x: float, y: float, *, outside_arcsec: float) -> float:
        """Return the ratio of the counts to the map in the sky around an object, other objects clipped.

        Parameters
        ----------
        x, y
            Pixel coordinates of the object.
        outside_arcsec
            Its radius, which is left out.

        Returns
        -------
        float
            Close to 1 where too little sky is left to tell.
        """
        radius = np.hypot(self.x - x, self.y - y) * self.pixel_arcsec
        used = (radius > outside_arcsec) & (radius < max(NEAR_ARCSEC, 2.5 * outside_arcsec))
        ratio = 1.0
        for _ in range(CLIPS):
            counts, background = float(self.counts[used].sum()), float(self.background[used].sum())
            ratio = (counts + PRIOR_COUNTS) / (background + PRIOR_COUNTS)
            expected = ratio * self.background
            used &= np.abs(self.counts - expected) < CLIP_SIGMA * np.sqrt(expected + 1)
        return ratio


def _sum(image: FloatImage, used: BoolArray) -> float:
    """Return the sum of the pixels used, some rows at a time."""
    parts = (slice(start, start + CELL_PX[0]) for start in range(0, len(image), CELL_PX[0]))
    return float(sum((image[part] * used[part]).sum() for part in parts))


def _cells(image: FloatImage, used: BoolArray, side: int) -> FloatImage:
    """Return the sums of an image over cells of ``side`` pixels, a row of cells at a time, of the pixels used."""
    rows = (slice(start, start + side) for start in range(0, len(image), side))
    return np.concatenate([block_sum(image[part] * used[part], side) for part in rows])
