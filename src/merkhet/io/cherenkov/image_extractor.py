"""Files of ImageExtractor, 2017: a group for each bin of energy, in it an array of square images for each telescope."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from merkhet.errors import InputError
from merkhet.io.cherenkov.camera import CameraGeometry
from merkhet.io.cherenkov.events import EventFile, Field, ImageStore
from merkhet.io.cherenkov.hdf5 import text_of
from merkhet.io.cherenkov.instrument import table_at
from merkhet.io.cherenkov.row_lists import Cameras, RowLists, index_of_lists, read_labels
from merkhet.io.cherenkov.subarray import Subarray, Telescope, TelescopeType, make_subarray
from merkhet.io.cherenkov.table import Columns

if TYPE_CHECKING:
    import h5py

TELESCOPES = "Tel_Table"
CHARGE_SCALE = 100.0
PIXEL_M = 0.0066870  # the files do not say it; they were made of Schwarzschild-Couder cameras, whose pixels have this

_EVENT_TABLES = ("Events_Training", "Events_Validation", "Events")
_LABELS = {
    "shower_primary_id": ("gamma_hadron_label",),
    "energy": ("mc_energy",),
    "alt": ("alt",),
    "az": ("az",),
    "core_x": ("core_x",),
    "core_y": ("core_y",),
    "h_first_int": ("h_first_int",),
}


def is_image_extractor(file: "h5py.File") -> bool:
    """Tell whether a file has the table of telescopes of 2017."""
    return TELESCOPES in file


def open_image_extractor(file: "h5py.File", *, path: Path, cameras: Cameras) -> EventFile:
    """Index a file: the events of all its bins and of both its sides, one after another.

    The images are grids of pixels already. A camera of such a grid is made unless ``cameras`` has one for the type.

    Raises
    ------
    InputError
        There is no table of events, or images of one telescope differ in shape.
    """
    groups = [name for name in file if re.fullmatch(r"E\d+", name)] or [""]
    places = [f"{group}/{name}".lstrip("/") for group in groups for name in _EVENT_TABLES if f"{group}/{name}" in file]
    if not places:
        raise InputError(path, "holds no table of events", expected=f"one of {', '.join(_EVENT_TABLES)} in E0, E1, ...")
    table = table_at(file, TELESCOPES, path=path)
    telescopes = table.read(table.names)
    order = np.argsort(telescopes["tel_id"], kind="stable")
    arrays = {
        int(tel_id): [f"{group}/T{tel_id}".lstrip("/") for group in groups if f"{group}/T{tel_id}" in file]
        for tel_id in telescopes["tel_id"][order]
    }
    starts = {tel_id: _starts(file, names) for tel_id, names in arrays.items()}
    rows, columns, labels = _read_events(file, places, order=order, starts=starts, path=path)
    subarray = _subarray(file, telescopes, arrays, cameras=cameras, path=path)
    direction = np.asarray(telescopes["run_array_direction"], dtype=np.float64)[:1, ::-1]
    index = index_of_lists(rows, columns=columns, labels=labels, pointing=direction)
    stores = {
        slot: ImageStore(tuple(names), _fields(file, names), {}, CHARGE_SCALE, tuple(starts[tel_id].values()))
        for slot, (tel_id, names) in enumerate(arrays.items())
        if names
    }
    return EventFile(path, "ImageExtractor", "2017", subarray, index, stores)


def _starts(file: "h5py.File", names: list[str]) -> dict[str, int]:
    """Return how many images of a telescope stand before each of its arrays, by their group."""
    before = np.r_[0, np.cumsum([len(file[name]) for name in names])].tolist()
    return {name.rpartition("/")[0]: start for name, start in zip(names, before[:-1], strict=True)}


def _read_events(
    file: "h5py.File", places: list[str], *, order: RowLists, starts: dict[int, dict[str, int]], path: Path
) -> tuple[RowLists, Columns, Columns]:
    """Return the rows of the images of all events by telescope, and ids and labels."""
    rows, columns, labels = [], [], []
    for place in places:
        table = table_at(file, place, path=path)
        found = table.read(["run_number", "event_number", "tel_map"])
        mapped = np.asarray(found["tel_map"], dtype=np.int64).reshape(len(table), -1)[:, order]
        shift = np.array([by_group.get(place.rpartition("/")[0], 0) for by_group in starts.values()])
        rows.append(np.where(mapped >= 0, mapped + shift, -1))
        columns.append({"obs_id": found["run_number"], "event_id": found["event_number"]})
        labels.append(read_labels(table, _LABELS))
    return np.concatenate(rows), _joined(columns), _joined(labels)


def _joined(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _fields(file: "h5py.File", names: list[str]) -> dict[Field, str]:
    """Return the channel of each field: charge first, then, of two channels, the time of the peak."""
    channels = file[names[0]].shape[-1]
    return {"charge": "0", "time": "1"} if channels == 2 else {"charge": "0"}


def _subarray(
    file: "h5py.File", telescopes: Columns, arrays: dict[int, list[str]], *, cameras: Cameras, path: Path
) -> Subarray:
    rows = [
        Telescope(int(tel_id), text_of(kind), float(x), float(y), float(z))
        for tel_id, kind, x, y, z in zip(
            *(telescopes[name] for name in ("tel_id", "tel_type", "tel_x", "tel_y", "tel_z")), strict=True
        )
    ]
    types = []
    for kind in dict.fromkeys(tel.type for tel in rows):
        images = [name for tel in rows if tel.type == kind for name in arrays[tel.tel_id]]
        shapes = {file[name].shape[1:3] for name in images}
        if len(shapes) != 1:
            raise InputError(path, f"images of {kind} have shapes {sorted(shapes)}", expected="one shape")
        types.append(TelescopeType(kind, cameras.get(kind) or _grid(kind, *shapes.pop()), float("nan")))
    return make_subarray(path.name, rows, types=types)


def _grid(name: str, height: int, width: int) -> CameraGeometry:
    """Return a camera of square pixels, row by row as the images are."""
    y, x = np.indices((height, width), dtype=np.float64).reshape(2, -1)
    area = np.full(height * width, PIXEL_M**2)
    x, y = (x - x.mean()) * PIXEL_M, (y - y.mean()) * PIXEL_M
    return CameraGeometry(f"{name}_{height}x{width}", x, y, area, "square")
