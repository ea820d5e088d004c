"""The index of a file of events: what is kept of each in memory, in a few bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = npt.NDArray[np.integer[Any]]
Places: TypeAlias = npt.NDArray[np.int64]
Labels: TypeAlias = Mapping[str, npt.NDArray[Any]]

LABELS = ("shower_primary_id", "energy", "alt", "az", "core_x", "core_y", "h_first_int", "x_max")
"""What a simulation knows of an event: particle (0 gamma, 1 electron, 101 proton), energy in TeV, direction in rad,
core in m, height of the first interaction in m, atmospheric depth of the shower maximum in g/cm2."""


@dataclass(frozen=True, eq=False)
class EventIndex:
    """The events of a file and where the images of each are, as compact integers.

    Attributes
    ----------
    event_id
        ``(N,)``: ids as the file has them; unique within an observation.
    observation
        ``(N,)``: the place of each event's observation among ``obs_ids``.
    obs_ids
        ``(M,)``: the ids of the observations.
    labels
        Those of :data:`LABELS` that the file holds, ``(N,)`` each; empty for observed data.
    pointing
        float64 ``(M, 2)`` or, where the telescopes follow the sky, ``(N, 2)``: altitude and azimuth in rad. None where
        the file does not say it.
    offsets
        ``(N + 1,)``: event ``i`` has the images ``offsets[i]`` to ``offsets[i + 1] - 1``.
    slot
        ``(K,)``: the place of each image's telescope in the array.
    row
        ``(K,)``: where each image is among those that the file stores together.
    """

    event_id: Integers
    observation: Integers
    obs_ids: Integers
    labels: Labels
    pointing: npt.NDArray[np.float64] | None
    offsets: Integers
    slot: Integers
    row: Integers
    tracking: bool = False
    stored_row: Integers | None = None

    def __len__(self) -> int:
        return len(self.event_id)

    @property
    def n_images(self) -> int:
        """Number of images of all events."""
        return len(self.slot)

    @property
    def nbytes(self) -> int:
        """Memory that the index takes."""
        arrays = [self.event_id, self.observation, self.obs_ids, self.offsets, self.slot, self.row]
        optional = [array for array in (self.pointing, self.stored_row) if array is not None]
        return sum(array.nbytes for array in [*arrays, *self.labels.values(), *optional])

    @property
    def multiplicity(self) -> Places:
        """Number of images of each event ``(N,)``."""
        offsets = self.offsets.astype(np.int64)
        return offsets[1:] - offsets[:-1]

    def obs_id_of(self, events: Places) -> Integers:
        """Return the observation ids of events."""
        return self.obs_ids[self.observation[events]]

    def identity(self, what: str, events: Places) -> Integers:
        """Return ``event_id``, ``obs_id`` or ``stored_row`` of events, by which a file says whose an image is."""
        if what == "obs_id":
            return self.obs_id_of(events)
        values: Integers = getattr(self, what)
        return values[events]

    def pointing_of(self, events: Places) -> npt.NDArray[np.float64]:
        """Return altitude and azimuth ``(n, 2)`` in rad of the telescopes during events; NaN where not known."""
        if self.pointing is None:
            return np.full((len(events), 2), np.nan)
        return self.pointing[events if self.tracking else self.observation[events]]

    def events_of(self, images: Places) -> Places:
        """Return the event of each image."""
        return np.searchsorted(self.offsets, images, side="right").astype(np.int64) - 1

    def images_of(self, events: Places) -> tuple[Places, Places]:
        """Return the images of events one after another, and how many each event has."""
        starts = self.offsets[events].astype(np.int64)
        counts = self.offsets[events + 1].astype(np.int64) - starts
        first = np.cumsum(counts) - counts
        return np.arange(counts.sum()) + np.repeat(starts - first, counts), counts

    def images_at(self, slots: Places) -> Places:
        """Return the images of the telescopes at some places in the array."""
        return np.flatnonzero(np.isin(self.slot, slots))

    def select(
        self, events: npt.NDArray[np.bool_] | None = None, *, images: npt.NDArray[np.bool_] | None = None
    ) -> "EventIndex":
        """Return the index of some events ``(N,)`` with some of their images ``(K,)``; all where a mask is absent."""
        kept_events = np.ones(len(self), dtype=bool) if events is None else events
        kept_images = np.repeat(kept_events, self.multiplicity)
        if images is not None:
            kept_images &= images
        before = np.r_[0, np.cumsum(kept_images)]
        counts = np.diff(before[self.offsets])[kept_events]
        pointing = self.pointing[kept_events] if self.tracking and self.pointing is not None else self.pointing
        return EventIndex(
            self.event_id[kept_events],
            self.observation[kept_events],
            self.obs_ids,
            {name: values[kept_events] for name, values in self.labels.items()},
            pointing,
            compact(np.r_[0, np.cumsum(counts)]),
            self.slot[kept_images],
            self.row[kept_images],
            self.tracking,
            None if self.stored_row is None else self.stored_row[kept_events],
        )


def compact(values: npt.ArrayLike) -> Integers:
    """Return integers in the smallest type that holds them."""
    array = np.asarray(values)
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    kinds: tuple[type[np.integer[Any]], ...] = (np.uint8, np.uint16, np.uint32) if low >= 0 else (np.int16, np.int32)
    fits = next((kind for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max), np.int64)
    return array.astype(fits)


def compact_labels(labels: Labels) -> dict[str, npt.NDArray[Any]]:
    """Return labels as float32, the particle as the smallest integer."""
    return {
        name: compact(values) if name == "shower_primary_id" else np.asarray(values, dtype=np.float32)
        for name, values in labels.items()
    }
