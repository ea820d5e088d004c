"""Files of events of Cherenkov arrays, whatever their layout: an index in memory, images decoded in bulk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from merkhet.errors import InputError
from merkhet.io.cherenkov.hdf5 import open_hdf5
from merkhet.io.cherenkov.index import EventIndex, Places
from merkhet.io.cherenkov.subarray import Subarray
from merkhet.io.cherenkov.table import ChunkedTable

if TYPE_CHECKING:
    import h5py

Field = Literal["charge", "time", "mask"]
Images: TypeAlias = dict[Field, npt.NDArray[Any]]
Target: TypeAlias = tuple[Images, Places]

FIELDS: tuple[Field, ...] = ("charge", "time", "mask")


class EventSource(Protocol):
    """What files and packs of events have in common; see :class:`EventFile` for what each entry means."""

    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def format(self) -> str: ...  # noqa: D102
    @property
    def model_version(self) -> str: ...  # noqa: D102
    @property
    def subarray(self) -> Subarray: ...  # noqa: D102
    @property
    def index(self) -> EventIndex: ...  # noqa: D102
    def with_index(self, index: EventIndex) -> Self: ...  # noqa: D102
    def fields(self, tel_type: str) -> tuple[Field, ...]: ...  # noqa: D102
    def images_of_type(self, tel_type: str) -> Places: ...  # noqa: D102
    def images(  # noqa: D102
        self, tel_type: str, images: Places, *, fields: Sequence[Field] = FIELDS, into: Target | None = None
    ) -> Images: ...
    def read_parameters(self, slot: int, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]: ...  # noqa: D102
    def chunk_rows(self, slot: int) -> int: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class ImageStore:
    """Where the images of one telescope, or of all telescopes of a type, are.

    Attributes
    ----------
    tables
        Paths in the file; rows are counted through all of them.
    starts
        Number of rows before each.
    columns
        Column of each field that is there; of a plain array, the place along its last axis as text.
    identity
        Columns that say whose image a row is, with what they must equal: ``event_id``, ``obs_id`` or ``stored_row``.
    charge_scale
        What stored charges are divided by.
    """

    tables: tuple[str, ...]
    columns: Mapping[Field, str]
    identity: Mapping[str, str] = field(default_factory=dict)
    charge_scale: float = 1.0
    starts: tuple[int, ...] = (0,)


@dataclass(frozen=True, eq=False)
class EventFile:
    """An open file of events.

    The file is opened anew in each process, with one handle. Nothing of it is kept in memory but the index.

    Attributes
    ----------
    path
        The file.
    format
        Its layout, as ``merkhet inspect`` names it.
    model_version
        Version of the layout, ``v7.1.0``.
    subarray
        The telescopes.
    index
        The events and where their images are.
    stores
        Where the images of each telescope are, by its place in the array.
    parameters
        Tables of image parameters with a row for each image, by the place of the telescope; empty where there are none.
    """

    path: Path
    format: str
    model_version: str
    subarray: Subarray
    index: EventIndex
    stores: Mapping[int, ImageStore]
    parameters: Mapping[int, str] = field(default_factory=dict)
    _open: dict[str, Any] = field(default_factory=dict, repr=False)

    def with_index(self, index: EventIndex) -> Self:
        """Return the same file with some of its events."""
        return replace(self, index=index, _open={})

    def fields(self, tel_type: str) -> tuple[Field, ...]:
        """Return which of charge, time and mask the file holds of a telescope type."""
        held = [
            set(self.stores[slot].columns) for slot in self.subarray.slots(tel_type).tolist() if slot in self.stores
        ]
        return tuple(name for name in FIELDS if held and all(name in columns for columns in held))

    def images_of_type(self, tel_type: str) -> Places:
        """Return the images, as places in the index, of all telescopes of a type."""
        return self.index.images_at(self.subarray.slots(tel_type))

    def images(
        self, tel_type: str, images: Places, *, fields: Sequence[Field] = FIELDS, into: Target | None = None
    ) -> Images:
        """Return images of telescopes of one type, decoded by whole chunks.

        Parameters
        ----------
        tel_type
            Name of the type.
        images
            ``(n,)``: places in the index, in any order.
        fields
            What to return of them.
        into
            Arrays to fill, and the row of each image there ``(n,)``; new ones in order where absent.

        Returns
        -------
        images
            ``charge``, float32 ``(n, P)`` in photo-electrons; ``time`` of the peak, float32 ``(n, P)`` in ns; ``mask``,
            bool ``(n, P)``, pixels that image cleaning kept. Values are as stored: NaN where the file has NaN.

        Raises
        ------
        InputError
            A field is not there, a chunk is damaged, images have another number of pixels than the camera, or a row
            holds another event than the index says.
        """
        require_fields(self, tel_type, fields)
        result, at = into or new_images(len(images), self.subarray.type(tel_type).camera.n_pixels, fields=fields)
        slots = self.index.slot[images]
        by_tables: dict[tuple[str, ...], list[int]] = {}
        for slot in np.unique(slots).tolist():
            by_tables.setdefault(self.stores[slot].tables, []).append(slot)
        for mine in by_tables.values():
            store, places = self.stores[mine[0]], np.flatnonzero(np.isin(slots, mine))
            rows = self.index.row[images[places]].astype(np.int64)
            order = np.argsort(rows, kind="stable")
            rows, places = rows[order], places[order]
            edges = [*np.searchsorted(rows, store.starts).tolist(), len(rows)]
            for table, start, first, last in zip(store.tables, store.starts, edges[:-1], edges[1:], strict=True):
                part = places[first:last]
                self._gather(table, rows[first:last] - start, at[part], images[part], store=store, result=result)
        return result

    def read_parameters(self, slot: int, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        """Return columns of the parameters of all images of a telescope, in the order of the rows of its images.

        Raises
        ------
        InputError
            The file holds no parameters of it, or not these.
        """
        if slot not in self.parameters:
            tel_id = int(self.subarray.telescopes["tel_id"][slot])
            raise InputError(
                self.path,
                f"holds no image parameters of telescope {tel_id}",
                expected=f"columns {', '.join(names)}",
                action="Write them when you convert, or leave this selection out",
            )
        table = self._table(self.parameters[slot])
        columns = {name: _parameter_column(table, name) for name in names}
        read = table.read(list(columns.values()))
        return {name: read[column] for name, column in columns.items()}

    def holds_parameter(self, slot: int, name: str) -> bool:
        """Tell whether the file holds a parameter of the images of a telescope."""
        if slot not in self.parameters:
            return False
        table = self._table(self.parameters[slot])
        return _parameter_column(table, name) in table

    def chunk_rows(self, slot: int) -> int:
        """Return how many images of a telescope are decoded together."""
        return self._table(self.stores[slot].tables[0]).rows_per_chunk

    def close(self) -> None:
        """Close the handle of this process; the next read opens it again."""
        file = self._open.pop("file", None)
        self._open.clear()
        if file is not None:
            file.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _gather(
        self, name: str, rows: Places, places: Places, images: Places, *, store: ImageStore, result: Images
    ) -> None:
        """Read ascending rows of one table, which hold ``images``, into their places in the result."""
        table = self._table(name)
        ids = {column: np.empty(len(rows), dtype=np.int64) for column in store.identity}
        for part, records in table.blocks(rows):
            mine = places[part]
            for column, found in ids.items():
                found[part] = records[column]
            for field_name, target in result.items():
                values = _field_of(records, store.columns[field_name], table=table)
                if values.shape[1:] != target.shape[1:]:
                    raise InputError(
                        self.path,
                        f"images in {name} have {values.shape[1]} pixels",
                        expected=f"{target.shape[1]} as their camera has",
                    )
                scaled = field_name == "charge" and store.charge_scale != 1
                target[mine] = values / np.float32(store.charge_scale) if scaled else values
        self._check_identity(store, ids, images, rows=rows, where=name)

    def _check_identity(
        self, store: ImageStore, ids: dict[str, Places], images: Places, *, rows: Places, where: str
    ) -> None:
        """Compare whose images were read with whose the index says that they are."""
        events = self.index.events_of(images) if ids else images
        for column, found in ids.items():
            expected = self.index.identity(store.identity[column], events)
            wrong = np.flatnonzero(found != expected)
            if len(wrong):
                at = int(wrong[0])
                raise InputError(
                    self.path,
                    f"row {int(rows[at])} of {where} has {column} {int(found[at])}",
                    expected=f"{int(expected[at])} as in the table of events",
                    action="The file was cut or merged wrongly; convert it again",
                )

    def _table(self, name: str) -> ChunkedTable:
        tables = self._open.setdefault("tables", {})
        if name not in tables:
            file: h5py.File | None = self._open.get("file")
            if file is None:
                file = self._open["file"] = open_hdf5(self.path)
            if name not in file:
                raise InputError(self.path, f"holds no table {name}", action="Convert it again")
            tables[name] = ChunkedTable(file[name], path=self.path)
        table: ChunkedTable = tables[name]
        return table


def new_images(count: int, pixels: int, *, fields: Sequence[Field]) -> Target:
    """Return arrays ``(count, pixels)`` for fields of images, to be filled in order."""
    arrays = {name: np.empty((count, pixels), dtype=bool if name == "mask" else np.float32) for name in fields}
    return arrays, np.arange(count)


def require_fields(source: EventSource, tel_type: str, fields: Sequence[Field]) -> None:
    """Refuse what does not hold every field of the images of a type.

    Raises
    ------
    InputError
        Naming those that are missing.
    """
    held = source.fields(tel_type)
    missing = [name for name in fields if name not in held]
    if missing:
        raise InputError(
            source.path,
            f"holds {', '.join(held) or 'nothing'} of the images of {tel_type}, not {', '.join(missing)}",
            action="Choose channels that need no more, or convert the file with it",
        )


def _parameter_column(table: ChunkedTable, name: str) -> str:
    """Return the column of a parameter: lstchain leaves out the first part of ``hillas_intensity``."""
    short = name.removeprefix("hillas_")
    return short if name not in table and short in table else name


def _field_of(records: npt.NDArray[Any], column: str, *, table: ChunkedTable) -> npt.NDArray[Any]:
    """Return one field of raw records as ``(n, P)``."""
    if records.dtype.names is None:
        return records[..., int(column)].reshape(len(records), -1)
    return table.decoded(records, column)
