"""DL1 files of lstchain: one table of images and one of parameters for all large-sized telescopes."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from merkhet.errors import InputError
from merkhet.io.cherenkov.events import EventFile, Field, ImageStore
from merkhet.io.cherenkov.hdf5 import metadata
from merkhet.io.cherenkov.index import EventIndex, compact, compact_labels
from merkhet.io.cherenkov.instrument import read_instrument, table_at
from merkhet.io.cherenkov.matching import EventKeys
from merkhet.io.cherenkov.row_lists import read_labels
from merkhet.io.cherenkov.table import ChunkedTable

if TYPE_CHECKING:
    import h5py

IMAGES = "dl1/event/telescope/image/LST_LSTCam"
PARAMETERS = "dl1/event/telescope/parameters/LST_LSTCam"

_COLUMNS: dict[Field, str] = {"charge": "image", "time": "peak_time", "mask": "image_mask"}
_LABELS = {
    "shower_primary_id": ("mc_type",),
    "energy": ("mc_energy",),
    "alt": ("mc_alt",),
    "az": ("mc_az",),
    "core_x": ("mc_core_x",),
    "core_y": ("mc_core_y",),
    "h_first_int": ("mc_h_first_int",),
    "x_max": ("mc_x_max",),
}


def is_lstchain(file: "h5py.File") -> bool:
    """Tell whether a file has the images or parameters of lstchain."""
    return IMAGES in file or PARAMETERS in file


def open_lstchain(file: "h5py.File", *, path: Path) -> EventFile:
    """Index a file: rows of one observation and event are one event, whatever their order.

    Raises
    ------
    InputError
        The file holds parameters but no images, images of a telescope that its layout does not have, or parameters
        of other images.
    """
    if IMAGES not in file:
        raise InputError(path, f"holds no images ({IMAGES})", action="Write them with lstchain_r0_to_dl1")
    subarray, _ = read_instrument(file, path=path)
    images, parameters = table_at(file, IMAGES, path=path), table_at(file, PARAMETERS, path=path)
    ids = parameters.read(["obs_id", "event_id", "tel_id"])
    _check_rows(images, parameters)
    tel_ids = subarray.telescopes["tel_id"]
    unknown = np.setdiff1d(ids["tel_id"], tel_ids)
    if len(unknown):
        raise InputError(path, f"images of telescope {int(unknown[0])}, which is not in the layout of the array")
    slot = np.searchsorted(tel_ids, ids["tel_id"])
    order = np.lexsort((slot, ids["event_id"], ids["obs_id"]))
    keys = EventKeys(ids["obs_id"][order], ids["event_id"][order])
    changes = (np.diff(keys.obs_id) != 0) | (np.diff(keys.event_id) != 0)
    first = np.r_[0, np.flatnonzero(changes) + 1] if len(order) else np.zeros(0, dtype=np.int64)
    obs_ids, observation = np.unique(keys.obs_id[first], return_inverse=True)
    pointing = parameters.read(["alt_tel", "az_tel"])
    index = EventIndex(
        compact(keys.event_id[first]),
        compact(observation),
        obs_ids,
        compact_labels({name: values[order[first]] for name, values in read_labels(parameters, _LABELS).items()}),
        np.stack(
            [np.asarray(pointing[name], dtype=np.float64)[order[first]] for name in ("alt_tel", "az_tel")], axis=1
        ),
        compact(np.r_[first, len(order)]),
        compact(slot[order]),
        compact(order),
        tracking=True,
    )
    columns = {field: column for field, column in _COLUMNS.items() if column in images}
    store = ImageStore((IMAGES,), columns, {"event_id": "event_id", "obs_id": "obs_id"})
    slots = np.unique(slot).tolist()
    version = str(metadata(file).get("LSTCHAIN_VERSION", "")) or "unknown"
    return EventFile(
        path, "lstchain DL1", version, subarray, index, dict.fromkeys(slots, store), dict.fromkeys(slots, PARAMETERS)
    )


def _check_rows(images: ChunkedTable, parameters: ChunkedTable) -> None:
    """Compare the numbers of rows; each image is compared with its event when it is read."""
    if len(images) != len(parameters):
        raise InputError(
            images.path, f"{len(images)} images, {len(parameters)} rows of parameters", expected="as many of each"
        )
