"""How simulated showers were thrown: what an effective area needs to know."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merkhet.errors import InputError
from merkhet.io.cherenkov.hdf5 import open_hdf5
from merkhet.io.cherenkov.instrument import quantity, table_at

RUN_TABLE = "configuration/simulation/run"


@dataclass(frozen=True)
class SimulatedRun:
    """How the showers of one observation were thrown, as ``/configuration/simulation/run`` has it.

    Attributes
    ----------
    obs_id
        Its events bear it.
    n_showers
        Number thrown, recorded or not.
    energy_min_tev, energy_max_tev, spectral_index
        Their spectrum.
    core_radius_m, view_cone_deg
        Where they fell and came from.
    pointing
        Altitude and azimuth of the telescopes, rad.
    observation_height_m
        Height of the array above the sea.
    """

    obs_id: int
    n_showers: int
    energy_min_tev: float
    energy_max_tev: float
    spectral_index: float
    core_radius_m: float
    view_cone_deg: float
    pointing: tuple[float, float]
    observation_height_m: float


def known_runs(path: str | Path) -> list[SimulatedRun]:
    """Return what :func:`read_runs` does; nothing for observed data and for layouts that do not say it."""
    with open_hdf5(path) as file:
        known = RUN_TABLE in file
    return read_runs(path) if known else []


def read_runs(path: str | Path) -> list[SimulatedRun]:
    """Return how the showers of a file of ctapipe's data model were thrown, one row an observation.

    Raises
    ------
    InputError
        The file cannot be read, or does not say.
    """
    with open_hdf5(path) as file:
        if RUN_TABLE not in file:
            raise InputError(path, f"holds no {RUN_TABLE}", expected="a simulation that says how it was made")
        table = table_at(file, RUN_TABLE, path=Path(path))
        plain = table.read(["obs_id", "n_showers", "shower_reuse", "spectral_index"])
        units = {
            "energy_range_min": "TeV",
            "energy_range_max": "TeV",
            "max_scatter_range": "m",
            "max_viewcone_radius": "deg",
            "max_alt": "rad",
            "max_az": "rad",
            "prod_site_alt": "m",
        }
        measured = {name: quantity(table, name, unit) for name, unit in units.items()}
    columns = {name: np.asarray(values, dtype=np.float64).tolist() for name, values in (plain | measured).items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [
        SimulatedRun(
            obs_id=int(row["obs_id"]),
            n_showers=int(row["n_showers"] * row["shower_reuse"]),
            energy_min_tev=row["energy_range_min"],
            energy_max_tev=row["energy_range_max"],
            spectral_index=row["spectral_index"],
            core_radius_m=row["max_scatter_range"],
            view_cone_deg=row["max_viewcone_radius"],
            pointing=(row["max_alt"], row["max_az"]),
            observation_height_m=row["prod_site_alt"],
        )
        for row in rows
    ]
