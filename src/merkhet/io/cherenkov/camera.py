"""The geometry of a camera: where its pixels are, how large, of what shape, and which of them touch."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from merkhet.errors import InputError
from merkhet.io.tables import read_table, require_columns

PixelShape = Literal["hexagonal", "square"]
Positions: TypeAlias = npt.NDArray[np.float64]
NeighborIndex: TypeAlias = npt.NDArray[np.int64]

_SHAPES: dict[str, PixelShape] = {
    "hexagonal": "hexagonal", "hexagon": "hexagonal", "rectangular": "square", "square": "square",
}  # fmt: skip
# Reach of a neighbor in units of the pitch, in the norm of its lattice. On a hexagonal one the next pixels are at
# sqrt(3) = 1.73; on a square one the diagonal is at 1.41 and the next at 2. What is left over spans module gaps.
_REACH = {"hexagonal": (6, 2.0, 1.4), "square": (4, 1.0, 1.5), "diagonal": (8, 2.0, 1.95)}


@dataclass(frozen=True, eq=False)
class CameraGeometry:
    """The pixels of a camera in its own frame, in the order of the stored images.

    Attributes
    ----------
    name
        Name of the camera, ``LSTCam``.
    pix_x, pix_y
        float64 ``(P,)``: centers of the pixels in the camera frame, m. With the camera's rotation taken off, x points
        to higher altitude and y to higher azimuth (the frame of ctapipe and sim_telarray).
    pix_area
        float64 ``(P,)``: area of each pixel, m2.
    pixel_shape
        ``hexagonal`` or ``square``.
    pixel_rotation_deg
        Direction from a pixel to a neighbor that shares a side, counted from +x towards +y; known up to the symmetry
        of the lattice (60 or 90 degrees).
    camera_rotation_deg
        Angle that the camera is turned by against the frame of the telescope.

    Raises
    ------
    ValueError
        Positions and areas differ in length, are none or not finite, or an area is not positive.
    """

    name: str
    pix_x: Positions
    pix_y: Positions
    pix_area: Positions
    pixel_shape: PixelShape
    pixel_rotation_deg: float = 0.0
    camera_rotation_deg: float = 0.0

    def __post_init__(self) -> None:
        columns = (self.pix_x, self.pix_y, self.pix_area)
        if {column.shape for column in columns} != {(self.n_pixels,)} or not self.n_pixels:
            shapes = ", ".join(str(column.shape) for column in columns)
            raise ValueError(f"camera {self.name}: pix_x, pix_y, pix_area of shapes {shapes}; expected one length")
        if not all(np.isfinite(column).all() for column in columns) or (self.pix_area <= 0).any():
            raise ValueError(f"camera {self.name}: a pixel without a finite position or a positive area")

    @property
    def n_pixels(self) -> int:
        """Number of pixels."""
        return len(self.pix_x)

    @cached_property
    def pixel_width(self) -> float:
        """Width of the median pixel from side to opposite side, m, from its area."""
        area = float(np.median(self.pix_area))
        return float(np.sqrt(area * (2 / np.sqrt(3) if self.pixel_shape == "hexagonal" else 1.0)))

    @cached_property
    def pitch(self) -> float:
        """Distance between the centers of neighboring pixels, m: the median over the pixels."""
        return lattice_pitch(self.positions)

    @cached_property
    def positions(self) -> Positions:
        """float64 ``(P, 2)``: x and y of the pixels, m."""
        return np.stack([self.pix_x, self.pix_y], axis=1)

    def neighbors(self, *, diagonal: bool = True) -> NeighborIndex:
        """Return the neighbors of each pixel, nearest first.

        Parameters
        ----------
        diagonal
            Count the four pixels across the corners of a square one too.

        Returns
        -------
        neighbors
            int64 ``(P, 6)``, or ``(P, 8)`` and without diagonal ones ``(P, 4)`` for square pixels; -1 where a pixel
            has fewer. If a is a neighbor of b, b is one of a.
        """
        kind = "diagonal" if self.pixel_shape == "square" and diagonal else self.pixel_shape
        most, norm, reach = _REACH[kind]
        near = _nearest(self.positions, most=most, reach=reach * self.pitch, norm=norm)
        return _mutual(near)


def read_camera(path: str | Path) -> CameraGeometry:
    """Read a camera from a table with columns ``pix_x``, ``pix_y`` (m), ``pix_area`` (m2) and perhaps ``pix_id``.

    Shape and rotation are taken from the metadata ``PIX_TYPE``, ``PIX_ROT``, ``CAM_ROT`` and ``CAM_ID`` (FITS, ECSV)
    and measured on the pixels' lattice where there are none, as in CSV; the name is then that of the file.

    Raises
    ------
    InputError
        The file cannot be read, lacks a column, or holds no camera.
    """
    path = Path(path)
    table = read_table(path)
    require_columns(table, ["pix_x", "pix_y", "pix_area"], source=path)
    if "pix_id" in table.colnames:
        table = table[np.argsort(np.asarray(table["pix_id"]), kind="stable")]
    x, y, area = (np.asarray(table[name], dtype=np.float64) for name in ("pix_x", "pix_y", "pix_area"))
    try:
        return describe_camera(path.name.split(".")[0], x, y, area, meta=dict(table.meta))
    except ValueError as error:
        raise InputError(path, str(error)) from error


def describe_camera(
    name: str, pix_x: Positions, pix_y: Positions, pix_area: Positions, *, meta: dict[str, Any]
) -> CameraGeometry:
    """Return a camera from its pixels and what is written beside them; the lattice says what ``meta`` leaves out.

    Parameters
    ----------
    name
        Name where ``meta`` has no ``CAM_ID``.
    meta
        ``PIX_TYPE`` (hexagon, hexagonal, rectangular, square), ``PIX_ROT`` and ``CAM_ROT`` in degrees, ``CAM_ID``.

    Raises
    ------
    ValueError
        The pixels are unusable, or of another shape.
    """
    positions = np.stack([pix_x, pix_y], axis=1)
    written = str(meta.get("PIX_TYPE", "")).strip().lower()
    if written and written not in _SHAPES:
        raise ValueError(f"camera {name}: pixels of shape {written!r}; expected hexagonal or rectangular")
    rotation = meta.get("PIX_ROT")
    if (not written or rotation is None) and (len(pix_x) < 7 or not np.isfinite(positions).all()):
        raise ValueError(f"camera {name}: {len(pix_x)} pixels are too few, or not all finite, to tell their shape")
    shape = _SHAPES[written] if written else lattice_shape(positions)
    return CameraGeometry(
        str(meta.get("CAM_ID", name)).strip(),
        pix_x,
        pix_y,
        pix_area,
        shape,
        float(lattice_rotation_deg(positions, shape) if rotation is None else rotation),
        float(meta.get("CAM_ROT", 0.0)),
    )


def lattice_shape(positions: Positions) -> PixelShape:
    """Tell hexagonal from square pixels ``(P, 2)``: an inner one has six or four others at the pitch."""
    near = _nearest(positions, most=6, reach=1.2 * lattice_pitch(positions), norm=2.0)
    return "hexagonal" if np.quantile((near >= 0).sum(axis=1), 0.9) > 4.5 else "square"  # small cameras are all rim


def lattice_rotation_deg(positions: Positions, shape: PixelShape) -> float:
    """Return the direction to a neighbor across a side, from +x towards +y, in [0, 60) or [0, 90) degrees."""
    fold = 6 if shape == "hexagonal" else 4
    near = _nearest(positions, most=fold, reach=1.2 * lattice_pitch(positions), norm=2.0)
    pixel, slot = np.nonzero(near >= 0)
    dx, dy = (positions[near[pixel, slot]] - positions[pixel]).T
    # The mean of a direction known up to 360 / fold degrees is that of fold times the angle.
    angle = np.angle(np.exp(1j * fold * np.arctan2(dy, dx)).mean())
    return round(float(np.rad2deg(angle)) / fold, 6) % (360 / fold)


def lattice_pitch(positions: Positions) -> float:
    """Return the distance between neighboring pixels ``(P, 2)``: the median over the pixels."""
    if len(positions) < 2:
        raise ValueError("a camera of one pixel has no pitch")
    distance, _ = KDTree(positions).query(positions, k=2)
    return float(np.median(distance[:, 1]))


def _nearest(positions: Positions, *, most: int, reach: float, norm: float) -> NeighborIndex:
    """Return up to ``most`` others within ``reach`` of each pixel, -1 where there are fewer."""
    count = min(most + 1, len(positions))
    distance, near = KDTree(positions).query(positions, k=count, p=norm, distance_upper_bound=reach)
    result = np.full((len(positions), most), -1, dtype=np.int64)
    found = np.where(np.isfinite(distance), near, -1)[:, 1:]
    result[:, : count - 1] = found
    return result


def _mutual(near: NeighborIndex) -> NeighborIndex:
    """Drop neighbors that do not have the pixel among theirs, as where modules are askew."""
    mine = np.arange(len(near))
    back = (near[near] == mine[:, None, None]).any(axis=2)
    kept = np.where((near >= 0) & back, near, -1)
    return np.take_along_axis(kept, np.argsort(kept < 0, axis=1, kind="stable"), axis=1)
