"""Batches of events: images of many telescopes, read together and laid out for a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from merkhet.data.arrays import Rows
from merkhet.data.dataset import TargetSource
from merkhet.data.events import EventList, Slots
from merkhet.data.sample import Batch
from merkhet.io.cherenkov.events import FIELDS, EventSource, Field, Images, new_images, require_fields


@dataclass(frozen=True)
class _Gathered:
    """Images of one type for several samples, one after another as the samples are.

    ``sample`` counts the samples that were asked for; ``slot`` is the place of the telescope in the array.
    """

    sample: Rows
    slot: Rows
    images: Images


class EventDataset:
    """Batches of events by row number.

    A batch holds ``telescopes``, for each type:

    ============  =============================================================================================
    ``charge``    float32 ``(B, T, P)``, photo-electrons
    ``time``      float32 ``(B, T, P)``, time of the peak in ns
    ``mask``      bool ``(B, T, P)``, pixels that image cleaning kept
    ``trigger``   bool ``(B, T)``, False where a telescope has no image
    ``position``  float32 ``(B, T, 3)``, x (north), y (west), z (up) from the center of the array in m
    ============  =============================================================================================

    and ``pointing``, float32 ``(B, 2)``, altitude and azimuth in rad (NaN where not known), ``target`` and ``index``.
    What a telescope without an image holds is zero, but for its position. A pixel whose charge or time is not finite
    counts as switched off: zero, and not in the mask. An image without one finite charge counts as none.

    Parameters
    ----------
    events
        The samples.
    slots
        What stands on the axis of telescopes, see :class:`merkhet.config.arrays.TelescopeInput`. Untriggered
        telescopes and padding have ``trigger`` False.
    fields
        What is read of the images; the others are not in the batch.
    targets
        What is to be learned, by name.

    Raises
    ------
    InputError
        A file does not hold one of the fields.
    """

    def __init__(
        self,
        events: EventList,
        *,
        slots: Slots,
        fields: Sequence[Field] = FIELDS,
        targets: Mapping[str, TargetSource] | None = None,
    ) -> None:
        if (slots == "mono") != events.mono:
            raise ValueError(f"slots={slots} and events that were listed {'' if events.mono else 'not '}as mono")
        self.events, self.slots, self.fields = events, slots, tuple(fields)
        self.targets = dict(targets or {})
        subarray = events.subarray
        self._positions = np.stack([subarray.telescopes[axis] for axis in "xyz"], axis=1).astype(np.float32)
        for file in events.files:
            for kind in events.types:
                if file.fields(kind):  # one without any image of the type lacks nothing
                    require_fields(file, kind, self.fields)

    def __len__(self) -> int:
        return len(self.events)

    def fetch(self, rows: Rows) -> Batch:
        """Return the batch of the given rows."""
        return self.fetch_batches([rows])[0]

    def fetch_batches(self, parts: Sequence[Rows]) -> list[Batch]:
        """Return a batch for each list of rows; all are read together, so that no chunk is decoded twice."""
        rows = np.concatenate(parts)
        edges = np.cumsum([0, *map(len, parts)])
        gathered = {kind: self._gather(kind, rows) for kind in self.events.types}
        return [
            self._batch(part, {kind: _part(found, start, stop) for kind, found in gathered.items()})
            for part, start, stop in zip(parts, edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        ]

    def _batch(self, rows: Rows, gathered: Mapping[str, _Gathered]) -> Batch:
        return {
            "telescopes": {kind: self._laid_out(kind, found, size=len(rows)) for kind, found in gathered.items()},
            "pointing": torch.from_numpy(self._pointing(rows)),
            "target": {name: source.fetch(rows) for name, source in self.targets.items()},
            "index": torch.from_numpy(np.ascontiguousarray(rows)),
        }

    def _pointing(self, rows: Rows) -> npt.NDArray[np.float32]:
        result = np.empty((len(rows), 2), dtype=np.float32)
        file_of, local = self.events.locate(rows)
        for number in np.unique(file_of).tolist():
            mine, index = file_of == number, self.events.files[number].index
            events = index.events_of(local[mine]) if self.events.mono else local[mine]
            result[mine] = index.pointing_of(events)
        return result

    def _gather(self, kind: str, rows: Rows) -> _Gathered:
        """Read all images of a type that the samples have, straight into the order of the samples."""
        file_of, local = self.events.locate(rows)
        found = [self._images_of(kind, number, file_of=file_of, local=local) for number in np.unique(file_of).tolist()]
        sample, slot = (np.concatenate(parts) for parts in zip(*((part[1], part[2]) for part in found), strict=True))
        order = np.argsort(sample, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        camera = self.events.subarray.type(kind).camera
        images, _ = new_images(len(order), camera.n_pixels, fields=self.fields)
        starts = np.cumsum([0, *(len(part[1]) for part in found)])
        for (file, _, _, mine), start in zip(found, starts, strict=False):
            file.images(kind, mine, fields=self.fields, into=(images, place[start : start + len(mine)]))
        return _finite(_Gathered(sample[order], slot[order], images))

    def _images_of(self, kind: str, number: int, *, file_of: Rows, local: Rows) -> tuple[EventSource, Rows, Rows, Rows]:
        """Return a file, and for each image of a type that its samples have: sample, slot, place in the index."""
        file, mine = self.events.files[number], np.flatnonzero(file_of == number)
        images, counts = (
            (local[mine], np.ones(len(mine), dtype=np.int64)) if self.events.mono else file.index.images_of(local[mine])
        )
        slot, sample = file.index.slot[images].astype(np.int64), np.repeat(mine, counts)
        of_type = np.isin(slot, file.subarray.slots(kind))
        return file, sample[of_type], slot[of_type], images[of_type]

    def _laid_out(self, kind: str, found: _Gathered, *, size: int) -> dict[str, torch.Tensor]:
        """Put images into their place on the axis of telescopes."""
        mine = self.events.subarray.slots(kind)
        if self.slots == "array":
            place, width = np.searchsorted(mine, found.slot), len(mine)
            position = np.broadcast_to(self._positions[mine], (size, width, 3)).copy()
        else:
            place = _rank(found.sample)
            width = 1 if self.slots == "mono" else max(int(place.max(initial=0)) + 1, 1)
            position = np.zeros((size, width, 3), dtype=np.float32)
            position[found.sample, place] = self._positions[found.slot]
        trigger = np.zeros((size, width), dtype=bool)
        trigger[found.sample, place] = True
        arrays: dict[str, npt.NDArray[Any]] = {"trigger": trigger, "position": position}
        for name, values in found.images.items():
            if len(values) == size and width == 1:
                arrays[name] = values[:, None]  # one image each, in order: nothing to fill
                continue
            arrays[name] = np.zeros((size, width, values.shape[1]), dtype=values.dtype)
            arrays[name][found.sample, place] = values
        return {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in arrays.items()}


def _finite(found: _Gathered) -> _Gathered:
    """Switch off pixels that are not finite, and drop images without one finite charge."""
    images = found.images
    sums = [values.sum(axis=1) for name, values in images.items() if name != "mask"]
    bad = np.flatnonzero(~np.isfinite(sum(sums, start=np.zeros(len(found.sample), dtype=np.float32))))
    if not len(bad):
        return found
    good = np.ones((len(bad), next(iter(images.values())).shape[1]), dtype=bool)
    for values in images.values():
        good &= np.isfinite(values[bad])
    lost = np.zeros(len(found.sample), dtype=bool)
    lost[bad] = ~np.isfinite(images["charge"][bad]).any(axis=1) if "charge" in images else False
    for values in images.values():
        values[bad] = np.where(good, values[bad], 0)
    if not lost.any():
        return found
    kept = {name: values[~lost] for name, values in images.items()}
    return _Gathered(found.sample[~lost], found.slot[~lost], kept)


def _part(found: _Gathered, start: int, stop: int) -> _Gathered:
    """Return the images of samples ``start`` to ``stop - 1``, counted from there."""
    first, last = np.searchsorted(found.sample, [start, stop])
    images = {name: values[first:last] for name, values in found.images.items()}
    return _Gathered(found.sample[first:last] - start, found.slot[first:last], images)


def _rank(sample: Rows) -> Rows:
    """Return how many entries of the same sample, which stand together, are before each."""
    first = np.searchsorted(sample, sample, side="left")
    return np.arange(len(sample)) - first
