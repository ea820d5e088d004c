"""What is simulated: which primaries, with what spectrum, from where, falling how far from the array."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from merkhet.errors import ConfigError

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

Gammas = Literal["diffuse", "point"]

PRIMARIES = {"gamma": 0, "electron": 1, "proton": 101}
"""Names of the primaries and their numbers as sim_telarray counts them."""


@dataclass(frozen=True)
class Observation:
    """The showers that are thrown at the array.

    Attributes
    ----------
    energy_min_tev, energy_max_tev
        Range of the energies, TeV.
    spectral_index
        Exponent of the number of showers per energy, for all primaries alike: weight the events by the spectrum that
        you want.
    core_radius_m
        Cores fall evenly on a disk of this radius around the center of the array.
    view_cone_deg
        Directions are isotropic within this angle of the pointing.
    gammas
        ``diffuse``: from the whole cone, as the others; ``point``: from one direction.
    gamma_offset_deg
        How far above the pointing that direction is.
    altitude_deg, azimuth_deg
        Where all telescopes look, azimuth from north through east.
    gamma_share, electron_share
        Shares of the recorded events; the rest are protons.

    Raises
    ------
    ConfigError
        An option is out of its range.
    """

    energy_min_tev: float = 0.02
    energy_max_tev: float = 100.0
    spectral_index: float = -2.0
    core_radius_m: float = 500.0
    view_cone_deg: float = 3.0
    gammas: Gammas = "diffuse"
    gamma_offset_deg: float = 0.5
    altitude_deg: float = 70.0
    azimuth_deg: float = 180.0
    gamma_share: float = 0.45
    electron_share: float = 0.1

    def __post_init__(self) -> None:
        for name, low, high in (
            ("energy_min_tev", 0.01, 1000),
            ("energy_max_tev", 0.01, 1000),
            ("spectral_index", -5, 0),
            ("core_radius_m", 1, 5000),
            ("view_cone_deg", 0, 10),
            ("gamma_offset_deg", 0, 5),
            ("altitude_deg", 30, 90),
            ("azimuth_deg", 0, 360),
            ("gamma_share", 0, 1),
            ("electron_share", 0, 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:  # false for NaN as well
                raise ConfigError(f"{name} is {value}; expected {low:g} to {high:g}")
        if self.energy_min_tev >= self.energy_max_tev:
            seen = f"energies from {self.energy_min_tev:g} to {self.energy_max_tev:g} TeV"
            raise ConfigError(f"{seen}; expected energy_min_tev below energy_max_tev")
        if self.gamma_share + self.electron_share > 1:
            raise ConfigError(f"gamma_share and electron_share sum to {self.gamma_share + self.electron_share:g}")
        if self.gammas not in ("diffuse", "point"):
            raise ConfigError(f"gammas is {self.gammas!r}; expected diffuse or point")

    @property
    def pointing(self) -> FloatArray:
        """Altitude and azimuth in rad, ``(2,)``."""
        return np.deg2rad([self.altitude_deg, self.azimuth_deg])

    def shares(self) -> dict[str, float]:
        """Return the share of each primary among the recorded events."""
        return {
            "gamma": self.gamma_share,
            "electron": self.electron_share,
            "proton": max(0.0, 1 - self.gamma_share - self.electron_share),
        }
