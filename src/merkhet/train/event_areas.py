"""The effective area of what a model keeps, where the files say how their showers were thrown."""

from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.evaluate.cherenkov.effective_area import effective_area
from merkhet.io.cherenkov.packed import runs_of
from merkhet.io.cherenkov.runs import SimulatedRun
from merkhet.train.events import PreparedEvents

CUT = 0.5
"""Gammaness above which an event is kept."""


def effective_areas(prepared: PreparedEvents, table: Table, *, side: str) -> dict[str, list[dict[str, Any]]]:
    """Return the effective area for gammas before and after a cut in gammaness, by true energy.

    The events of a side stand for their share of the showers that were thrown. With ``data.select`` the area is that
    of the selection. Nothing is returned for single images, where a file does not say how its showers were thrown, or
    where they were thrown onto areas of several radii.

    Parameters
    ----------
    table
        The answers for the side, with their truth.
    """
    events, task = prepared.samples.events, prepared.experiment.task
    if events.mono or not {"true_energy", "gammaness"} <= set(table.colnames):
        return {}
    signal = np.isin(events.labels["shower_primary_id"], task.particles[task.signal])
    runs = _runs_of_signal(prepared, signal)
    mine = np.asarray(table["true_particle"]).astype(str) == task.signal
    if not runs or len({run.core_radius_m for run in runs}) != 1 or not mine.any():
        return {}
    share = float((signal & (prepared.sides == side)).sum() / signal.sum())
    energy = np.asarray(table["true_energy"], dtype=np.float64)[mine]
    kept = np.nan_to_num(np.asarray(table["gammaness"], dtype=np.float64)[mine]) > CUT
    selections = {"all that were recorded": np.ones(len(energy), dtype=bool), f"gammaness above {CUT:g}": kept}
    return {
        name: effective_area(energy, selected=chosen, runs=runs, share=share) for name, chosen in selections.items()
    }


def _runs_of_signal(prepared: PreparedEvents, signal: npt.NDArray[np.bool_]) -> list[SimulatedRun]:
    """Return the runs of the observations that hold gammas; nothing unless every file knows all of its own."""
    events = prepared.samples.events
    found: list[SimulatedRun] = []
    for file, start, stop in zip(events.files, events.starts[:-1], events.starts[1:], strict=True):
        index = file.index
        wanted = np.unique(index.obs_id_of(np.flatnonzero(signal[start:stop])))
        known = {run.obs_id: run for run in runs_of(file)} if len(wanted) else {}
        if not set(wanted.tolist()) <= set(known):
            return []
        found += [known[number] for number in wanted.tolist()]
    return found
