"""What a network answers on one level of the pyramid: a coarse grid of cells."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Grid:
    """A network's answers on one level of the pyramid.

    Attributes
    ----------
    level
        Of the pyramid; its pixels are ``2**level`` pixels of the tile wide.
    step
        Side of a cell in pixels of the tile: the network's stride times ``2**level``.
    origin
        ``(x, y)`` of the center of cell ``[0, 0]`` in pixels of the tile, 0 being the center of the first.
    covered
        bool ``(rows, columns)``: the cell holds pixels that were observed.
    maps
        float32 ``(rows, columns)`` by name: ``logit`` of the presence of an object; ``dx`` and ``dy``, where it lies,
        in pixels of the tile from the cell's center; ``size_arcsec``, its radius; ``p_<kind>``, the probability of
        each kind.
    """

    level: int
    step: float
    origin: tuple[float, float]
    covered: npt.NDArray[np.bool_]
    maps: dict[str, npt.NDArray[np.float32]]

    def positions(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return ``x`` ``(columns,)`` and ``y`` ``(rows,)`` of the cells' centers in pixels of the tile."""
        rows, columns = self.covered.shape
        x, y = (
            first + self.step * np.arange(n, dtype=np.float64)
            for first, n in zip(self.origin, (columns, rows), strict=True)
        )
        return x, y
