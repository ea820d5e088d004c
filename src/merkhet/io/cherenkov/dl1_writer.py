"""Simulated events as ctapipe writes them: HDF5 of its data model v7.1.0, read by its TableLoader and by ours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from merkhet.io.cherenkov.hillas import HILLAS, image_parameters
from merkhet.io.cherenkov.instrument_writer import write_instrument, write_reference, write_runs
from merkhet.io.cherenkov.pytables import Column, TableWriter
from merkhet.io.cherenkov.runs import SimulatedRun
from merkhet.io.cherenkov.simulated import EventBlock, TypeImages
from merkhet.io.cherenkov.subarray import Subarray, TelescopeType
from merkhet.io.cherenkov.trigger_writer import IMAGE_COLUMNS, ShowerWriter, TriggerWriter

TRUE_PARAMETERS = {name: unit for name, unit in HILLAS.items() if not name.startswith("timing")}
"""Parameters of images without noise; those have no peak times."""


class Dl1Writer:
    """Writes blocks of events to an open file, and what belongs to all of them when it is closed.

    Parameters
    ----------
    file
        An empty :class:`h5py.File`, open for writing.
    subarray
        The telescopes.
    """

    def __init__(self, file: Any, *, subarray: Subarray) -> None:
        self._file, self._subarray = file, subarray
        self._trigger = TriggerWriter(file, subarray=subarray)
        self._shower = ShowerWriter(file)
        self._telescopes: dict[int, _TelescopeTables] = {}
        write_instrument(file, subarray)

    def write(self, block: EventBlock) -> None:
        """Add events."""
        ids = {"obs_id": block.obs_id, "event_id": block.event_id}
        self._trigger.append(**ids, triggered=block.triggered(self._subarray))
        self._shower.append(**ids, truth=block.truth)
        for name, images in block.images.items():
            for slot_number in self._subarray.slots(name).tolist():
                chosen = np.flatnonzero(images.slot == slot_number)
                if len(chosen):
                    self._tables(slot_number).append(block, images, chosen)

    def close(self, runs: Sequence[SimulatedRun]) -> None:
        """Write the runs and what tells ctapipe whose file this is."""
        tables: list[TriggerWriter | ShowerWriter | _TelescopeTables] = [
            self._trigger,
            self._shower,
            *self._telescopes.values(),
        ]
        for table in tables:
            table.close()
        write_runs(self._file, runs, subarray=self._subarray)
        obs_ids = [run.obs_id for run in runs]
        write_reference(self._file, name=self._subarray.name, levels="DL1_IMAGES,DL1_PARAMETERS", obs_ids=obs_ids)

    def _tables(self, slot: int) -> "_TelescopeTables":
        if slot not in self._telescopes:
            tel_id = int(self._subarray.telescopes["tel_id"][slot])
            kind = self._subarray.types[self._subarray.telescopes["type"][slot]]
            self._telescopes[slot] = _TelescopeTables(self._file, tel_id, kind=kind)
        return self._telescopes[slot]


class _TelescopeTables:
    """Images and their parameters of one telescope, as recorded and as without noise."""

    def __init__(self, file: Any, tel_id: int, *, kind: TelescopeType) -> None:
        pixels = (kind.camera.n_pixels,)
        images = (
            *IMAGE_COLUMNS,
            Column("image", "<f4", pixels),
            Column("peak_time", "<f4", pixels),
            Column("image_mask", "?", pixels),
            Column("is_valid", "?"),
        )
        true = (*IMAGE_COLUMNS, Column("true_image_sum", "<i4"), Column("true_image", "<i4", pixels))
        name, home = f"tel_{tel_id:03d}", "event/telescope"
        self._tel_id, self._kind = tel_id, kind
        self._images = TableWriter(file, f"dl1/{home}/images/{name}", columns=images)
        self._parameters = TableWriter(file, f"dl1/{home}/parameters/{name}", columns=parameter_columns(HILLAS))
        self._true = TableWriter(file, f"simulation/{home}/images/{name}", columns=true)
        columns = parameter_columns(TRUE_PARAMETERS, prefix="true_")
        self._true_parameters = TableWriter(file, f"simulation/{home}/parameters/{name}", columns=columns)

    def append(self, block: EventBlock, images: TypeImages, chosen: npt.NDArray[np.int64]) -> None:
        event = images.event[chosen]
        index = {
            "obs_id": block.obs_id[event],
            "event_id": block.event_id[event],
            "tel_id": np.full(len(chosen), self._tel_id),
        }
        self._images.append(
            {
                **index,
                "image": images.charge[chosen],
                "peak_time": images.time[chosen],
                "image_mask": images.mask[chosen],
                "is_valid": np.ones(len(chosen), dtype=bool),
            }
        )
        self._parameters.append({**index, **{name: images.parameters[name][chosen] for name in HILLAS}})
        true = images.true[chosen]
        self._true.append({**index, "true_image_sum": true.sum(axis=1), "true_image": true})
        known = image_parameters(true, images.time[chosen], true > 0, kind=self._kind)
        self._true_parameters.append({**index, **{f"true_{name}": known[name] for name in TRUE_PARAMETERS}})

    def close(self) -> None:
        for table in (self._images, self._parameters, self._true, self._true_parameters):
            table.close()


def parameter_columns(units: Mapping[str, str], *, prefix: str = "") -> tuple[Column, ...]:
    """Return the columns of a table of image parameters, given by their names and units."""
    counts = {name for name in units if name.startswith("morphology")}
    named = (Column(prefix + name, "<i8" if name in counts else "<f8", unit=unit) for name, unit in units.items())
    return (*IMAGE_COLUMNS, *named)
