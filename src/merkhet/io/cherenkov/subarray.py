"""The array: which telescopes stand where, and of what type they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from merkhet.io.cherenkov.camera import CameraGeometry

Telescopes: TypeAlias = npt.NDArray[np.void]

TELESCOPE = np.dtype([("tel_id", "i4"), ("type", "i2"), ("x", "f8"), ("y", "f8"), ("z", "f8")])
"""A telescope: its id, the place of its type in :attr:`Subarray.types`, and x (north), y (west), z (up) in m."""

_SAME_PLACE_M = 0.01


@dataclass(frozen=True)
class Telescope:
    """One telescope: id, name of its type, and x (north), y (west), z (up) from the center of the array in m."""

    tel_id: int
    type: str
    x: float
    y: float
    z: float


@dataclass(frozen=True, eq=False)
class TelescopeType:
    """What all telescopes of one type share.

    Attributes
    ----------
    name
        Unique within an array, ``LST_LST_LSTCam``.
    camera
        Its pixels.
    focal_length_m
        Effective focal length: a camera position divided by it is an angle in rad. NaN where it is not known.
    mirror_area_m2
        NaN where it is not known.
    """

    name: str
    camera: CameraGeometry
    focal_length_m: float
    mirror_area_m2: float = float("nan")

    def looks_like(self, other: "TelescopeType") -> bool:
        """Tell whether pixels and plate scale are the same, up to the rounding of float32."""
        mine, theirs = self.camera, other.camera
        return (
            mine.pixel_shape == theirs.pixel_shape
            and mine.n_pixels == theirs.n_pixels
            and np.allclose(mine.positions, theirs.positions, rtol=0, atol=1e-3 * mine.pixel_width)
            and abs(mine.camera_rotation_deg - theirs.camera_rotation_deg) < 1e-3
            and bool(np.isclose(self.focal_length_m, other.focal_length_m, rtol=1e-4, equal_nan=True))
        )


@dataclass(frozen=True, eq=False)
class Subarray:
    """An array of telescopes of one type or several.

    Attributes
    ----------
    name
        Name of the array.
    telescopes
        Structured array :data:`TELESCOPE`, ``(N,)``, in the order of ``tel_id``.
    types
        The types that ``telescopes["type"]`` counts.

    Raises
    ------
    ValueError
        Telescope ids are not ascending and unique, a type is not there, or two types share a name.
    """

    name: str
    telescopes: Telescopes
    types: tuple[TelescopeType, ...]

    def __post_init__(self) -> None:
        if (np.diff(self.telescopes["tel_id"]) <= 0).any():
            raise ValueError(f"array {self.name}: telescope ids are not ascending and unique")
        types = self.telescopes["type"]
        if len(types) and not 0 <= types.min() <= types.max() < len(self.types):
            raise ValueError(f"array {self.name}: a telescope of a type that is not among the {len(self.types)}")
        if len(set(self.type_names)) < len(self.types):
            raise ValueError(f"array {self.name}: two types of one name among {', '.join(self.type_names)}")

    @property
    def type_names(self) -> tuple[str, ...]:
        """Names of the types."""
        return tuple(kind.name for kind in self.types)

    def type(self, name: str) -> TelescopeType:
        """Return the type of a name.

        Raises
        ------
        KeyError
            There is none, with those there are.
        """
        return self.types[self.type_index(name)]

    def type_index(self, name: str) -> int:
        """Return the place of a type among :attr:`types`; raises KeyError where there is none."""
        if name not in self.type_names:
            raise KeyError(f"array {self.name} has no telescope type {name!r}; there are {', '.join(self.type_names)}")
        return self.type_names.index(name)

    def slots(self, name: str) -> npt.NDArray[np.int64]:
        """Return the places in :attr:`telescopes` of all telescopes of a type, in the order of ``tel_id``."""
        return np.flatnonzero(self.telescopes["type"] == self.type_index(name))

    def of_type(self, name: str) -> Telescopes:
        """Return the telescopes of a type, in the order of ``tel_id``."""
        return self.telescopes[self.slots(name)]

    def positions(self, name: str) -> npt.NDArray[np.float64]:
        """Return x, y, z ``(n, 3)`` of the telescopes of a type in m, in the order of ``tel_id``."""
        mine = self.of_type(name)
        return np.stack([mine[axis] for axis in "xyz"], axis=1)

    def difference(self, other: "Subarray") -> str:
        """Say in what another array differs, in telescopes or types; nothing where they are the same to the eye."""
        mine, theirs = self.telescopes, other.telescopes
        if not np.array_equal(mine["tel_id"], theirs["tel_id"]):
            apart = np.setxor1d(mine["tel_id"], theirs["tel_id"])
            return f"only one has telescope {int(apart[0])}"
        far = np.max([np.abs(mine[axis] - theirs[axis]) for axis in "xyz"], axis=0, initial=0.0) > _SAME_PLACE_M
        if far.any():
            return f"telescope {int(mine['tel_id'][far][0])} stands elsewhere"
        for tel_id, here, there in zip(mine["tel_id"].tolist(), mine["type"], theirs["type"], strict=True):
            kind, other_kind = self.types[here], other.types[there]
            if kind.name != other_kind.name:
                return f"telescope {tel_id} is {kind.name} in one and {other_kind.name} in the other"
            if kind is not other_kind and not kind.looks_like(other_kind):
                return f"{kind.name} has another camera or focal length"
        return ""


def make_subarray(name: str, telescopes: Sequence[Telescope], *, types: Sequence[TelescopeType]) -> Subarray:
    """Return an array of the given telescopes, in the order of their ids.

    Raises
    ------
    ValueError
        An id stands twice, or a telescope is of a type that is not given.
    """
    places = {kind.name: place for place, kind in enumerate(types)}
    unknown = sorted({tel.type for tel in telescopes} - set(places))
    if unknown:
        raise ValueError(f"array {name}: telescopes of type {', '.join(unknown)}, which is not described")
    rows: list[Any] = sorted((tel.tel_id, places[tel.type], tel.x, tel.y, tel.z) for tel in telescopes)
    return Subarray(name, np.array(rows, dtype=TELESCOPE), tuple(types))
