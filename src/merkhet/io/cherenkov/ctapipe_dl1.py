"""DL1 files of ctapipe, data model v4 to v7: one table of images for each telescope."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from merkhet.errors import InputError
from merkhet.io.cherenkov.events import EventFile, Field, ImageStore
from merkhet.io.cherenkov.hdf5 import metadata
from merkhet.io.cherenkov.index import LABELS, EventIndex, Integers, Places, compact, compact_labels
from merkhet.io.cherenkov.instrument import quantity, read_instrument, table_at
from merkhet.io.cherenkov.matching import EventKeys, matched_rows, rows_follow_triggers
from merkhet.io.cherenkov.pointing import read_pointing
from merkhet.io.cherenkov.table import ChunkedTable, Columns

if TYPE_CHECKING:
    import h5py

VERSION = "CTA PRODUCT DATA MODEL VERSION"
TRIGGER = "dl1/event/subarray/trigger"
IMAGES = "dl1/event/telescope/images"
PARAMETERS = "dl1/event/telescope/parameters"
SHOWER = "simulation/event/subarray/shower"

_COLUMNS: dict[Field, str] = {"charge": "image", "time": "peak_time", "mask": "image_mask"}
_UNITS = {"energy": "TeV", "alt": "rad", "az": "rad", "core_x": "m", "core_y": "m", "h_first_int": "m",
          "x_max": "g cm-2"}  # fmt: skip
_VERSIONS = range(4, 8)


def is_ctapipe(file: "h5py.File") -> bool:
    """Tell whether a file says that it is one of ctapipe."""
    return VERSION in file.attrs


def open_ctapipe(file: "h5py.File", *, path: Path) -> EventFile:
    """Index a DL1 file.

    The row of an image in the table of its telescope is the number of triggers of that telescope before it. Where a
    table is longer or shorter than that, or its first, middle or last chunk says otherwise, as after a selection, its
    rows are found by their ids instead. Every image that is read later is compared with its event once more.

    Raises
    ------
    InputError
        The model version is unknown, or the file holds no images, no events, no geometry of a camera.
    """
    version = check_version(file, path=path)
    if IMAGES not in file or not len(file[IMAGES]):
        raise InputError(path, f"holds no images ({IMAGES})", action="Write them with ctapipe-process --write-images")
    subarray, layout = read_instrument(file, path=path)
    tel_ids = subarray.telescopes["tel_id"]
    trigger = table_at(file, TRIGGER, path=path)
    ids = trigger.read(["obs_id", "event_id"])
    obs_ids, observation = np.unique(ids["obs_id"], return_inverse=True)
    counts, slot, row = _triggers(trigger, slots=np.searchsorted(tel_ids, layout["tel_id"]))
    keys = EventKeys(ids["obs_id"], ids["event_id"])
    tables = {
        place: table_at(file, f"{IMAGES}/tel_{tel_id:03d}", path=path)
        for place, tel_id in enumerate(tel_ids.tolist())
        if f"{IMAGES}/tel_{tel_id:03d}" in file
    }
    row, held = _checked_rows(tables, counts, slot, row, keys=keys)
    pointing, tracking = read_pointing(file, obs_ids=obs_ids, ids=ids, trigger=trigger, path=path)
    index = EventIndex(
        compact(ids["event_id"]),
        compact(observation),
        obs_ids,
        _labels(file, keys, path=path),
        pointing,
        compact(np.r_[0, np.cumsum(counts)]),
        compact(slot),
        compact(row),
        tracking,
    )
    index = index if held.all() else index.select(images=held)
    stores = {place: _store(table, f"{IMAGES}/tel_{tel_ids[place]:03d}") for place, table in tables.items()}
    return EventFile(path, "ctapipe DL1", version, subarray, index, stores, _parameters(file, tables, tel_ids))


def check_version(file: "h5py.File", *, path: Path) -> str:
    """Return the version of the data model, ``v7.1.0``.

    Raises
    ------
    InputError
        It is none that is known.
    """
    version = str(metadata(file)[VERSION])
    major = version.lstrip("v").split(".")[0]
    if not major.isdigit() or int(major) not in _VERSIONS:
        raise InputError(
            path,
            f"ctapipe data model {version}",
            expected=f"v{_VERSIONS[0]} to v{_VERSIONS[-1]}",
            action="Write it anew with a ctapipe of these versions",
        )
    return version


def _triggers(trigger: ChunkedTable, *, slots: npt.NDArray[np.int64]) -> tuple[Places, Integers, Integers]:
    """Return the images of each event, and the telescope and running count of each, from the masks of triggers.

    The masks are read chunk by chunk: those of millions of events would not fit.
    """
    trigger.require(["tels_with_trigger"])
    width = trigger.width("tels_with_trigger")
    if width != len(slots):
        raise InputError(trigger.path, f"triggers of {width} telescopes", expected=f"{len(slots)} as in the layout")
    before = np.zeros(width, dtype=np.int64)
    counts, slot, row = [np.zeros(0, np.int64)], [np.zeros(0, np.uint16)], [np.zeros(0, np.uint32)]
    order = np.argsort(slots)  # the images of an event stand in the order of telescope ids
    for _, records in trigger.blocks():
        mask = records["tels_with_trigger"].astype(bool)[:, order]
        running = np.cumsum(mask, axis=0, dtype=np.int64) + before
        counts.append(mask.sum(axis=1))
        slot.append(np.nonzero(mask)[1].astype(np.uint16))
        row.append((running[mask] - 1).astype(np.uint32))
        before = running[-1]
    return np.concatenate(counts), np.concatenate(slot), np.concatenate(row)


def _checked_rows(
    tables: dict[int, ChunkedTable], counts: Places, slot: Integers, row: Integers, *, keys: EventKeys
) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Return the rows of images and which of them there are, after a look at the ids in every table."""
    held = np.isin(slot, [*tables])
    event = np.repeat(np.arange(len(counts), dtype=np.uint32), counts)
    for place, table in tables.items():
        mine = np.flatnonzero(slot == place)
        if not rows_follow_triggers(table, keys, event[mine]):
            row[mine], held[mine] = matched_rows(table, keys, event[mine])
    return row, held


def _labels(file: "h5py.File", keys: EventKeys, *, path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """Return what the simulation knows of each event; nothing where the file is of observed data."""
    if SHOWER not in file:
        return {}
    shower = table_at(file, SHOWER, path=path)
    ids = shower.read(["obs_id", "event_id"])
    rows = keys.find(EventKeys(ids["obs_id"], ids["event_id"]), path=path, table=SHOWER)
    labels: Columns = {}
    for name in LABELS:
        column = next((column for column in (f"true_{name}", name) if column in shower), None)
        if column is None:
            continue
        whole = quantity(shower, column, _UNITS[name]) if name in _UNITS else shower.read([column])[column]
        labels[name] = whole if rows is None else whole[rows]
    return compact_labels(labels)


def _store(table: ChunkedTable, name: str) -> ImageStore:
    columns = {field: column for field, column in _COLUMNS.items() if column in table}
    return ImageStore((name,), columns, {"event_id": "event_id", "obs_id": "obs_id"})


def _parameters(file: "h5py.File", tables: dict[int, ChunkedTable], tel_ids: Integers) -> dict[int, str]:
    """Return the tables of parameters that have a row for each image."""
    names = {place: f"{PARAMETERS}/tel_{tel_ids[place]:03d}" for place in tables}
    return {place: name for place, name in names.items() if name in file and len(file[name]) == len(tables[place])}
