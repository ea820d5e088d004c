"""Whether uncertainties can be believed: how often the truth lies within them."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from scipy.special import gammainc, gammaincinv

from merkhet.io.cherenkov.direction import separation_deg

FloatArray: TypeAlias = npt.NDArray[np.float64]

CONTAINMENT = 0.6827
"""Share of the truth that an uncertainty is to hold, and that resolutions are measured at."""


def levels_of_truth(table: Table, *, signal: str = "gamma") -> dict[str, FloatArray]:
    """Return for each event of the signal the smallest confidence whose region holds the truth.

    If uncertainties are right, these levels are spread evenly between 0 and 1, and the share of events up to a level
    is that level. The answers are distributions that fall exponentially with the distance, as they are learned: of the
    energy in its logarithm, of the direction on the sky.

    Parameters
    ----------
    table
        ``true_particle``; and ``energy, energy_uncertainty, true_energy`` in TeV, or ``alt, az,
        direction_uncertainty_deg, true_alt, true_az`` in deg, or both; perhaps ``is_valid``.
    signal
        The class whose energies and directions are learned.

    Returns
    -------
    dict
        ``energy`` and ``direction``, ``(n,)`` each, of what the table holds; events without an answer are left out.
    """
    mine = np.asarray(table["true_particle"]).astype(str) == signal
    if "is_valid" in table.colnames:
        mine &= np.asarray(table["is_valid"], dtype=bool)
    found: dict[str, FloatArray] = {}

    def columns(*names: str) -> list[FloatArray]:
        return [np.ma.filled(np.ma.asarray(table[name], dtype=np.float64), np.nan)[mine] for name in names]

    if {"energy", "energy_uncertainty", "true_energy"} <= set(table.colnames):
        energy, uncertainty, truth = columns("energy", "energy_uncertainty", "true_energy")
        found["energy"] = _level(np.abs(np.log(energy / truth)) / (uncertainty / energy), dimensions=1)
    if {"alt", "az", "direction_uncertainty_deg", "true_alt", "true_az"} <= set(table.colnames):
        *angles, radius = columns("alt", "az", "true_alt", "true_az", "direction_uncertainty_deg")
        found["direction"] = _level(separation_deg(*(np.deg2rad(angle) for angle in angles)) / radius, dimensions=2)
    return {name: level[np.isfinite(level)] for name, level in found.items()}


def _level(distance: FloatArray, *, dimensions: int) -> FloatArray:
    """Return the share of exp(-r / s) within distances in units of that which holds :data:`CONTAINMENT` of it."""
    return np.asarray(gammainc(dimensions, distance * gammaincinv(dimensions, CONTAINMENT)))
