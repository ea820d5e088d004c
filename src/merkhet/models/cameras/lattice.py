"""The lattice that the pixels of a camera lie on: whole numbers for each, whatever the camera is turned by."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from merkhet.io.cherenkov.camera import PixelShape, lattice_rotation_deg

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

LARGEST_SHIFT = 0.25
"""How far a pixel may be from its place, in pitches, before it is not on the lattice."""

SQUARE_STEPS = np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [1, 1], [-1, 1], [-1, -1], [1, -1]])
HEXAGONAL_STEPS = np.array([[1, 0], [0, 1], [-1, 1], [-1, 0], [0, -1], [1, -1]])
"""From a place to those of its neighbors; a quarter or a sixth of a turn from each to the next."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """Places of pixels, and the way from the focal plane to them.

    Attributes
    ----------
    shape
        ``hexagonal`` or ``square``.
    place
        int64 ``(P, 2)``, the smallest 0: column and row of square pixels, gaps between modules closed; of hexagonal
        ones the axial coordinates q along a row and r across, 60 degrees from q.
    pitch
        Distance between neighbors in m.
    turn
        Angle in rad from +x of the focal plane to the rows.
    axes
        Where whole numbers along either coordinate lie in the turned plane, m; of square pixels, uneven at gaps.
    """

    shape: PixelShape
    place: IntArray
    pitch: float
    turn: float
    axes: tuple[FloatArray, FloatArray]

    @property
    def extent(self) -> IntArray:
        """Number of places along either coordinate."""
        return np.asarray(self.place.max(axis=0) + 1)

    def table(self, *, margin: int) -> IntArray:
        """Return the pixel at each place, -1 where there is none, with so many empty places around."""
        table = np.full(self.extent + 2 * margin, -1, dtype=np.int64)
        table[tuple((self.place + margin).T)] = np.arange(len(self.place))
        return table

    def neighbors(self) -> IntArray:
        """Return the pixels around each one ``(P, 6)`` or ``(P, 8)``, in one order of directions; -1 for none."""
        steps = HEXAGONAL_STEPS if self.shape == "hexagonal" else SQUARE_STEPS
        around = self.place[:, None] + steps + 1
        return np.asarray(self.table(margin=1)[around[..., 0], around[..., 1]])

    def coordinates(self, points: FloatArray) -> FloatArray:
        """Return the lattice coordinates ``(N, 2)``, whole at the pixels, of points ``(N, 2)`` in m."""
        turned = points @ rotation(-self.turn)
        if self.shape == "square":
            return np.stack([_along(axis, turned[:, k], self.pitch) for k, axis in enumerate(self.axes)], axis=1)
        row = (turned[:, 1] - self.axes[1][0]) / (self.pitch * np.sqrt(0.75))
        return np.stack([(turned[:, 0] - self.axes[0][0]) / self.pitch - row / 2, row], axis=1)

    def outline(self) -> FloatArray:
        """Return the corners of a pixel about its center, counterclockwise in the focal plane: m, ``(6 or 4, 2)``."""
        if self.shape == "hexagonal":
            angle, radius = np.deg2rad(30 + 60 * np.arange(6)), self.pitch / np.sqrt(3)
        else:
            angle, radius = np.deg2rad(45 + 90 * np.arange(4)), self.pitch / np.sqrt(2)
        angle = angle + self.turn
        return np.asarray(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def find_lattice(positions: FloatArray, shape: PixelShape, *, name: str = "camera") -> Lattice:
    """Find the lattice of pixels from their positions ``(P, 2)`` in m.

    Raises
    ------
    ValueError
        The pixels do not lie on one, or two are at one place.
    """
    fold = 60.0 if shape == "hexagonal" else 90.0
    degrees = lattice_rotation_deg(positions, shape)
    turn = float(np.deg2rad(degrees if degrees <= fold / 2 else degrees - fold))
    if abs(turn) < 1e-9:
        turn = 0.0
    turned = positions @ rotation(-turn)
    lattice = _hexagonal(turned, turn) if shape == "hexagonal" else _square(turned, turn)
    if len(np.unique(lattice.place, axis=0)) < len(positions):
        raise ValueError(f"{name}: two pixels stand at one place of a {shape} lattice")
    shift = np.abs(lattice.coordinates(positions) - lattice.place).max()
    if shift > LARGEST_SHIFT:
        raise ValueError(f"{name}: pixels are up to {shift:.2f} of their distance off a {shape} lattice")
    return lattice


def rotation(angle: float) -> FloatArray:
    """Return the matrix that turns row vectors ``(N, 2)`` by an angle in rad from +x towards +y."""
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _hexagonal(turned: FloatArray, turn: float) -> Lattice:
    pitch, origin = _spacing(turned), turned[len(turned) // 2]
    for _ in range(4):  # each fit reaches farther from the pixel that it started at
        row = np.round((turned[:, 1] - origin[1]) / (pitch * np.sqrt(0.75)))
        half = np.round(2 * (turned[:, 0] - origin[0]) / pitch - row) / 2
        ideal = np.stack([half + row / 2, row * np.sqrt(0.75)], axis=1)
        centered = ideal - ideal.mean(axis=0)
        pitch = float((centered * turned).sum() / (centered**2).sum())
        origin = turned.mean(axis=0) - pitch * ideal.mean(axis=0)
    place = np.round(np.stack([half, row], axis=1)).astype(np.int64)
    least = place.min(axis=0)
    start = origin + pitch * np.array([least[0] + least[1] / 2, least[1] * np.sqrt(0.75)])
    return Lattice("hexagonal", place - least, pitch, turn, (start[:1], start[1:]))


def _square(turned: FloatArray, turn: float) -> Lattice:
    pitch = _spacing(turned)
    places, axes = zip(*(_clusters(values, apart=pitch / 2) for values in turned.T), strict=True)
    return Lattice("square", np.stack(places, axis=1), pitch, turn, axes)


def _clusters(values: FloatArray, *, apart: float) -> tuple[IntArray, FloatArray]:
    """Return the number of the cluster that each value is in, and the mean of each cluster."""
    order = np.argsort(values, kind="stable")
    number = np.empty(len(values), dtype=np.int64)
    number[order] = np.cumsum(np.diff(values[order], prepend=values[order[0]]) > apart)
    return number, np.bincount(number, weights=values) / np.bincount(number)


def _spacing(turned: FloatArray) -> float:
    """Return the median distance of a pixel to the next one."""
    from scipy.spatial import KDTree

    distance, _ = KDTree(turned).query(turned, k=2)
    return float(np.median(distance[:, 1]))


def _along(axis: FloatArray, values: FloatArray, pitch: float) -> FloatArray:
    """Return values in units of the axis's own steps, and beyond its ends in pitches."""
    far = 1e3
    knots = np.concatenate([[axis[0] - far * pitch], axis, [axis[-1] + far * pitch]])
    numbers = np.concatenate([[-far], np.arange(len(axis)), [len(axis) - 1 + far]])
    return np.asarray(np.interp(values, knots, numbers))
