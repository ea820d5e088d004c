"""Opening a file of events in any of the layouts that are known."""

from pathlib import Path
from typing import TYPE_CHECKING

from merkhet.errors import InputError
from merkhet.io.cherenkov.ctapipe_dl1 import is_ctapipe, open_ctapipe
from merkhet.io.cherenkov.data_handler import is_data_handler, open_data_handler
from merkhet.io.cherenkov.events import EventFile, EventSource
from merkhet.io.cherenkov.hdf5 import hdf5_errors, open_hdf5
from merkhet.io.cherenkov.image_extractor import is_image_extractor, open_image_extractor
from merkhet.io.cherenkov.lstchain import is_lstchain, open_lstchain
from merkhet.io.cherenkov.packed import is_pack, open_pack
from merkhet.io.cherenkov.row_lists import Cameras

if TYPE_CHECKING:
    import h5py

EVENT_SUFFIXES = (".h5", ".hdf5", ".hdf")
"""Names by which files of events are known."""


def open_events(path: str | Path, *, cameras: Cameras | None = None) -> EventSource:
    """Open a pack of events, or a file as :func:`open_event_file` does."""
    return open_pack(path) if is_pack(Path(path)) else open_event_file(path, cameras=cameras)


def open_event_file(path: str | Path, *, cameras: Cameras | None = None) -> EventFile:
    """Index a file of events; its layout is told by its content.

    Parameters
    ----------
    path
        An HDF5 file of ctapipe (DL1, data model v4 to v7), lstchain, DL1-Data-Handler (0.7 to 0.10) or ImageExtractor.
    cameras
        Geometry by telescope type, for the oldest files, which hold none.

    Raises
    ------
    InputError
        The file is missing, truncated, still open for writing, of an unknown layout, or lacks what is needed: events,
        images, the geometry of a camera.
    DependencyError
        h5py or numcodecs is not installed.
    """
    path = Path(path)
    with open_hdf5(path) as file, hdf5_errors(path, "the events"):
        events = _open(file, path, cameras or {})
    if not len(events.index):
        raise InputError(path, "holds no event")
    return events


def _open(file: "h5py.File", path: Path, cameras: Cameras) -> EventFile:
    if is_ctapipe(file):
        return open_ctapipe(file, path=path)
    if is_lstchain(file):
        return open_lstchain(file, path=path)
    if is_image_extractor(file):
        return open_image_extractor(file, path=path, cameras=cameras)
    if is_data_handler(file):
        return open_data_handler(file, path=path, cameras=cameras)
    names = list(file)[:8]
    held = ", ".join(names) + (", ..." if len(file) > len(names) else "") or "nothing"
    raise InputError(
        path,
        f"is HDF5 of an unknown layout: it holds {held}",
        expected="events as ctapipe, lstchain, DL1-Data-Handler or ImageExtractor write them",
        action="Convert simulated files with merkhet convert",
    )
