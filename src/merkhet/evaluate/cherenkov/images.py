"""The parameters of the images of events, one row an image: what every method without a network starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from merkhet.io.cherenkov.cleaning import TailCuts, clean
from merkhet.io.cherenkov.events import EventSource
from merkhet.io.cherenkov.hillas import HILLAS, image_parameters
from merkhet.io.cherenkov.simulated import EventBlock
from merkhet.io.cherenkov.subarray import Subarray

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

MIN_PIXELS = 3
_IMAGES_AT_ONCE = 4000


@dataclass(frozen=True, eq=False)
class ImageTable:
    """Parameters of images ``(k,)`` in the order of their events.

    Attributes
    ----------
    subarray
        The telescopes.
    events
        Number of events.
    event
        ``(k,)``: row of the event that each image belongs to, ascending.
    slot
        ``(k,)``: place of the telescope in the array.
    parameters
        :data:`merkhet.io.cherenkov.hillas.HILLAS` by name, ``(k,)``.
    pointing
        Altitude and azimuth of the telescopes, rad, ``(events, 2)``.
    """

    subarray: Subarray
    events: int
    event: IntArray
    slot: IntArray
    parameters: Mapping[str, FloatArray]
    pointing: FloatArray

    def __len__(self) -> int:
        return len(self.event)

    def __getitem__(self, name: str) -> FloatArray:
        return self.parameters[name]

    @property
    def kind(self) -> IntArray:
        """Place of each image's telescope type among those of the array."""
        return self.subarray.telescopes["type"][self.slot].astype(np.int64)

    @property
    def position(self) -> FloatArray:
        """Where each image's telescope stands, ``(k, 3)``, m: north, west, up."""
        mine = self.subarray.telescopes[self.slot]
        return np.stack([mine[axis] for axis in "xyz"], axis=1)

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """Which images have three pixels or more and a width."""
        return (self["morphology_n_pixels"] >= MIN_PIXELS) & (self["hillas_width"] > 0)

    def take(self, chosen: npt.NDArray[np.bool_]) -> "ImageTable":
        """Return some of the images; all events stay."""
        return ImageTable(
            self.subarray,
            self.events,
            self.event[chosen],
            self.slot[chosen],
            {name: values[chosen] for name, values in self.parameters.items()},
            self.pointing,
        )


def images_of_block(block: EventBlock, *, subarray: Subarray, pointing: FloatArray) -> ImageTable:
    """Return the parameters of simulated events; ``pointing`` ``(2,)`` in rad is that of all."""
    parts = list(block.images.values())
    return _ordered(
        subarray,
        len(block),
        [(part.event, part.slot, part.parameters) for part in parts],
        np.tile(pointing, (len(block), 1)),
    )


def images_of_file(file: EventSource, *, cuts: TailCuts | None = None) -> ImageTable:
    """Return the parameters of all images of a file, worked out from their pixels.

    Parameters
    ----------
    file
        A file or pack of events.
    cuts
        Clean the images with these thresholds; the masks of the file are used where absent.

    Raises
    ------
    InputError
        The file lacks charges or times, or masks without ``cuts``.
    """
    index, parts = file.index, []
    for name in file.subarray.type_names:
        kind, images = file.subarray.type(name), file.images_of_type(name)
        neighbors = kind.camera.neighbors(diagonal=False)
        for start in range(0, len(images), _IMAGES_AT_ONCE):
            mine = images[start : start + _IMAGES_AT_ONCE]
            read = file.images(name, mine, fields=("charge", "time") if cuts else ("charge", "time", "mask"))
            mask = clean(read["charge"], neighbors=neighbors, cuts=cuts) if cuts else read["mask"]
            found = image_parameters(read["charge"], read["time"], mask, kind=kind)
            parts.append((index.events_of(mine), index.slot[mine].astype(np.int64), found))
    return _ordered(file.subarray, len(index), parts, index.pointing_of(np.arange(len(index))))


def images_of_event(source: EventSource, event: int) -> tuple[ImageTable, list[npt.NDArray[np.float32]]]:
    """Return the parameters and the charges, each ``(P,)``, of the images of one event, in the order of telescopes.

    Raises
    ------
    InputError
        The file lacks charges.
    """
    images, _ = source.index.images_of(np.array([event]))
    slots = source.index.slot[images].astype(np.int64)
    kinds = source.subarray.telescopes["type"][slots]
    parts, charges = [], dict[int, npt.NDArray[np.float32]]()
    for place in np.unique(kinds).tolist():
        kind, mine = source.subarray.types[place], np.flatnonzero(kinds == place)
        charge = source.images(kind.name, images[mine], fields=("charge",))["charge"]
        mask = clean(charge, neighbors=kind.camera.neighbors(diagonal=False), cuts=TailCuts())
        parts.append(
            (
                np.zeros(len(mine), np.int64),
                slots[mine],
                image_parameters(charge, np.zeros_like(charge), mask, kind=kind),
            )
        )
        charges.update(zip(slots[mine].tolist(), charge, strict=True))
    table = _ordered(source.subarray, 1, parts, source.index.pointing_of(np.array([event])))
    return table, [charges[slot] for slot in table.slot.tolist()]


def _ordered(
    subarray: Subarray,
    events: int,
    parts: Sequence[tuple[IntArray, IntArray, Mapping[str, FloatArray]]],
    pointing: FloatArray,
) -> ImageTable:
    event = np.concatenate([part[0] for part in parts] or [np.empty(0, dtype=np.int64)])
    slot = np.concatenate([part[1] for part in parts] or [np.empty(0, dtype=np.int64)])
    order = np.lexsort((slot, event))
    columns = {name: np.concatenate([part[2][name] for part in parts] or [np.empty(0)])[order] for name in HILLAS}
    return ImageTable(subarray, events, event[order], slot[order], columns, pointing)
