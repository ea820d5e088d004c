"""Small cameras, an array of two types, and events that can be learned from."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from merkhet.config.arrays import CameraPixels, TelescopeInput, pack_pixels
from merkhet.data.sample import Batch, Target
from merkhet.io.cherenkov.camera import CameraGeometry

FloatArray = npt.NDArray[np.float64]


def hexagons(rings: int = 5, *, pitch: float = 0.05, turn_deg: float = 0.0) -> FloatArray:
    """A hexagon of hexagonal pixels, in no order that a lattice would give."""
    q, r = np.mgrid[-rings : rings + 1, -rings : rings + 1].reshape(2, -1)
    q, r = q[abs(q + r) <= rings], r[abs(q + r) <= rings]
    return _turned(pitch * np.stack([q + r / 2, np.sqrt(0.75) * r], axis=1), turn_deg)


def squares(modules: int = 3, *, per_module: int = 4, pitch: float = 0.01, gap: float = 0.25) -> FloatArray:
    """Modules of square pixels without the four at the corners, with gaps between them."""
    x, y = np.mgrid[: modules * per_module, : modules * per_module].reshape(2, -1)
    mx, my = x // per_module, y // per_module
    kept = ~(np.isin(mx, (0, modules - 1)) & np.isin(my, (0, modules - 1)))
    positions = np.stack([x + gap * mx, y + gap * my], axis=1)[kept].astype(float)
    return np.asarray(pitch * (positions - positions.mean(axis=0)))


def _turned(positions: FloatArray, degrees: float) -> FloatArray:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.random.default_rng(7).permutation(positions @ turn)


def geometry(positions: FloatArray, shape: Any = "hexagonal", *, name: str = "camera") -> CameraGeometry:
    return CameraGeometry(name, positions[:, 0], positions[:, 1], np.full(len(positions), 1e-3), shape)


CAMERAS = (
    CameraPixels(
        type="LST",
        camera="hex",
        pixel_shape="hexagonal",
        pixels=pack_pixels(hexagons(turn_deg=17.0)),
        camera_rotation_deg=5.0,
        focal_length_m=10.0,
        tel_ids=(1, 2),
    ),
    CameraPixels(
        type="SST",
        camera="square",
        pixel_shape="square",
        pixels=pack_pixels(squares()),
        focal_length_m=2.0,
        tel_ids=(5, 7, 9),
    ),
)
ARRAY = TelescopeInput(cameras=CAMERAS)


def make_events(n: int = 32, *, seed: int = 0, spec: TelescopeInput = ARRAY) -> Batch:
    """Events whose particle shows in the width, energy in the charge and direction in the place of their images."""
    rng = np.random.default_rng(seed)
    gamma, energy = rng.random(n) < 0.5, rng.uniform(-1, 1, n)
    offset = rng.normal(0, 0.4, (n, 2))
    telescopes = {
        camera.type: _images(camera, rng, gamma=gamma, energy=energy, offset=offset) for camera in spec.cameras
    }
    triggered = np.concatenate([arrays["trigger"] for arrays in telescopes.values()], axis=1).any(axis=1)
    telescopes[spec.cameras[0].type]["trigger"][~triggered, 0] = True
    return {
        "telescopes": {
            name: {k: torch.from_numpy(v) for k, v in arrays.items()} for name, arrays in telescopes.items()
        },
        "pointing": torch.tensor([1.2, 0.3]).repeat(n, 1),
        "target": {
            "particle": Target("label", torch.from_numpy(gamma.astype(np.int64))),
            "energy": Target("vector", torch.from_numpy(energy[:, None].astype(np.float32))),
            "direction": Target("vector", torch.from_numpy(offset.astype(np.float32))),
        },
        "index": torch.arange(n),
    }


def _images(camera: CameraPixels, rng: np.random.Generator, *, gamma: Any, energy: Any, offset: Any) -> dict[str, Any]:
    shape = (len(gamma), len(camera.tel_ids), len(camera.positions))
    radius = np.abs(camera.positions).max()
    center = 0.5 * radius * offset[:, None] + 0.02 * radius * rng.normal(size=(*shape[:2], 2))
    distance = np.linalg.norm(camera.positions - center[:, :, None], axis=3)
    width = radius * np.where(gamma, 0.2, 0.35)[:, None, None]
    light = 200 * 10 ** energy[:, None, None] * np.exp(-0.5 * (distance / width) ** 2) / width**2 * 0.04 * radius**2
    places = 50 * np.stack([np.array(camera.tel_ids), -np.array(camera.tel_ids) % 4, np.zeros(shape[1])], axis=1)
    charge = rng.poisson(light) + rng.normal(0, 1, shape)
    return {
        "charge": charge.astype(np.float32),
        "time": (30 + 5 * distance / radius + rng.normal(0, 0.5, shape)).astype(np.float32),
        "mask": charge > 4,
        "trigger": rng.random(shape[:2]) < 0.6,
        "position": np.broadcast_to(places, (*shape[:2], 3)).astype(np.float32),
    }
