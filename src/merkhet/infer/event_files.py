"""Files of events as a model sees them: what it can answer for, what not, and why."""

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from merkhet.config.array_experiment import ArrayBundleSpec
from merkhet.config.arrays import CameraPixels
from merkhet.config.events import EventSelection
from merkhet.data.array_check import check_array
from merkhet.data.arrays import Rows
from merkhet.data.event_selection import select_events
from merkhet.data.events import EventList, event_files
from merkhet.errors import InputError
from merkhet.io.cherenkov.camera import CameraGeometry
from merkhet.io.cherenkov.events import EventSource, require_fields
from merkhet.io.cherenkov.index import EventIndex
from merkhet.io.cherenkov.reading import open_events


@dataclass(frozen=True, eq=False)
class ModelEvents:
    """A file of events as a model sees it.

    Attributes
    ----------
    source
        The file with all its events.
    events
        The samples that the model answers for.
    rows
        Events of ``source`` that belong in the answers ``(n,)``: those of ``events``, and those without any image of a
        telescope type that the model takes.
    seen
        ``(n,)``: which of them the model sees.
    absent
        Cameras of the model's telescope types of which the file has no image.
    notes
        What must be known of the file to read the answers rightly, a line each.
    """

    source: EventSource
    events: EventList
    rows: Rows
    seen: npt.NDArray[np.bool_]
    absent: tuple[CameraPixels, ...]
    notes: tuple[str, ...]

    @property
    def version(self) -> str:
        """Layout and version of the file."""
        return f"{self.source.format} {self.source.model_version}"

    def triggered(self) -> npt.NDArray[np.bool_]:
        """Return which telescopes ``(n, N)`` have an image, whatever their type."""
        return self._telescopes(self.source.index)[self.rows]

    def used(self) -> npt.NDArray[np.bool_]:
        """Return which telescopes ``(n, N)`` have an image that the model sees."""
        found = np.zeros((len(self.rows), len(self.source.subarray.telescopes)), dtype=bool)
        found[self.seen] = self._telescopes(self.events.files[0].index)
        return found

    def _telescopes(self, index: EventIndex) -> npt.NDArray[np.bool_]:
        found = np.zeros((len(index), len(self.source.subarray.telescopes)), dtype=bool)
        found[index.events_of(np.arange(index.n_images)), index.slot] = True
        return found


def expand_event_files(inputs: Iterable[str | Path]) -> list[Path]:
    """Return the files that inputs stand for, each once: themselves, the HDF5 files of a folder, or a pattern's.

    Raises
    ------
    InputError
        A folder holds none, a pattern matches none, or nothing was given.
    """
    paths: list[Path] = []
    for entry in inputs:
        if glob.has_magic(str(entry)) and not os.path.exists(entry):  # noqa: PTH110 (Path.exists raises for a long one)
            matches = sorted(glob.glob(str(entry), recursive=True))  # noqa: PTH207
            if not matches:
                raise InputError(entry, "the pattern matches no file")
            paths += map(Path, matches)
        else:
            paths.append(Path(entry))
    if not paths:
        raise InputError("predict", "no input was given", expected="files of events, folders or patterns")
    return list(dict.fromkeys(event_files(paths)))


def open_for_model(
    path: Path,
    spec: ArrayBundleSpec,
    *,
    select: EventSelection | None = None,
    cameras: Mapping[str, CameraGeometry] | None = None,
) -> ModelEvents:
    """Open a file for a model.

    Telescopes of types that the model does not know are left out. Types that the model knows and the file does not
    have are absent, which a model of any telescopes can bear and one of a fixed array cannot.

    Parameters
    ----------
    select
        Which events and images; all where absent.
    cameras
        Pixels by telescope type, for the oldest files.

    Raises
    ------
    InputError
        The file cannot be used, lacks the model's telescopes or a field of their images, or has other cameras.
    """
    source = open_events(path, cameras=cameras)
    held = [name for name in source.subarray.type_names if source.fields(name)]
    types = tuple(name for name in spec.input.types if name in held)
    missing = [name for name in spec.input.types if name not in held]
    if not types or (missing and spec.input.slots == "array"):
        raise InputError(
            path,
            f"holds no images of telescope type {', '.join(missing)}, but of {', '.join(held) or 'none'}",
            expected=f"those that the model was trained on: {', '.join(spec.input.types)}",
            action="Train a model on these telescopes, or choose one with input.slots=triggered that knows some",
        )
    check_array(source.subarray, spec, types=types, source=path)
    for name in types:
        require_fields(source, name, spec.normalize.fields)
    selected = select_events(source, select or EventSelection(), types=types)
    left_out = (len(source.index) - len(selected.index),)
    known = {camera.type: camera for camera in spec.input.cameras}
    seen = _places(selected.index, source.index)
    rows = np.union1d(seen, _without_image(source, types))
    return ModelEvents(
        source,
        EventList((selected,), types, spec.input.slots == "mono", left_out),
        rows,
        np.isin(rows, seen),
        tuple(known[name] for name in missing),
        tuple(_notes(source, types, missing=missing)),
    )


def _places(some: EventIndex, whole: EventIndex) -> Rows:
    """Return the rows in the whole index of some of its events."""
    step = int(whole.event_id.max()) + 1  # ids are unique within an observation
    mine, theirs = (index.observation.astype(np.int64) * step + index.event_id for index in (some, whole))
    order = np.argsort(theirs, kind="stable")
    return np.asarray(order[np.searchsorted(theirs, mine, sorter=order)], dtype=np.int64)


def _without_image(source: EventSource, types: Sequence[str]) -> Rows:
    """Return the events that no telescope of these types has an image of."""
    images = np.concatenate([source.images_of_type(name) for name in types])
    return np.setdiff1d(np.arange(len(source.index)), source.index.events_of(images))


def _notes(source: EventSource, types: Sequence[str], *, missing: Sequence[str]) -> list[str]:
    names = [name for name in source.subarray.type_names if name not in types and len(source.images_of_type(name))]
    notes = []
    if names:
        images = sum(len(source.images_of_type(name)) for name in names)
        notes.append(f"{images} images of {', '.join(names)} are left out: the model knows {', '.join(types)}")
    if missing:
        notes.append(f"no images of {', '.join(missing)}: the model answers from {', '.join(types)}")
    return notes
