"""Which events and images of a file are used: by energy, size, leakage and number of images."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from merkhet.config.data import Between
from merkhet.config.events import EventSelection
from merkhet.errors import InputError
from merkhet.io.cherenkov.events import EventSource

Mask: TypeAlias = npt.NDArray[np.bool_]

_PARAMETERS = {"intensity": "hillas_intensity", "leakage": "leakage_intensity_width_2"}


def select_events(file: EventSource, select: EventSelection, *, types: Sequence[str]) -> EventSource:
    """Return a file with the index of what is used of it: images of these types, and events with enough of them.

    Raises
    ------
    InputError
        The file does not hold what is selected by.
    """
    index = file.index
    kinds = [file.subarray.type_index(name) for name in types]
    of_type = np.isin(file.subarray.telescopes["type"], kinds)
    images: Mask = of_type[index.slot]
    for name, column in _PARAMETERS.items():
        between: Between = getattr(select, name)
        if between != Between():
            images &= _inside(_parameter(file, column, of_type), between)
    before = np.r_[0, np.cumsum(images)]
    events: Mask = np.diff(before[index.offsets]) >= select.multiplicity
    if select.energy != Between():
        if "energy" not in index.labels:
            raise InputError(file.path, "holds no true energies", action="Leave out data.select.energy")
        events &= _inside(index.labels["energy"], select.energy)
    everything = bool(images.all() and events.all())
    return file if everything else file.with_index(index.select(events, images=images))


def _inside(values: npt.NDArray[Any], between: Between) -> Mask:
    """Return which values lie in a range; NaN lies in none."""
    low = -np.inf if between.min is None else between.min
    high = np.inf if between.max is None else between.max
    return np.asarray((values >= low) & (values <= high))


def _parameter(file: EventSource, column: str, of_type: Mask) -> npt.NDArray[np.float32]:
    """Return a parameter of each image, NaN for telescopes that are not used."""
    result = np.full(file.index.n_images, np.nan, dtype=np.float32)
    for slot in np.unique(file.index.slot).tolist():
        if of_type[slot]:
            mine = np.flatnonzero(file.index.slot == slot)
            result[mine] = file.read_parameters(slot, [column])[column][file.index.row[mine]]
    return result
