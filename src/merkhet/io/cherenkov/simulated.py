"""Simulated events on their way into a file, whatever its layout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from merkhet.io.cherenkov.subarray import Subarray

TRUTH = ("shower_primary_id", "energy", "alt", "az", "core_x", "core_y", "h_first_int", "x_max")


@dataclass(frozen=True, eq=False)
class TypeImages:
    """Images ``(k, P)`` of the telescopes of one type, in the order of their events, then telescopes.

    Attributes
    ----------
    event
        ``(k,)``: row of the event.
    slot
        ``(k,)``: place of the telescope in the array.
    charge, time
        Photo-electrons and ns, float32.
    mask
        Pixels that cleaning kept.
    true
        Photo-electrons of the shower alone, int32.
    parameters
        Image parameters ``(k,)`` by name, see :data:`merkhet.io.cherenkov.hillas.HILLAS`.
    """

    event: npt.NDArray[np.int64]
    slot: npt.NDArray[np.int64]
    charge: npt.NDArray[np.float32]
    time: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]
    true: npt.NDArray[np.int32]
    parameters: Mapping[str, npt.NDArray[np.float64]]

    def take(self, chosen: npt.NDArray[Any], *, event: npt.NDArray[np.int64]) -> "TypeImages":
        """Return some of the images, with other rows of their events."""
        return TypeImages(
            event,
            self.slot[chosen],
            self.charge[chosen],
            self.time[chosen],
            self.mask[chosen],
            self.true[chosen],
            {name: values[chosen] for name, values in self.parameters.items()},
        )


@dataclass(frozen=True, eq=False)
class EventBlock:
    """Events ``(n,)`` with their images.

    Attributes
    ----------
    obs_id, event_id
        ``(n,)``.
    truth
        :data:`TRUTH` by name, ``(n,)``: energy in TeV, direction in rad, core in m north and west, height of the first
        interaction in m, depth of the maximum in g/cm2.
    images
        Of each type of telescope by name.
    """

    obs_id: npt.NDArray[np.int64]
    event_id: npt.NDArray[np.int64]
    truth: Mapping[str, npt.NDArray[Any]]
    images: Mapping[str, TypeImages]

    def __len__(self) -> int:
        return len(self.event_id)

    def triggered(self, subarray: Subarray) -> npt.NDArray[np.bool_]:
        """Return which telescopes ``(n, N)`` have an image."""
        found = np.zeros((len(self), len(subarray.telescopes)), dtype=bool)
        for images in self.images.values():
            found[images.event, images.slot] = True
        return found

    def take(self, rows: npt.NDArray[np.int64]) -> "EventBlock":
        """Return the events at some rows, each once, in that order."""
        place = np.full(len(self), -1)
        place[rows] = np.arange(len(rows))
        images = {}
        for name, mine in self.images.items():
            event = place[mine.event]
            order = np.lexsort((mine.slot, event))
            order = order[event[order] >= 0]
            images[name] = mine.take(order, event=event[order])
        truth = {name: values[rows] for name, values in self.truth.items()}
        return EventBlock(self.obs_id[rows], self.event_id[rows], truth, images)


def concatenate(blocks: Sequence[EventBlock]) -> EventBlock:
    """Return the events of several blocks of one array, one after another."""
    starts = np.cumsum([0, *(len(block) for block in blocks)])
    images = {}
    for name in blocks[0].images:
        parts = [block.images[name] for block in blocks]
        stacked = {
            field: np.concatenate([getattr(part, field) for part in parts])
            for field in ("slot", "charge", "time", "mask", "true")
        }
        event = np.concatenate([part.event + start for part, start in zip(parts, starts[:-1], strict=True)])
        parameters = {
            key: np.concatenate([part.parameters[key] for part in parts]) for key in blocks[0].images[name].parameters
        }
        images[name] = TypeImages(event=event, parameters=parameters, **stacked)
    return EventBlock(
        np.concatenate([block.obs_id for block in blocks]),
        np.concatenate([block.event_id for block in blocks]),
        {name: np.concatenate([block.truth[name] for block in blocks]) for name in blocks[0].truth},
        images,
    )
