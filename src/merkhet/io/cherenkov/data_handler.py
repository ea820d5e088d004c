"""Files of DL1-Data-Handler 0.7 to 0.10, and of ImageExtractor in late 2017: one table of images for each type."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from merkhet.errors import InputError
from merkhet.io.cherenkov.camera import CameraGeometry, describe_camera, lattice_pitch, lattice_shape
from merkhet.io.cherenkov.events import EventFile, Field, ImageStore
from merkhet.io.cherenkov.hdf5 import metadata, text_of
from merkhet.io.cherenkov.instrument import table_at
from merkhet.io.cherenkov.row_lists import Cameras, first_present, index_of_lists, read_labels
from merkhet.io.cherenkov.subarray import Subarray, Telescope, TelescopeType, make_subarray
from merkhet.io.cherenkov.table import ChunkedTable, Columns

if TYPE_CHECKING:
    import h5py

_EVENTS, _ARRAY, _TYPES = ("Events", "Event_Info"), ("Array_Information", "Array_Info"), "Telescope_Type_Information"
_IDS = {"obs_id": ("obs_id", "run_id", "run_number"), "event_id": ("event_id", "event_number")}
_LABELS = {
    "shower_primary_id": ("shower_primary_id", "true_shower_primary_id", "particle_id"),
    "energy": ("mc_energy", "true_energy"),
    "alt": ("alt", "true_alt"),
    "az": ("az", "true_az"),
    "core_x": ("core_x", "true_core_x"),
    "core_y": ("core_y", "true_core_y"),
    "h_first_int": ("h_first_int", "true_h_first_int"),
    "x_max": ("x_max", "true_x_max"),
}
_IMAGES: dict[Field, tuple[str, ...]] = {
    "charge": ("charge", "image", "image_charge"),
    "time": ("peak_time", "peakpos", "image_peak_times"),
    "mask": ("image_mask",),
}


def is_data_handler(file: "h5py.File") -> bool:
    """Tell whether a file has a table of events at its root that lists images by telescope type."""
    return any(name in file for name in _EVENTS) and any(name in file for name in _ARRAY)


def open_data_handler(file: "h5py.File", *, path: Path, cameras: Cameras) -> EventFile:
    """Index a file; images name the row of their event, which is compared when they are read.

    Raises
    ------
    InputError
        A table or a column is missing, or the geometry of a camera, which late 2017 did not write and which
        ``cameras`` then gives by telescope type.
    """
    events = table_at(file, next(name for name in _EVENTS if name in file), path=path)
    subarray = _subarray(file, path=path, cameras=cameras)
    rows = np.full((len(events), len(subarray.telescopes)), -1, dtype=np.int64)
    for kind in subarray.type_names:
        rows[:, subarray.slots(kind)] = _listed(events, kind, expected=len(subarray.slots(kind)))
    stores = {
        slot: _store(table_at(file, kind, path=path), kind)
        for kind in subarray.type_names
        for slot in subarray.slots(kind).tolist()
    }
    index = index_of_lists(
        rows,
        columns=_ids(events),
        labels=read_labels(events, _LABELS),
        pointing=_pointing(file, events),
        stored_row=True,
    )
    version = str(metadata(file).get("dl1_data_handler_version", "")) or "unknown"
    return EventFile(path, "DL1-Data-Handler", version, subarray, index, stores)


def _ids(events: ChunkedTable) -> Columns:
    found = {name: first_present(events, aliases) or aliases[0] for name, aliases in _IDS.items()}
    columns = events.read(list(found.values()))
    return {name: columns[column] for name, column in found.items()}


def _listed(events: ChunkedTable, kind: str, *, expected: int) -> Any:
    """Return the rows of the images of a type, -1 where there is none: row 0 of its table is blank."""
    rows = np.asarray(events.read([f"{kind}_indices"])[f"{kind}_indices"], dtype=np.int64).reshape(len(events), -1)
    if rows.shape[1] != expected:
        raise InputError(events.path, f"{kind}_indices lists {rows.shape[1]} telescopes", expected=f"{expected}")
    return np.where(rows > 0, rows, -1)


def _store(table: ChunkedTable, name: str) -> ImageStore:
    found = {kind: first_present(table, aliases) for kind, aliases in _IMAGES.items()}
    columns = {kind: column for kind, column in found.items() if column is not None}
    return ImageStore((name,), columns, {"event_index": "stored_row"} if "event_index" in table else {})


def _subarray(file: "h5py.File", *, path: Path, cameras: Cameras) -> Subarray:
    table = table_at(file, next(name for name in _ARRAY if name in file), path=path)
    names = {key: first_present(table, (key, f"tel_{key}")) or key for key in ("id", "type", "x", "y", "z")}
    columns = table.read(list(names.values()))
    telescopes = [
        Telescope(int(tel_id), text_of(kind), float(x), float(y), float(z))
        for tel_id, kind, x, y, z in zip(*(columns[names[key]] for key in names), strict=True)
    ]
    described = _cameras(file, path=path) | dict(cameras)
    kinds = dict.fromkeys(tel.type for tel in telescopes)
    without = [kind for kind in kinds if kind not in described]
    if without:
        raise InputError(
            path,
            f"holds no camera geometry of {', '.join(without)}",
            action=f"Give it with data.cameras.{without[0]}=FILE, a table of pix_x, pix_y, pix_area",
        )
    types = [TelescopeType(kind, described[kind], float("nan")) for kind in kinds]
    try:
        return make_subarray(path.name, telescopes, types=types)
    except ValueError as error:
        raise InputError(path, str(error)) from error


def _cameras(file: "h5py.File", *, path: Path) -> dict[str, CameraGeometry]:
    """Return the camera of each type that the file describes; areas follow from the distances of the pixels."""
    if _TYPES not in file or "pixel_positions" not in (table := table_at(file, _TYPES, path=path)):
        return {}
    columns = table.read(table.names)
    result = {}
    for row, kind in enumerate(columns["type"]):
        positions = np.asarray(columns["pixel_positions"][row], dtype=np.float64)
        positions = positions if positions.shape[1] == 2 else positions.T
        positions = positions[: int(columns["num_pixels"][row])]
        name = text_of(columns["camera"][row]) if "camera" in columns else text_of(kind)
        meta = {key: float(columns[column][row]) for key, column in
                (("PIX_ROT", "pix_rotation"), ("CAM_ROT", "cam_rotation")) if column in columns}  # fmt: skip
        try:
            area = lattice_pitch(positions) ** 2 * (np.sqrt(0.75) if lattice_shape(positions) == "hexagonal" else 1)
            areas = np.full(len(positions), area)
            result[text_of(kind)] = describe_camera(name, positions[:, 0], positions[:, 1], areas, meta=meta)
        except ValueError as error:
            raise InputError(path, f"camera of {text_of(kind)}: {error}") from error
    return result


def _pointing(file: "h5py.File", events: ChunkedTable) -> Any:
    """Return altitude and azimuth of each event, or of all; None where the file does not say it."""
    names = ["array_pointing_alt", "array_pointing_az"]
    if all(name in events for name in names):
        columns = events.read(names)
        pointing = np.stack([np.asarray(columns[name], dtype=np.float64) for name in names], axis=1)
        return pointing[:1] if len(pointing) and np.ptp(pointing, axis=0).max() == 0 else pointing
    direction = metadata(file).get("run_array_direction")  # azimuth, altitude
    return None if direction is None else np.asarray(direction, dtype=np.float64).reshape(1, 2)[:, ::-1]
