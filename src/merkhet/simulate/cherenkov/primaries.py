"""What arrives at the top of the atmosphere."""

from dataclasses import dataclass

import numpy as np

from merkhet.io.cherenkov.direction import to_altaz
from merkhet.simulate.cherenkov.observation import FloatArray, Observation


@dataclass(frozen=True, eq=False)
class Showers:
    """Primaries ``(n,)``: energy in TeV, the direction that they come from in rad, core in m north and west."""

    primary: str
    energy: FloatArray
    alt: FloatArray
    az: FloatArray
    core_x: FloatArray
    core_y: FloatArray

    def __len__(self) -> int:
        return len(self.energy)

    @property
    def origin(self) -> FloatArray:
        """Unit vectors ``(n, 3)`` towards where they come from: north, west, up."""
        return unit_vector(self.alt, self.az)

    @property
    def core(self) -> FloatArray:
        """Where the axes meet the ground, ``(n, 3)``."""
        return np.stack([self.core_x, self.core_y, np.zeros(len(self))], axis=1)


def unit_vector(alt: FloatArray, az: FloatArray) -> FloatArray:
    """Return unit vectors ``(*S, 3)``, north, west, up, of directions in rad; azimuth runs from north to east."""
    return np.stack([np.cos(alt) * np.cos(az), -np.cos(alt) * np.sin(az), np.sin(alt)], axis=-1)


def throw(n: int, *, primary: str, observation: Observation, rng: np.random.Generator) -> Showers:
    """Draw ``n`` primaries."""
    radius = observation.core_radius_m * np.sqrt(rng.random(n))
    around = rng.uniform(0, 2 * np.pi, n)
    energy = _power_law(rng.random(n), observation)
    if primary == "gamma" and observation.gammas == "point":
        altaz = np.tile(to_altaz([0.0, observation.gamma_offset_deg], observation.pointing), (n, 1))
    else:
        altaz = _within_cone(n, observation, rng)
    return Showers(primary, energy, altaz[:, 0], altaz[:, 1], radius * np.cos(around), radius * np.sin(around))


def _power_law(chance: FloatArray, observation: Observation) -> FloatArray:
    """Invert the cumulative distribution of a power law."""
    low, high, slope = observation.energy_min_tev, observation.energy_max_tev, observation.spectral_index + 1
    if abs(slope) < 1e-9:
        return np.asarray(low * (high / low) ** chance)
    return np.asarray((low**slope + chance * (high**slope - low**slope)) ** (1 / slope))


def _within_cone(n: int, observation: Observation, rng: np.random.Generator) -> FloatArray:
    """Draw directions, isotropic on a cap of the sphere around the pointing: altitude and azimuth ``(n, 2)``."""
    cap = 1 - np.cos(np.deg2rad(observation.view_cone_deg))
    forward = 1 - cap * rng.random(n)
    aside, around = np.sqrt(1 - forward**2), rng.uniform(0, 2 * np.pi, n)
    lon, lat = np.arctan2(aside * np.cos(around), forward), np.arcsin(aside * np.sin(around))
    return to_altaz(np.rad2deg(np.stack([lon, lat], axis=1)), observation.pointing)
