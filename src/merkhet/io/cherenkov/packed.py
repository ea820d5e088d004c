"""Packs of events: the images of a file as memory-mapped arrays, for epochs that read them again and again.

A pack is a folder::

    events.json       what was packed; says that the pack is finished
    index.npz         the index of events
    array.npz         telescopes and cameras
    <type>_charge.npy, <type>_time.npy, <type>_mask.npy
                      (images, pixels) of all telescopes of a type, in the order of events
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from merkhet import __version__
from merkhet.errors import InputError
from merkhet.execute import Progress
from merkhet.io.atomic import os_errors, prepare_folder, write_text
from merkhet.io.cherenkov.camera import CameraGeometry, PixelShape
from merkhet.io.cherenkov.events import FIELDS, EventFile, EventSource, Field, Images, Target, require_fields
from merkhet.io.cherenkov.index import EventIndex, Places, compact
from merkhet.io.cherenkov.runs import SimulatedRun, known_runs
from merkhet.io.cherenkov.subarray import Subarray, TelescopeType
from merkhet.io.reading import read_errors

MARKER = "events.json"
INDEX, ARRAY = "index.npz", "array.npz"
FORMAT = 1

_EVENTS_AT_A_TIME = 1024
_PARAMETERS = ("hillas_intensity", "leakage_intensity_width_2")
_ROWS_AT_A_TIME = 16  # a page or two of any camera: nothing is decoded, so rows need not be read together


@dataclass(frozen=True, eq=False)
class PackedEvents:
    """A pack of events, read like the file that it was made of.

    Attributes are those of :class:`merkhet.io.cherenkov.events.EventFile`; ``held`` says which fields there are of each
    telescope type, ``runs`` how the showers were thrown where the file said it.
    """

    path: Path
    format: str
    model_version: str
    subarray: Subarray
    index: EventIndex
    held: Mapping[str, tuple[Field, ...]]
    parameters: Mapping[str, Mapping[str, npt.NDArray[np.float32]]]
    runs: tuple[SimulatedRun, ...] = ()
    _maps: dict[str, npt.NDArray[Any]] = field(default_factory=dict, repr=False)

    def with_index(self, index: EventIndex) -> Self:
        """Return the same pack with some of its events."""
        return replace(self, index=index, _maps={})

    def fields(self, tel_type: str) -> tuple[Field, ...]:
        """Return which of charge, time and mask the pack holds of a telescope type."""
        return tuple(self.held.get(tel_type, ()))

    def images_of_type(self, tel_type: str) -> Places:
        """Return the images, as places in the index, of all telescopes of a type."""
        return self.index.images_at(self.subarray.slots(tel_type))

    def images(
        self, tel_type: str, images: Places, *, fields: Sequence[Field] = FIELDS, into: Target | None = None
    ) -> Images:
        """Return images of one type; see :meth:`merkhet.io.cherenkov.events.EventFile.images`."""
        require_fields(self, tel_type, fields)
        rows = self.index.row[images].astype(np.int64)
        if into is None:
            return {name: self._map(tel_type, name)[rows] for name in fields}
        result, at = into
        for name in fields:
            result[name][at] = self._map(tel_type, name)[rows]
        return result

    def read_parameters(self, slot: int, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Return parameters of all images of the type of a telescope, by row.

        Raises
        ------
        InputError
            The pack holds none, or not these.
        """
        kind = self.subarray.types[self.subarray.telescopes["type"][slot]].name
        held = self.parameters.get(kind, {})
        missing = [name for name in names if name not in held]
        if missing:
            raise InputError(self.path, f"holds no {', '.join(missing)} of images of {kind}", action="Pack it again")
        return {name: held[name] for name in names}

    def chunk_rows(self, slot: int) -> int:
        """Return how many images of a telescope are best read together."""
        return _ROWS_AT_A_TIME

    def close(self) -> None:
        """Let go of the maps of this process."""
        self._maps.clear()

    def _map(self, tel_type: str, name: str) -> npt.NDArray[Any]:
        key = _array_name(self.subarray.type_index(tel_type), name)
        if key not in self._maps:
            with read_errors(self.path / key, "a packed array"):
                self._maps[key] = np.load(self.path / key, mmap_mode="r")
        return self._maps[key]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}}


def state_of(path: Path) -> list[int]:
    """Return size and time of change of a file, by which a pack tells whether it was made of it as it is now."""
    return [path.stat().st_size, path.stat().st_mtime_ns]


def is_pack(path: Path) -> bool:
    """Tell whether a path is a pack of events."""
    return (path / MARKER).is_file()


def pack_events(
    source: EventFile, out: str | Path, *, overwrite: bool = False, progress: Progress | None = None
) -> PackedEvents:
    """Write the images of a file of events, with all that is known of them, into a new pack.

    Raises
    ------
    OutputError
        ``out`` exists, or cannot be written.
    InputError
        The file is damaged.
    """
    out = prepare_folder(out, marker=MARKER, overwrite=overwrite, inputs=[source.path])
    held = {name: source.fields(name) for name in source.subarray.type_names if source.fields(name)}
    facts = {
        "format": FORMAT,
        "merkhet": __version__,
        "source": str(source.path.absolute()),
        "state": state_of(source.path),
        "layout": source.format,
        "model_version": source.model_version,
        "finished": False,
        "held": held,
        "runs": [asdict(run) for run in known_runs(source.path)],
    }
    write_text(out / MARKER, json.dumps(facts, indent=1))
    packed_row = np.zeros(source.index.n_images, dtype=np.int64)
    for kind in held:
        mine = source.images_of_type(kind)
        packed_row[mine] = np.arange(len(mine))
    index = replace(source.index, row=compact(packed_row), stored_row=None)
    with os_errors(out):
        _write_images(source, out, progress=progress)
        _write_arrays(out / INDEX, _index_arrays(index))
        _write_arrays(out / ARRAY, _subarray_arrays(source.subarray) | _parameter_arrays(source))
    write_text(out / MARKER, json.dumps({**facts, "finished": True}, indent=1))
    return open_pack(out)


def open_pack(path: str | Path) -> PackedEvents:
    """Open a pack of events.

    Raises
    ------
    InputError
        It is unfinished, damaged or of another format.
    """
    path = Path(path)
    try:
        facts = json.loads((path / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path / MARKER, f"cannot be read: {error}", action="Pack the events again") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT or not facts.get("finished"):
        raise InputError(
            path, "is an unfinished pack, or one of another format", action="Pack the events again with --overwrite"
        )
    with read_errors(path, "a pack of events"):
        index, array = (_read_arrays(path / name) for name in (INDEX, ARRAY))
        labels = {name.removeprefix("label_"): index.pop(name) for name in list(index) if name.startswith("label_")}
        tracking = bool(index.pop("tracking"))
        loaded = EventIndex(labels=labels, tracking=tracking, pointing=index.pop("pointing", None), **index)
        subarray = _subarray(array)
        held = {kind: tuple(names) for kind, names in facts["held"].items()}
        parameters = {
            kind: {name: array[key] for name in _PARAMETERS if (key := f"parameter_{place}_{name}") in array}
            for place, kind in enumerate(subarray.type_names)
        }
        runs = tuple(SimulatedRun(**run | {"pointing": tuple(run["pointing"])}) for run in facts.get("runs", ()))
    return PackedEvents(path, facts["layout"], facts["model_version"], subarray, loaded, held, parameters, runs)


def runs_of(source: EventSource) -> tuple[SimulatedRun, ...]:
    """Return how the showers of a file or a pack were thrown; nothing where it does not say."""
    return source.runs if isinstance(source, PackedEvents) else tuple(known_runs(source.path))


def _array_name(place: int, name: str) -> str:
    return f"{place}_{name}.npy"


def _write_images(source: EventFile, out: Path, *, progress: Progress | None) -> None:
    maps: dict[tuple[str, Field], Any] = {}
    for place, kind in enumerate(source.subarray.type_names):
        shape = (len(source.images_of_type(kind)), source.subarray.types[place].camera.n_pixels)
        for name in source.fields(kind):
            maps[kind, name] = _allocated(out / _array_name(place, name), shape, bool if name == "mask" else np.float32)
    done: dict[str, int] = dict.fromkeys((kind for kind, _ in maps), 0)
    for start in range(0, len(source.index), _EVENTS_AT_A_TIME):
        events = np.arange(start, min(start + _EVENTS_AT_A_TIME, len(source.index)))
        images, _ = source.index.images_of(events)
        types = source.subarray.telescopes["type"][source.index.slot[images]]
        for kind, first in done.items():
            mine = images[types == source.subarray.type_index(kind)]
            for name, values in source.images(kind, mine, fields=source.fields(kind)).items():
                maps[kind, name][first : first + len(mine)] = values
            done[kind] = first + len(mine)
        if progress:
            progress(int(events[-1]) + 1, len(source.index))
    for array in maps.values():
        if len(array):
            array.flush()


def _allocated(path: Path, shape: tuple[int, int], dtype: Any) -> Any:
    """Create an array with all its blocks, so that a full disk is an error now and no bus error later."""
    if not shape[0]:  # nothing can be mapped
        np.save(path, np.zeros(shape, dtype=dtype))
        return np.zeros(shape, dtype=dtype)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as stream:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
    return array


def _write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    with path.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def _read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    with path.open("rb") as stream:  # NumPy leaves a file that it opens itself open when it is damaged
        return dict(np.load(stream))


def _index_arrays(index: EventIndex) -> dict[str, npt.NDArray[Any]]:
    plain = [entry.name for entry in fields(index) if entry.name not in ("labels", "stored_row")]
    values = {name: getattr(index, name) for name in plain}
    arrays = {name: np.asarray(value) for name, value in values.items() if value is not None}
    return arrays | {f"label_{name}": values for name, values in index.labels.items()}


def _subarray_arrays(subarray: Subarray) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {"name": np.asarray(subarray.name), "telescopes": subarray.telescopes}
    for place, kind in enumerate(subarray.types):
        camera = kind.camera
        arrays[f"type_{place}_text"] = np.array([kind.name, camera.name, camera.pixel_shape])
        angles = (camera.pixel_rotation_deg, camera.camera_rotation_deg)
        arrays[f"type_{place}_numbers"] = np.array([kind.focal_length_m, kind.mirror_area_m2, *angles])
        arrays[f"type_{place}_pixels"] = np.stack([camera.pix_x, camera.pix_y, camera.pix_area])
    return arrays


def _subarray(arrays: Mapping[str, npt.NDArray[Any]]) -> Subarray:
    types = []
    for place in range(sum(name.endswith("_pixels") for name in arrays)):
        name, camera, shape = map(str, arrays[f"type_{place}_text"])
        focal_length, mirror_area, *angles = arrays[f"type_{place}_numbers"].tolist()
        x, y, area = arrays[f"type_{place}_pixels"]
        pixel_shape: PixelShape = "hexagonal" if shape == "hexagonal" else "square"
        geometry = CameraGeometry(camera, x, y, area, pixel_shape, *angles)
        types.append(TelescopeType(name, geometry, focal_length, mirror_area))
    return Subarray(str(arrays["name"]), arrays["telescopes"], tuple(types))


def _parameter_arrays(source: EventFile) -> dict[str, npt.NDArray[Any]]:
    """Return the parameters that events are selected by, of each type, where the file holds them of all its images."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for place, kind in enumerate(source.subarray.type_names):
        mine = source.images_of_type(kind)
        slots = np.unique(source.index.slot[mine]).tolist()
        for name in _PARAMETERS:
            if not slots or not all(source.holds_parameter(slot, name) for slot in slots):
                continue
            values = np.empty(len(mine), dtype=np.float32)
            for slot in slots:
                of_slot = source.index.slot[mine] == slot
                rows = source.index.row[mine[of_slot]]
                values[of_slot] = source.read_parameters(slot, [name])[name][rows]
            arrays[f"parameter_{place}_{name}"] = values
    return arrays
