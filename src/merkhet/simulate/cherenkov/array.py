"""The array that is simulated: built-in cameras of three kinds, or real ones, on a mixed layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merkhet.errors import InputError
from merkhet.io.cherenkov.camera import CameraGeometry, read_camera
from merkhet.io.cherenkov.subarray import Subarray, Telescope, TelescopeType, make_subarray


@dataclass(frozen=True)
class Detector:
    """What a telescope does to light.

    Attributes
    ----------
    efficiency
        Photo-electrons for each photon on the mirror.
    blur_deg
        Width of the optical point-spread function, one sigma.
    night_sky_pe
        Photo-electrons of the night sky in a pixel within the time over which its charge is summed.
    electronic_pe
        Noise of the electronics in that time, in photo-electrons.
    trigger_pe
        Charge that three touching pixels must pass.
    saturation_pe
        Charge at which a pixel clips.
    """

    efficiency: float
    blur_deg: float
    night_sky_pe: float
    electronic_pe: float
    trigger_pe: float
    saturation_pe: float


@dataclass(frozen=True)
class _Kind:
    """A kind of telescope: size class, name of its optics, effective focal length, mirror area, what it does."""

    size: str
    optics: str
    focal_length_m: float
    mirror_area_m2: float
    detector: Detector


_LARGE = Detector(0.10, 0.035, 2.2, 0.6, 6.5, 4000.0)
_MEDIUM = Detector(0.10, 0.045, 1.8, 0.6, 6.5, 3000.0)
_SMALL = Detector(0.14, 0.055, 0.8, 0.6, 5.0, 2000.0)

KINDS = {
    "LSTCam": _Kind("LST", "LST", 29.31, 386.7, _LARGE),
    "FlashCam": _Kind("MST", "MST", 16.445, 106.2, _MEDIUM),
    "NectarCam": _Kind("MST", "MST", 16.445, 106.2, _MEDIUM),
    "CHEC": _Kind("SST", "ASTRI", 2.304, 8.0, _SMALL),
    "ASTRICam": _Kind("SST", "ASTRI", 2.15, 8.0, _SMALL),
    "DigiCam": _Kind("SST", "1M", 5.596, 7.6, _SMALL),
}
"""Cameras that an array can be made of, by name."""

SITES = {
    "LST": ((-70.0, 0.0), (0.0, 65.0), (75.0, 0.0), (0.0, -65.0)),
    "MST": ((0.0, 0.0), (150.0, 0.0), (75.0, 130.0), (-75.0, 130.0), (-150.0, 0.0), (-75.0, -130.0), (75.0, -130.0),
            (0.0, 250.0), (0.0, -250.0)),
    "SST": ((270.0, 80.0), (240.0, -170.0), (110.0, 290.0), (-110.0, 290.0), (-270.0, 80.0), (-240.0, -170.0),
            (-110.0, -300.0), (120.0, -320.0)),
}  # fmt: skip
"""Where telescopes of each size stand, m north and west of the center."""


@dataclass(frozen=True, eq=False)
class Array:
    """An array, and what the telescopes of each of its types do to light."""

    subarray: Subarray
    detectors: tuple[Detector, ...]


def built_in_cameras() -> list[CameraGeometry]:
    """Return three cameras that need no file, with as many pixels as those whose names they bear.

    Hexagonal ones of 1,855 and 1,764 pixels of 50 mm, and a square one of 32 modules of 8 x 8 pixels of 6.2 mm.
    """
    return [
        _hexagonal("LSTCam", 1855, pitch_m=0.05),
        _hexagonal("FlashCam", 1764, pitch_m=0.05),
        _square("CHEC", pitch_m=0.0062),
    ]


def read_cameras(folder: Path) -> list[CameraGeometry]:
    """Return the cameras among :data:`KINDS` that a folder has tables of.

    Raises
    ------
    InputError
        It has none.
    """
    paths = {path.name.split(".")[0]: path for path in sorted(folder.glob("*.*")) if path.is_file()}
    found = [read_camera(paths[name]) for name in KINDS if name in paths]
    if not found:
        raise InputError(
            folder,
            "holds the table of no known camera",
            expected=f"a file such as LSTCam.camgeom.fits for any of {', '.join(KINDS)}",
        )
    return found


def make_array(cameras: Sequence[CameraGeometry]) -> Array:
    """Return the telescopes that bear the given cameras; those of one size take turns on its sites."""
    types = []
    for camera in cameras:
        kind = KINDS[camera.name]
        name = f"{kind.size}_{kind.optics}_{camera.name}"
        types.append(TelescopeType(name, camera, kind.focal_length_m, kind.mirror_area_m2))
    telescopes: list[Telescope] = []
    for size, sites in SITES.items():
        mine = [kind for kind in types if kind.name.startswith(f"{size}_")]
        for place, (x, y) in enumerate(sites if mine else ()):
            telescopes.append(Telescope(len(telescopes) + 1, mine[place % len(mine)].name, x, y, 0.0))
    detectors = tuple(KINDS[kind.camera.name].detector for kind in types)
    return Array(make_subarray("merkhet-mixed", telescopes, types=types), detectors)


def _hexagonal(name: str, n_pixels: int, *, pitch_m: float) -> CameraGeometry:
    """Return the ``n_pixels`` of a hexagonal lattice that are closest to its middle, in rows."""
    side = np.arange(-40, 41)
    column, row = (axis.ravel() for axis in np.meshgrid(side, side))
    x, y = pitch_m * (column + row / 2), pitch_m * row * np.sqrt(3) / 2
    # A little off the middle, so that no two pixels are equally far from it.
    inner = np.argsort(np.hypot(x - 1e-3 * pitch_m, y - 2e-3 * pitch_m), kind="stable")[:n_pixels]
    inner = inner[np.lexsort((x[inner], y[inner].round(9)))]
    area = np.full(n_pixels, pitch_m**2 * np.sqrt(3) / 2)
    return CameraGeometry(name, x[inner], y[inner], area, "hexagonal", pixel_rotation_deg=0.0)


def _square(name: str, *, pitch_m: float) -> CameraGeometry:
    """Return 6 x 6 modules of 8 x 8 pixels without those in the corners, module by module, with gaps between them."""
    edge = (0, 5)
    modules = [(row, column) for row in range(6) for column in range(6) if not (row in edge and column in edge)]
    inside = np.arange(8) - 3.5
    x, y = [], []
    for row, column in modules:
        x.append(np.tile(inside * pitch_m, 8) + (column - 2.5) * 8.1 * pitch_m)
        y.append(np.repeat(inside * pitch_m, 8) + (row - 2.5) * 8.1 * pitch_m)
    pixels = len(modules) * 64
    return CameraGeometry(name, np.concatenate(x), np.concatenate(y), np.full(pixels, pitch_m**2), "square")
