"""From the pixels of a camera to the cells of a square grid: one sparse matrix for each camera."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array

from merkhet.config.array_models import GridMapping, LatticeMapping, Mapping
from merkhet.errors import ConfigError
from merkhet.io.cherenkov.camera import PixelShape
from merkhet.models.cameras.lattice import FloatArray, IntArray, Lattice, find_lattice, rotation
from merkhet.models.cameras.overlap import overlap_areas
from merkhet.models.cameras.taps import Taps, bicubic, bilinear, nearest

Entries: TypeAlias = tuple[IntArray, IntArray, FloatArray]
"""Cells, pixels and weights of the entries of a matrix."""


@dataclass(frozen=True, eq=False)
class PixelMapping:
    """The way from pixels to cells.

    Attributes
    ----------
    matrix
        float64 ``(H * W, P)``: the share of each pixel's charge that each cell takes. Columns sum to one.
    shape
        Height and width of the grid; rows count towards +y of the focal plane, or of the lattice's own axes.
    to_plane
        float64 ``(2, 3)``: x and y in m of a cell from its column, its row and 1. Of a sheared grid it shears, so that
        it holds for every method; but for single rows (shifting) and gaps between modules, which are closed.
    """

    matrix: csr_array
    shape: tuple[int, int]
    to_plane: FloatArray

    def mean_weights(self) -> csr_array:
        """Return ``(H * W, P)`` weights that sum to one in each cell: for times, which do not add up.

        The negative lobes of a cubic are left out: the mean of times lies among them.
        """
        weights = self.matrix.maximum(0)
        total = weights.sum(axis=1)
        return csr_array(weights.multiply(np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)[:, None]))

    def cells(self) -> FloatArray:
        """Return x and y of every cell in m, ``(H * W, 2)``."""
        row, column = np.indices(self.shape).reshape(2, -1)
        return np.asarray(np.stack([column, row, np.ones(row.size)], axis=1) @ self.to_plane.T)


def map_camera(positions: FloatArray, shape: PixelShape, config: Mapping, *, name: str = "camera") -> PixelMapping:
    """Return the mapping of a camera.

    All methods conserve charge: what a pixel gives to cells is divided by its sum. Interpolation alone would not
    (values times cell areas add up only on average), and negative lobes of ``bicubic`` may make a cell negative.

    Parameters
    ----------
    positions
        ``(P, 2)``: x and y of the pixels in m.
    shape
        Of the pixels.
    config
        The method, and the resolution of grids in the focal plane.
    name
        For messages.

    Raises
    ------
    ValueError
        The pixels do not lie on a lattice.
    ConfigError
        The grid is too coarse: a pixel has no cell.
    """
    lattice = find_lattice(positions, shape, name=name)
    if config.method in _ON_LATTICE:
        return _ON_LATTICE[config.method](lattice)
    return _on_grid(positions, lattice, config, name=name)


def _on_grid(positions: FloatArray, lattice: Lattice, config: Mapping, *, name: str) -> PixelMapping:
    side = lattice.pitch / config.resolution
    # A pixel's corner is 0.58 or 0.71 pitches from its center; interpolation between it and nothing reaches for one.
    low, high = positions.min(axis=0) - lattice.pitch, positions.max(axis=0) + lattice.pitch
    width, height = (int(n) for n in np.ceil((high - low) / side))
    corner = (low + high - side * np.array([width, height])) / 2  # of the grid, so that the camera is in its middle
    if config.method == "rebinning":
        entries = overlap_areas(positions - corner, lattice.outline(), side=side, width=width)
    else:
        row, column = np.indices((height, width)).reshape(2, -1)
        points = corner + side * (np.stack([column, row], axis=1) + 0.5)
        entries = _interpolate(lattice, lattice.coordinates(points), _TAPS[config.method])
    first = corner + side / 2
    to_plane = np.array([[side, 0, first[0]], [0, side, first[1]]])
    return _normalized(entries, (height, width), len(positions), to_plane, config=config, name=name)


def _normalized(
    entries: Entries, shape: tuple[int, int], pixels: int, to_plane: FloatArray, *, config: Mapping, name: str
) -> PixelMapping:
    """Divide what each pixel gives by its sum."""
    cell, pixel, weight = entries
    given = np.bincount(pixel, weights=weight, minlength=pixels)
    lost = int((given <= 1e-9 * given.max()).sum())
    if lost:
        raise ConfigError(
            f"mapping.method={config.method} with resolution {config.resolution:g} leaves {lost} of {pixels} pixels of "
            f"{name} without a cell; take mapping.resolution=2"
        )
    matrix = coo_array((weight / given[pixel], (cell, pixel)), shape=(shape[0] * shape[1], pixels)).tocsr()
    return PixelMapping(matrix, shape, to_plane)


def _interpolate(lattice: Lattice, coordinates: FloatArray, taps: Taps) -> Entries:
    """Return what pixels give to the cells at lattice coordinates ``(N, 2)``; places without a pixel give nothing."""
    margin = 4
    place, weight = taps(lattice.shape, coordinates)  # (N, K, 2), (N, K)
    table = lattice.table(margin=margin)
    inside = np.clip(place + margin, 0, np.array(table.shape) - 1)  # beyond the margin all is empty, as at its edge
    pixel = table[inside[..., 0], inside[..., 1]]
    cell, tap = np.nonzero((pixel >= 0) & (weight != 0))
    return cell, pixel[cell, tap], weight[cell, tap]


def _oversampling(lattice: Lattice) -> PixelMapping:
    if lattice.shape == "square":
        return _own_cells(lattice)
    q, r = lattice.place.T
    first, width = _from_zero(2 * q + r)
    columns, rows = first[:, None] + np.array([0, 1, 0, 1]), 2 * r[:, None] + np.array([0, 0, 1, 1])
    # The four cells lie about the pixel; a row of cells is half as high as one of pixels.
    steps = lattice.pitch / 2, lattice.pitch * np.sqrt(0.75) / 2
    offset = (2 * q + r - first)[0] - 0.5, -0.5
    to_plane = _affine(lattice, [[steps[0], 0, offset[0] * steps[0]], [0, steps[1], offset[1] * steps[1]]])
    return _cells(columns, rows, (2 * int(lattice.extent[1]), width + 1), to_plane)


def _shifting(lattice: Lattice) -> PixelMapping:
    if lattice.shape == "square":
        return _own_cells(lattice)
    q, r = lattice.place.T
    column, width = _from_zero(q + r // 2)
    # Odd rows are half a pixel to the right of where they come to lie: the grid as a whole a quarter.
    offset = (q + r // 2 - column)[0] + 0.25
    height = lattice.pitch * np.sqrt(0.75)
    to_plane = _affine(lattice, [[lattice.pitch, 0, offset * lattice.pitch], [0, height, 0]])
    return _cells(column[:, None], r[:, None], (int(lattice.extent[1]), width), to_plane)


def _axial(lattice: Lattice) -> PixelMapping:
    if lattice.shape == "square":
        return _own_cells(lattice)
    q, r = lattice.place.T
    to_plane = _affine(lattice, lattice.pitch * np.array([[1, 0.5, 0], [0, np.sqrt(0.75), 0]]))
    return _cells(q[:, None], r[:, None], (int(lattice.extent[1]), int(lattice.extent[0])), to_plane)


def _own_cells(lattice: Lattice) -> PixelMapping:
    """Each square pixel is a cell; gaps between modules are closed."""
    column, row = lattice.place.T
    fits = [np.polyfit(np.arange(len(axis)), axis, 1) if len(axis) > 1 else (0, axis[0]) for axis in lattice.axes]
    # The axes hold positions from the origin of the plane already.
    to_plane = rotation(lattice.turn).T @ np.array([[fits[0][0], 0, fits[0][1]], [0, fits[1][0], fits[1][1]]])
    return _cells(column[:, None], row[:, None], (int(lattice.extent[1]), int(lattice.extent[0])), to_plane)


def _affine(lattice: Lattice, steps: npt.ArrayLike) -> FloatArray:
    """Return the way to the plane from one to the turned plane that starts at the lattice's origin."""
    turned = np.array(steps, dtype=np.float64)
    turned[:, 2] += np.array([axis[0] for axis in lattice.axes])
    return np.asarray(rotation(lattice.turn).T @ turned)


def _cells(columns: IntArray, rows: IntArray, shape: tuple[int, int], to_plane: FloatArray) -> PixelMapping:
    """Return the mapping of pixels that share their charge equally among cells ``(P, K)`` of their own."""
    pixels, shares = columns.shape
    pixel = np.repeat(np.arange(pixels), shares)
    weight = np.full(pixel.size, 1.0 / shares)
    cell = (rows * shape[1] + columns).ravel()
    return PixelMapping(
        coo_array((weight, (cell, pixel)), shape=(shape[0] * shape[1], pixels)).tocsr(), shape, to_plane
    )


def _from_zero(values: IntArray) -> tuple[IntArray, int]:
    """Return values counted from their smallest, and how many there are from that to the largest."""
    return values - values.min(), int(np.ptp(values)) + 1


_ON_LATTICE: dict[LatticeMapping | GridMapping, Callable[[Lattice], PixelMapping]] = {
    "oversampling": _oversampling,
    "shifting": _shifting,
    "axial": _axial,
}
_TAPS: dict[LatticeMapping | GridMapping, Taps] = {"nearest": nearest, "bilinear": bilinear, "bicubic": bicubic}
