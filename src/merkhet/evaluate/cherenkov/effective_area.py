"""Effective area: how much ground the array watches, from how many showers were thrown and how many are left."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from merkhet.errors import InputError
from merkhet.evaluate.cherenkov.scorer import ENERGY_EDGES_TEV
from merkhet.io.cherenkov.runs import SimulatedRun

FloatArray = npt.NDArray[np.float64]


def effective_area(
    true_energy: npt.ArrayLike,
    *,
    selected: npt.ArrayLike,
    runs: Sequence[SimulatedRun],
    share: float = 1.0,
    edges_tev: npt.ArrayLike = ENERGY_EDGES_TEV,
    confidence: float = 0.95,
) -> list[dict[str, Any]]:
    """Return the effective area in each bin of true energy.

    It is the area over which cores fell, times the share of the showers thrown there that are recorded and selected.
    Intervals are those of Clopper and Pearson (1934, Biometrika 26, 404).

    Parameters
    ----------
    true_energy
        ``(n,)``: TeV, of the recorded events of these runs.
    selected
        ``(n,)``: which of them pass the selection.
    runs
        How the showers were thrown; they must agree on the radius.
    share
        Share of the recorded events of these runs that ``true_energy`` holds, drawn at random: below one for a test
        split, which stands for so many of the thrown showers.
    edges_tev
        Edges of the bins.
    confidence
        Share of an interval.

    Returns
    -------
    list of dict
        ``{low_tev, high_tev, thrown, selected, area_m2: {value, low, high}}`` for bins in which showers were thrown.

    Raises
    ------
    InputError
        There are no runs, or they differ in the area over which cores fell.
    """
    radii = sorted({run.core_radius_m for run in runs})
    if len(radii) != 1:
        raise InputError("simulated runs", f"core radii {radii} m", expected="one, the same for all runs")
    edges = np.asarray(edges_tev, dtype=np.float64)
    thrown = share * np.sum([thrown_showers(run, edges_tev=edges) for run in runs], axis=0)
    kept = np.histogram(np.asarray(true_energy)[np.asarray(selected, dtype=bool)], bins=edges)[0]
    ground, tail = np.pi * radii[0] ** 2, (1 - confidence) / 2
    rows = []
    for place in np.flatnonzero(thrown >= 1):
        trials = max(thrown[place], kept[place])
        low = beta.ppf(tail, kept[place], trials - kept[place] + 1) if kept[place] else 0.0
        high = beta.ppf(1 - tail, kept[place] + 1, max(trials - kept[place], 1e-9))
        rows.append(
            {
                "low_tev": float(edges[place]),
                "high_tev": float(edges[place + 1]),
                "thrown": float(thrown[place]),
                "selected": int(kept[place]),
                "area_m2": {
                    "value": float(ground * kept[place] / trials),
                    "low": float(ground * low),
                    "high": float(ground * high),
                },
            }
        )
    return rows


def thrown_showers(run: SimulatedRun, *, edges_tev: FloatArray) -> FloatArray:
    """Return the expected number of showers of a run in each bin: its power law, integrated."""
    inside = np.clip(edges_tev, run.energy_min_tev, run.energy_max_tev)
    slope = run.spectral_index + 1

    def integral(energy: npt.ArrayLike) -> FloatArray:
        values = np.asarray(energy, dtype=np.float64)
        return np.log(values) if abs(slope) < 1e-9 else values**slope / slope

    whole = integral(run.energy_max_tev) - integral(run.energy_min_tev)
    return np.asarray(run.n_showers * np.diff(integral(inside)) / whole)
