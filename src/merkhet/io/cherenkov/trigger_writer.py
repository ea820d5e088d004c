"""Tables of ctapipe's data model that say which events there are: triggers, and simulated showers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from merkhet.io.cherenkov.pytables import Column, TableWriter, enumeration
from merkhet.io.cherenkov.subarray import Subarray

SUBARRAY_EVENT = 32  # EventType.SUBARRAY of ctapipe
EVENT_COLUMNS = (Column("obs_id", "<i4"), Column("event_id", "<i8"))
IMAGE_COLUMNS = (*EVENT_COLUMNS, Column("tel_id", "<i2"))
TIME = {"TRANSFORM": "time", "TIME_FORMAT": "ctao_high_res", "TIME_SCALE": "tai"}

_SHOWER = (
    *EVENT_COLUMNS,
    Column("true_energy", "<f8", unit="TeV"),
    Column("true_alt", "<f8", unit="deg"),
    Column("true_az", "<f8", unit="deg"),
    Column("true_core_x", "<f8", unit="m"),
    Column("true_core_y", "<f8", unit="m"),
    Column("true_h_first_int", "<f8", unit="m"),
    Column("true_x_max", "<f8", unit="g.cm**-2"),
    Column("true_starting_grammage", "<f8", unit="g.cm**-2"),
    Column("true_shower_primary_id", "<i8"),
)


class TriggerWriter:
    """Triggers of the array and of its telescopes.

    Parameters
    ----------
    file
        An :class:`h5py.File` open for writing.
    subarray
        The telescopes.
    """

    def __init__(self, file: Any, *, subarray: Subarray) -> None:
        self._tel_ids = subarray.telescopes["tel_id"]
        array = (
            *EVENT_COLUMNS,
            Column("time", "<u4", (2,), attributes=TIME),
            Column("tels_with_trigger", "?", (len(self._tel_ids),), attributes={"TRANSFORM": "tel_list_to_mask"}),
            enumeration("event_type", "EventType"),
        )
        single = (
            *IMAGE_COLUMNS,
            Column("time", "<u4", (2,), attributes=TIME),
            enumeration("event_type", "EventType"),
            Column("n_trigger_pixels", "<i8"),
        )
        self._array = TableWriter(file, "dl1/event/subarray/trigger", columns=array)
        self._single = TableWriter(file, "dl1/event/telescope/trigger", columns=single)

    def append(self, *, obs_id: npt.NDArray[Any], event_id: npt.NDArray[Any], triggered: npt.NDArray[np.bool_]) -> None:
        """Add events ``(n,)`` with the telescopes ``(n, N)`` that took part in them."""
        index, time = {"obs_id": obs_id, "event_id": event_id}, _times(event_id)
        kind = np.full(len(event_id), SUBARRAY_EVENT)
        self._array.append({**index, "time": time, "tels_with_trigger": triggered, "event_type": kind})
        event, slot = np.nonzero(triggered)
        self._single.append(
            {
                **{name: values[event] for name, values in index.items()},
                "tel_id": self._tel_ids[slot],
                "time": time[event],
                "event_type": kind[event],
                "n_trigger_pixels": np.full(len(event), -1),
            }
        )

    def close(self) -> None:
        """Write what is left."""
        self._array.close()
        self._single.close()


class ShowerWriter:
    """What is true of simulated events; parameters as for :class:`TriggerWriter`."""

    def __init__(self, file: Any) -> None:
        self._table = TableWriter(file, "simulation/event/subarray/shower", columns=_SHOWER)

    def append(
        self, *, obs_id: npt.NDArray[Any], event_id: npt.NDArray[Any], truth: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        """Add events ``(n,)``; ``truth`` is that of :class:`merkhet.io.cherenkov.simulated.EventBlock`."""
        known = {f"true_{name}": np.rad2deg(v) if name in ("alt", "az") else v for name, v in truth.items()}
        start = {"true_starting_grammage": np.zeros(len(event_id))}
        self._table.append({"obs_id": obs_id, "event_id": event_id, **known, **start})

    def close(self) -> None:
        """Write what is left."""
        self._table.close()


def _times(event_id: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    """Return times ``(n, 2)``, seconds and quarter nanoseconds: one event a millisecond, as none is known."""
    number = np.asarray(event_id, dtype=np.int64)
    return np.stack([number // 1000 % 2**32, number % 1000 * 4_000_000], axis=1).astype(np.uint32)
