"""Reconstructed events as ctapipe stores them: HDF5 of data level 2, read by its TableLoader."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.errors import InputError
from merkhet.io.atomic import atomic_path, refuse_existing
from merkhet.io.cherenkov.hdf5 import import_hdf5
from merkhet.io.cherenkov.instrument_writer import write_instrument, write_reference, write_runs
from merkhet.io.cherenkov.pytables import Column, write_rows
from merkhet.io.cherenkov.runs import SimulatedRun
from merkhet.io.cherenkov.subarray import Subarray
from merkhet.io.cherenkov.trigger_writer import EVENT_COLUMNS, IMAGE_COLUMNS, ShowerWriter, TriggerWriter
from merkhet.io.tables import require_columns

_KINDS: dict[str, dict[str, tuple[str, str]]] = {
    "classification": {"gammaness": ("prediction", "")},
    "energy": {"energy": ("energy", "TeV"), "energy_uncertainty": ("energy_uncert", "TeV")},
    "geometry": {
        "alt": ("alt", "deg"),
        "az": ("az", "deg"),
        "direction_uncertainty_deg": ("ang_distance_uncert", "deg"),
    },
}
"""For each table of data level 2, our columns, and the names and units of ctapipe's."""
_ALGORITHMS = {"classification": "particle", "energy": "energy", "geometry": "direction"}
"""What is added to the prefix for each: ctapipe joins the tables, and columns of one name would get numbers."""


def write_dl2(
    path: str | Path,
    *,
    subarray: Subarray,
    events: Table,
    triggered: npt.NDArray[np.bool_],
    telescopes: Table | None = None,
    used: npt.NDArray[np.bool_] | None = None,
    truth: Mapping[str, npt.NDArray[Any]] | None = None,
    runs: tuple[SimulatedRun, ...] = (),
    prefix: str = "merkhet",
    overwrite: bool = False,
) -> Path:
    """Write reconstructed events, and what each telescope says of them.

    ``dl2/event/subarray`` holds ``classification/PREFIX_particle``, ``energy/PREFIX_energy`` and
    ``geometry/PREFIX_direction``, with columns such as ``PREFIX_particle_prediction``, ``..._is_valid`` and the mask
    ``..._telescopes``; ``dl2/event/telescope`` the same for each telescope, with columns such as
    ``PREFIX_particle_tel_prediction``. What is not valid is NaN.

    Parameters
    ----------
    path
        The file, ``.h5``.
    subarray
        The telescopes.
    events
        One row an event: ``obs_id``, ``event_id``, and any of ``gammaness``, ``energy`` and ``energy_uncertainty`` in
        TeV, ``alt``, ``az`` and ``direction_uncertainty_deg`` in deg; ``is_valid``, whether finite where absent.
    triggered
        ``(n, N)``: telescopes with an image, in the order of ``subarray.telescopes``.
    telescopes
        The same columns and ``tel_id``, one row an image; none are written where absent.
    used
        ``(n, N)``: telescopes that an answer rests on; ``triggered`` where absent.
    truth, runs
        What is true of simulated events, by name as :data:`merkhet.io.cherenkov.simulated.TRUTH`, and how they were
        thrown.
    prefix
        Name of the method in ctapipe's columns.
    overwrite
        Replace a file that exists.

    Raises
    ------
    InputError
        A column is missing, or masks and events differ in number.
    OutputError
        The file exists or cannot be written.
    DependencyError
        h5py or numcodecs is not installed.
    """
    require_columns(events, ["obs_id", "event_id"], source="reconstructed events")
    masks = [triggered, *([] if used is None else [used])]
    if any(mask.shape != (len(events), len(subarray.telescopes)) for mask in masks):
        seen = f"masks of shapes {', '.join(str(mask.shape) for mask in masks)}"
        raise InputError(path, seen, expected=f"({len(events)}, {len(subarray.telescopes)})")
    h5py = import_hdf5()
    path = refuse_existing(path, overwrite=overwrite)
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        write_instrument(file, subarray)
        _write_events(file, events, subarray=subarray, triggered=triggered, truth=truth)
        for kind in _KINDS:
            mask, algorithm = triggered if used is None else used, f"{prefix}_{_ALGORITHMS[kind]}"
            _write_kind(file, f"dl2/event/subarray/{kind}/{algorithm}", kind, events, prefix=algorithm, mask=mask)
            if telescopes is not None:
                _write_telescopes(file, kind, telescopes, subarray=subarray, prefix=algorithm)
        if runs:
            write_runs(file, runs, subarray=subarray)
        obs_ids = np.unique(np.asarray(events["obs_id"])).tolist()
        write_reference(file, name=subarray.name, levels="DL2", obs_ids=obs_ids)
    return path


def _write_events(
    file: Any,
    events: Table,
    *,
    subarray: Subarray,
    triggered: npt.NDArray[np.bool_],
    truth: Mapping[str, npt.NDArray[Any]] | None,
) -> None:
    ids = {name: np.asarray(events[name]) for name in ("obs_id", "event_id")}
    trigger = TriggerWriter(file, subarray=subarray)
    trigger.append(**ids, triggered=triggered)
    trigger.close()
    if truth is not None:
        shower = ShowerWriter(file)
        shower.append(**ids, truth=truth)
        shower.close()


def _write_telescopes(file: Any, kind: str, telescopes: Table, *, subarray: Subarray, prefix: str) -> None:
    require_columns(telescopes, ["obs_id", "event_id", "tel_id"], source="reconstructed images")
    tel_id = np.asarray(telescopes["tel_id"])
    for number in subarray.telescopes["tel_id"].tolist():
        mine = telescopes[tel_id == number]
        if len(mine):
            path = f"dl2/event/telescope/{kind}/{prefix}/tel_{number:03d}"
            _write_kind(file, path, kind, mine, prefix=f"{prefix}_tel", mask=None)


def _write_kind(
    file: Any, path: str, kind: str, table: Table, *, prefix: str, mask: npt.NDArray[np.bool_] | None
) -> None:
    """Write one table of answers; none where the method gives none of its values."""
    known = {ours: theirs for ours, theirs in _KINDS[kind].items() if ours in table.colnames}
    if not known:
        return
    index = IMAGE_COLUMNS if mask is None else EVENT_COLUMNS
    cells: list[tuple[Column, Any]] = [(column, np.asarray(table[column.name])) for column in index]
    values = {ours: np.ma.filled(np.ma.asarray(table[ours], dtype=np.float64), np.nan) for ours in known}
    valid = np.asarray(np.isfinite(np.stack([*values.values()])).all(axis=0))
    if "is_valid" in table.colnames:
        valid = valid & np.asarray(table["is_valid"], dtype=bool)
    for ours, (theirs, unit) in known.items():
        cells.append((Column(f"{prefix}_{theirs}", "<f8", unit=unit), np.where(valid, values[ours], np.nan)))
    cells.append((Column(f"{prefix}_is_valid", "?"), valid))
    if mask is not None:
        transform = {"TRANSFORM": "tel_list_to_mask"}
        column = Column(f"{prefix}_telescopes", "?", (mask.shape[1],), attributes=transform)
        cells.append((column, mask & valid[:, None]))
    write_rows(file, path, {column.name: cell for column, cell in cells}, columns=[column for column, _ in cells])
