"""Events of a Cherenkov array from several files, as one list of samples, and what is known of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from merkhet.config.events import EventData
from merkhet.data.arrays import Rows
from merkhet.data.event_selection import select_events
from merkhet.errors import InputError
from merkhet.io.cherenkov.camera import read_camera
from merkhet.io.cherenkov.direction import to_offset
from merkhet.io.cherenkov.events import EventSource
from merkhet.io.cherenkov.index import Integers, compact
from merkhet.io.cherenkov.packed import is_pack
from merkhet.io.cherenkov.reading import EVENT_SUFFIXES, open_events
from merkhet.io.cherenkov.subarray import Subarray

Slots = Literal["array", "triggered", "mono"]

_CHUNKS_PER_RUN = 4


@dataclass(frozen=True, eq=False)
class EventList:
    """The samples of an experiment on events: events, or single images.

    Attributes
    ----------
    files
        The files, each with the index of what is used of it.
    types
        Telescope types that are used.
    mono
        True where a sample is one image, False where it is an event.
    left_out
        How many events each file lost: without an image of these types, and by the selection.
    """

    files: tuple[EventSource, ...]
    types: tuple[str, ...]
    mono: bool
    left_out: tuple[int, ...]

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def subarray(self) -> Subarray:
        """The array, which is the same in all files."""
        return self.files[0].subarray

    @cached_property
    def starts(self) -> Rows:
        """int64 ``(files + 1,)``: the first sample of each file, and their number."""
        counts = [file.index.n_images if self.mono else len(file.index) for file in self.files]
        return np.cumsum([0, *counts])

    @property
    def nbytes(self) -> int:
        """Memory that the indices take."""
        return sum(file.index.nbytes for file in self.files)

    def locate(self, rows: Rows) -> tuple[Rows, Rows]:
        """Return the file of each sample, and its number there."""
        file = np.searchsorted(self.starts, rows, side="right") - 1
        return file, rows - self.starts[file]

    @property
    def labels(self) -> Mapping[str, npt.NDArray[Any]]:
        """What the simulation knows of each sample, ``(N,)``: the labels that all files have, joined when asked for."""
        names = set.intersection(*(set(file.index.labels) for file in self.files))
        held = [name for name in self.files[0].index.labels if name in names]
        return _Lazy(held, lambda name: self._joined([file.index.labels[name] for file in self.files]))

    @property
    def event_id(self) -> Integers:
        """Event id of each sample."""
        return self._joined([file.index.event_id for file in self.files])

    @property
    def obs_id(self) -> Integers:
        """Observation id of each sample."""
        return self._joined([file.index.obs_ids[file.index.observation] for file in self.files])

    @property
    def tel_id(self) -> Integers | None:
        """Telescope of each sample where samples are images, else None."""
        if not self.mono:
            return None
        return compact(self.subarray.telescopes["tel_id"][np.concatenate([file.index.slot for file in self.files])])

    @property
    def pointing(self) -> npt.NDArray[np.float32]:
        """float32 ``(N, 2)``: altitude and azimuth of the telescopes in rad, NaN where a file does not say it."""
        parts = [file.index.pointing_of(np.arange(len(file.index))).astype(np.float32) for file in self.files]
        return self._joined(parts)

    @property
    def group(self) -> npt.NDArray[np.int64]:
        """A number for each shower ``(N,)``.

        Simulations use a shower several times, at several places of the array, in events one after another. They are
        told by one observation, energy, height of first interaction and depth of maximum, and must stand on one side
        of a split. An event of observed data is a shower of its own.
        """
        first = 0
        parts = []
        for file in self.files:
            numbers = first + _showers(file)
            parts.append(numbers)
            first = int(numbers[-1]) + 1 if len(numbers) else first
        return self._joined(parts)

    def offsets(self) -> npt.NDArray[np.float32]:
        """Return the true directions, float32 ``(N, 2)``: offsets from the pointing in deg.

        Raises
        ------
        InputError
            A file does not say where the telescopes pointed, or holds no true directions.
        """
        for file in self.files:
            if file.index.pointing is None:
                raise InputError(file.path, "does not say where the telescopes pointed", action="Convert it again")
        missing = {"alt", "az"} - set(self.labels)
        if missing:
            raise InputError(self.files[0].path, "holds no true directions", action="Leave the direction out of heads")
        return to_offset(self.labels["alt"], self.labels["az"], self.pointing).astype(np.float32)

    def units(self) -> Rows:
        """Return a number for each sample, ``(N,)``, the same for samples that are best read together.

        Of images, those in one chunk. Of events, a run of them, long enough that the images of each telescope fill
        some chunks: only the first and the last of these are decoded for another run too.
        """
        parts, first = [], 0
        for file in self.files:
            units = _image_units(file) if self.mono else np.arange(len(file.index)) // _run_length(file)
            parts.append(units + first)
            first += int(units.max(initial=-1)) + 1
        return np.concatenate(parts)

    def _joined(self, parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Join what each file knows of its events, repeated for each image where samples are images."""
        if self.mono:
            parts = [
                np.repeat(part, file.index.multiplicity, axis=0) for part, file in zip(parts, self.files, strict=True)
            ]
        return np.concatenate(parts)


class _Lazy(Mapping[str, npt.NDArray[Any]]):
    """Columns that are made each time they are asked for: held for millions of images, they would outgrow the index."""

    def __init__(self, names: Sequence[str], make: Callable[[str], npt.NDArray[Any]]) -> None:
        self._names, self._make = names, make

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def list_events(data: EventData, *, types: Sequence[str] = (), slots: Slots = "array") -> EventList:
    """List the events, or with ``slots: mono`` the images, of an experiment.

    Parameters
    ----------
    types
        Telescope types to use; all that the files hold images of where empty.
    slots
        As :class:`merkhet.config.arrays.TelescopeInput` has it.

    Raises
    ------
    InputError
        A file cannot be used, files are of several versions or arrays, a type is absent, or no event is left.
    """
    cameras = {name: read_camera(path) for name, path in data.cameras.items()}
    files = [open_events(path, cameras=cameras) for path in event_files(data.files)]
    _check_alike(files, mixed_versions=data.mixed_versions)
    used = tuple(types) or _held_types(files)
    _check_types(files, used)
    selected = [select_events(file, data.select, types=used) for file in files]
    left_out = tuple(len(old.index) - len(new.index) for old, new in zip(files, selected, strict=True))
    if not any(len(file.index) for file in selected):
        raise InputError(
            files[0].path,
            f"no event is left of {sum(left_out)}: none passes the selection with {data.select.multiplicity} images of "
            f"{', '.join(used)}",
            action="Loosen data.select, or choose other input.types",
        )
    return EventList(tuple(selected), used, slots == "mono", left_out)


def event_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that paths stand for: themselves, or the HDF5 files of a folder, else its packs.

    Raises
    ------
    InputError
        A folder holds none.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir() or is_pack(path):
            found.append(path)
            continue
        entries = sorted(path.iterdir())
        inside = [entry for entry in entries if entry.name.lower().endswith(EVENT_SUFFIXES)]
        inside = inside or [entry for entry in entries if is_pack(entry)]  # not both: events would stand twice
        if not inside:
            raise InputError(
                path, "holds no HDF5 file", expected="files of events ending in .h5, .hdf5, .hdf, or packs"
            )
        found += inside
    return found


def _check_alike(files: Sequence[EventSource], *, mixed_versions: bool) -> None:
    """Refuse files that differ in layout, version or array."""
    first = files[0]
    for other in files[1:]:
        mine, theirs = (f"{file.format} {file.model_version}" for file in (first, other))
        if mine != theirs and not mixed_versions:
            raise InputError(
                other.path,
                f"is {theirs}, but {first.path} is {mine}",
                expected="files of one version: a network can learn the version instead of the particle",
                action="Convert them with one version, or set data.mixed_versions=true",
            )
        difference = first.subarray.difference(other.subarray)
        if difference:
            raise InputError(other.path, f"is of another array than {first.path}: {difference}")


def _held_types(files: Sequence[EventSource]) -> tuple[str, ...]:
    return tuple(name for name in files[0].subarray.type_names if any(file.fields(name) for file in files))


def _check_types(files: Sequence[EventSource], types: Sequence[str]) -> None:
    held = _held_types(files)
    absent = [name for name in types if name not in held]
    if absent:
        raise InputError(
            files[0].path,
            f"holds no images of telescope type {', '.join(absent)}",
            expected=f"one of {', '.join(held)}",
            action="Set input.types",
        )


def _showers(file: EventSource) -> Rows:
    index = file.index
    names = [name for name in ("energy", "h_first_int", "x_max") if name in index.labels]
    if not names:
        return np.arange(len(index), dtype=np.int64)
    new = np.diff(index.observation.astype(np.int64)) != 0
    for name in names:
        before, after = index.labels[name][:-1], index.labels[name][1:]
        new |= (before != after) & ~(np.isnan(before) & np.isnan(after))
    return np.cumsum(np.r_[False, new], dtype=np.int64)[: len(index)]


def _run_length(file: EventSource) -> int:
    """Return how many events fill some chunks of each telescope."""
    slots = np.unique(file.index.slot).tolist()
    if not slots:
        return 1
    share = file.index.n_images / (len(file.index) * len(slots))
    rows = max(file.chunk_rows(slot) for slot in slots)
    return max(1, round(_CHUNKS_PER_RUN * rows / share))


def _image_units(file: EventSource) -> Rows:
    """Return a number for each image, the same for those in one chunk."""
    per_slot = np.ones(len(file.subarray.telescopes), dtype=np.int64)
    for slot in np.unique(file.index.slot).tolist():
        per_slot[slot] = file.chunk_rows(slot)
    chunk = file.index.row // per_slot[file.index.slot]
    most = int(chunk.max(initial=0)) + 1
    _, units = np.unique(file.index.slot.astype(np.int64) * most + chunk, return_inverse=True)
    return np.asarray(units, dtype=np.int64)
