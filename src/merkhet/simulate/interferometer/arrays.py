"""Where the antennas stand: arrays of 128 tiles, made after the plan of the Murchison Widefield Array.

The surveyed coordinates of the tiles are not at hand. The layouts here follow the published plan (Tingay et al. 2013,
PASA 30, e007; Wayth et al. 2018, PASA 35, e033) with a fixed pseudo-random placement: numbers of tiles, sizes of the
core and of the hexagons, and longest baselines are right, single baselines are not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from merkhet.simulate.beams import FloatArray

SPEED_OF_LIGHT = 299_792_458.0
MWA_LATITUDE_DEG = -26.7033
MWA_LONGITUDE_DEG = 116.6708
MIN_SPACING_M = 6.0  # a tile is 5 m wide
HEXAGON_SPACING_M = 14.0
LAYOUT_SEED = 128


@dataclass(frozen=True)
class Array:
    """An interferometer on a plain.

    Attributes
    ----------
    name
        What the user calls it.
    place
        Makes the positions ``(antenna, 2)``, meters to the east and to the north.
    pixel_deg_channel
        Side of a pixel in degrees times the number of the coarse channel.
    image_px
        Side of the image that the survey makes with it.
    latitude_deg, longitude_deg
        Where it stands.
    """

    name: str
    place: Callable[[], FloatArray]
    pixel_deg_channel: float
    image_px: int
    latitude_deg: float = MWA_LATITUDE_DEG
    longitude_deg: float = MWA_LONGITUDE_DEG

    @cached_property
    def positions(self) -> FloatArray:
        """Meters to the east and to the north, ``(antenna, 2)``."""
        return self.place()

    @cached_property
    def pairs(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Indices of the two antennas of each baseline."""
        first, second = np.triu_indices(len(self.positions), k=1)
        return first, second

    @cached_property
    def baselines(self) -> FloatArray:
        """Second antenna minus the first, meters to the east and to the north, ``(baseline, 2)``."""
        first, second = self.pairs
        return np.asarray(self.positions[second] - self.positions[first])

    def pixel_deg(self, channel: float) -> float:
        """Return the side of a pixel at a coarse channel."""
        return self.pixel_deg_channel / channel


def _scatter(
    rng: np.random.Generator, number: int, *, inner_m: float, outer_m: float, power: float, taken: FloatArray
) -> FloatArray:
    """Place antennas around the middle, not too close to each other: r uniform in its ``power``-th power."""
    positions = list(taken)
    while len(positions) < len(taken) + number:
        low, high = inner_m**power, outer_m**power
        radius, angle = rng.uniform(low, high) ** (1 / power), rng.uniform(0, 2 * np.pi)
        position = radius * np.array([np.sin(angle), np.cos(angle)])
        if not positions or np.linalg.norm(np.array(positions) - position, axis=1).min() > MIN_SPACING_M:
            positions.append(position)
    return np.array(positions)


def _hexagon(center: tuple[float, float]) -> FloatArray:
    """Return the 36 places of a hexagon of four rings around an empty middle, as the compact array has two."""
    ring = range(-3, 4)
    cells = np.array([(q, r) for q in ring for r in ring if abs(q + r) <= 3 and (q, r) != (0, 0)], dtype=np.float64)
    east = HEXAGON_SPACING_M * (cells[:, 0] + 0.5 * cells[:, 1])
    north = HEXAGON_SPACING_M * np.sqrt(0.75) * cells[:, 1]
    return np.stack([east, north], axis=1) + center


def _phase1() -> FloatArray:
    """Half of the tiles within 100 m, most of the others within 750 m, sixteen out to 1.5 km."""
    rng = np.random.default_rng(LAYOUT_SEED)
    inner = _scatter(rng, 50, inner_m=0, outer_m=50, power=2, taken=np.empty((0, 2)))
    middle = _scatter(rng, 62, inner_m=50, outer_m=750, power=0.8, taken=inner)
    return _scatter(rng, 16, inner_m=800, outer_m=1450, power=2, taken=middle)


def _compact() -> FloatArray:
    """Two hexagons of 36 tiles, and the core; the longest baseline is 0.7 km."""
    rng = np.random.default_rng(LAYOUT_SEED)
    hexagons = np.concatenate([_hexagon((-70.0, 120.0)), _hexagon((95.0, 30.0))])
    core = _scatter(rng, 44, inner_m=0, outer_m=150, power=1.2, taken=hexagons)
    return _scatter(rng, 12, inner_m=150, outer_m=370, power=2, taken=core)


def _extended() -> FloatArray:
    """No dense core: tiles from 50 m to 2.7 km from the middle, evenly in the logarithm of the radius and beyond."""
    rng = np.random.default_rng(LAYOUT_SEED)
    inner = _scatter(rng, 72, inner_m=30, outer_m=1100, power=0.9, taken=np.empty((0, 2)))
    return _scatter(rng, 56, inner_m=1100, outer_m=2650, power=1.3, taken=inner)


ARRAYS = {
    array.name: array
    for array in (
        Array("compact", _compact, pixel_deg_channel=2.0, image_px=2000),
        Array("phase1", _phase1, pixel_deg_channel=1.1, image_px=4000),
        Array("extended", _extended, pixel_deg_channel=0.6, image_px=8000),
    )
}
