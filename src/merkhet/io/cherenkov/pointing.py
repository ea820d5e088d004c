"""Where the telescopes looked, in ctapipe's files."""

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from merkhet.errors import InputError
from merkhet.io.cherenkov.direction import separation_deg
from merkhet.io.cherenkov.index import Integers
from merkhet.io.cherenkov.instrument import quantity, table_at
from merkhet.io.cherenkov.table import ChunkedTable, Columns

if TYPE_CHECKING:
    import h5py

Directions: TypeAlias = npt.NDArray[np.float64]

POINTING = "configuration/telescope/pointing"
OLD_POINTING = "dl1/monitoring/telescope/pointing"  # until ctapipe 0.20: a row for each time it changed

_SAME_DEG = 0.01


def read_pointing(
    file: "h5py.File", *, obs_ids: Integers, ids: Columns, trigger: ChunkedTable, path: Path
) -> tuple[Directions | None, bool]:
    """Return altitude and azimuth in rad for each observation, or for each event where they change during one.

    Returns
    -------
    pointing
        float64 ``(M, 2)`` or ``(N, 2)``; None where the file does not say it.
    tracking
        True where there is a row for each event.

    Raises
    ------
    InputError
        Telescopes look in different directions, or an observation has no pointing.
    """
    if POINTING in file and len(file[POINTING]):
        return _by_observation(file, obs_ids=obs_ids, path=path), False
    if OLD_POINTING in file and len(file[OLD_POINTING]):
        pointing = _by_time(file, trigger=trigger, path=path)
        first = np.unique(ids["obs_id"], return_index=True)[1]
        constant = pointing[first][np.searchsorted(obs_ids, ids["obs_id"])]
        return (pointing[first], False) if np.array_equal(constant, pointing) else (pointing, True)
    return None, False


def _by_observation(file: "h5py.File", *, obs_ids: Integers, path: Path) -> Directions:
    names = ("telescope_pointing_altitude", "telescope_pointing_azimuth")
    pointing = np.full((len(obs_ids), 2), np.nan)
    for tel in file[POINTING]:
        table = table_at(file, f"{POINTING}/{tel}", path=path)
        table.require(["obs_id", *names])
        found = np.stack([quantity(table, name, "rad") for name in names], axis=1)
        obs_id = table.read(["obs_id"])["obs_id"]
        known = np.isin(obs_id, obs_ids) & np.isfinite(found).all(axis=1)
        place, found = np.searchsorted(obs_ids, obs_id[known]), found[known]
        _check_parallel(pointing[place], found, tel=tel, path=path)
        pointing[place] = np.where(np.isnan(pointing[place]), found, pointing[place])
    lost = np.isnan(pointing).any(axis=1)
    if lost.any():
        raise InputError(path, f"{POINTING} has no row for observation {int(obs_ids[lost][0])}")
    return pointing


def _check_parallel(pointing: Directions, found: Directions, *, tel: str, path: Path) -> None:
    apart = separation_deg(*pointing.T, *found.T)
    if (apart > _SAME_DEG).any():  # what is not known yet is NaN, and no number is above anything
        raise InputError(
            path,
            f"{tel} points {np.nanmax(apart):.3g} deg away from the telescopes before it",
            expected="telescopes that point in parallel",
        )


def _by_time(file: "h5py.File", *, trigger: ChunkedTable, path: Path) -> Directions:
    """Return the pointing of each event: that of the nearest time, of the first telescope that has any."""
    for tel in file[OLD_POINTING]:
        table = table_at(file, f"{OLD_POINTING}/{tel}", path=path)
        found = np.stack([quantity(table, name, "rad") for name in ("altitude", "azimuth")], axis=1)
        good = np.isfinite(found).all(axis=1)
        if not good.any():
            continue
        time, found = np.asarray(table.read(["time"])["time"], dtype=np.float64)[good], found[good]
        if len(found) == 1 or np.ptp(found, axis=0).max() == 0:
            return np.broadcast_to(found[0], (len(trigger), 2))
        order = np.argsort(time, kind="stable")
        middle = (time[order][1:] + time[order][:-1]) / 2
        return found[order[np.searchsorted(middle, trigger.read(["time"])["time"])]]
    raise InputError(path, f"{OLD_POINTING} holds no finite direction")
