"""Tables as PyTables and ctapipe write them: rows of compound type, chunks compressed by Blosc with a checksum.

HDF5 itself knows no Blosc, and h5py no bit fields (the truth values of PyTables). So the bytes of each chunk are made
here, as they lie in the file, and handed to HDF5 whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from merkhet.io.cherenkov.hdf5 import import_hdf5

BLOSC_FILTER = 32001
CHUNK_BYTES = 256 * 1024
"""Near the size that PyTables chooses for the images of ctapipe: some 15 rows of a camera of 1,855 pixels."""
_LEVEL, _SHUFFLE, _ZSTD = 5, 1, 5
_BLOSC_MAX_TYPESIZE = 255


@dataclass(frozen=True)
class Column:
    """A column: its name, numpy type, shape of a cell, unit, and what ctapipe is to know besides.

    Attributes
    ----------
    name, kind, shape
        ``kind`` is a numpy type code; ``S`` with a width is text.
    unit
        As ctapipe spells it, or nothing.
    attributes
        More of ctapipe's ``CTAFIELD_i_KEY`` by key, such as ``TRANSFORM``.
    """

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    unit: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def written(self) -> dict[str, Any]:
        """Return its ``CTAFIELD`` attributes by key."""
        found: dict[str, Any] = {"NAME": self.name}
        if self.unit:
            found |= {"TRANSFORM": "quantity", "UNIT": self.unit}
        if self.kind.startswith("S"):
            found |= {"TRANSFORM": "string", "MAXLEN": np.int64(self.kind[1:])}
        return found | dict(self.attributes)


def enumeration(name: str, kind: str) -> Column:
    """Return a column of the numbers of one of ctapipe's enumerations, which its readers turn back into members.

    PyTables pickles what is neither number nor text: the attribute is the name of a class, in the pickle format.
    """
    pickled = np.bytes_(f"cctapipe.containers\n{kind}\np0\n.")
    return Column(name, "<i8", attributes={"TRANSFORM": "enum", "ENUM": pickled})


class TableWriter:
    """A table that grows: rows are kept until they fill a chunk.

    Parameters
    ----------
    group
        An open :class:`h5py.File` or group.
    path
        Where the table goes below it.
    columns
        Its columns, in order.
    meta
        Attributes of the table.

    Raises
    ------
    DependencyError
        h5py or numcodecs is not installed.
    """

    def __init__(
        self, group: Any, path: str, *, columns: Sequence[Column], meta: Mapping[str, Any] | None = None
    ) -> None:
        self.dtype = np.dtype([(column.name, column.kind, column.shape) for column in columns])
        self._rows_per_chunk = max(1, CHUNK_BYTES // self.dtype.itemsize)
        self._dataset = _create(group, path, self.dtype, rows_per_chunk=self._rows_per_chunk)
        self._waiting: list[npt.NDArray[Any]] = []
        self._written = self._kept = 0
        for key, value in _attributes(columns, meta or {}).items():
            set_attribute(self._dataset, key, value)

    def append(self, columns: Mapping[str, npt.ArrayLike]) -> None:
        """Add rows, given as ``{column: (n, ...)}`` for every column of the table."""
        if set(columns) != set(self.dtype.names or ()):
            raise ValueError(f"columns {sorted(columns)}; expected {list(self.dtype.names or ())}")
        lengths = {len(np.asarray(values)) for values in columns.values()}
        if len(lengths) != 1:
            raise ValueError(f"columns of lengths {sorted(lengths)}")
        rows = np.zeros(lengths.pop(), dtype=self.dtype)
        for name, values in columns.items():
            rows[name] = values
        self._waiting.append(rows)
        self._kept += len(rows)
        if self._kept >= self._rows_per_chunk:
            self._flush(whole=False)

    def close(self) -> None:
        """Write what is left, and the number of rows."""
        self._flush(whole=True)
        set_attribute(self._dataset, "NROWS", np.int64(self._written))

    def _flush(self, *, whole: bool) -> None:
        from numcodecs import Blosc
        from numcodecs.fletcher32 import Fletcher32

        codec = Blosc(cname="zstd", clevel=_LEVEL, shuffle=_SHUFFLE)
        rows = np.concatenate([*self._waiting, np.zeros(0, dtype=self.dtype)])
        stop = len(rows) if whole else len(rows) // self._rows_per_chunk * self._rows_per_chunk
        self._dataset.resize((self._written + stop,))
        for start in range(0, stop, self._rows_per_chunk):
            chunk = rows[start : min(start + self._rows_per_chunk, stop)]
            padded = np.zeros(self._rows_per_chunk, dtype=self.dtype)
            padded[: len(chunk)] = chunk
            packed = codec.encode(padded.view(f"V{self._typesize}") if self._typesize > 1 else padded.view("u1"))
            self._dataset.id.write_direct_chunk((self._written + start,), Fletcher32().encode(packed))
        self._written += stop
        self._waiting, self._kept = [rows[stop:]], len(rows) - stop

    @property
    def _typesize(self) -> int:
        return self.dtype.itemsize if self.dtype.itemsize <= _BLOSC_MAX_TYPESIZE else 1


def write_rows(
    group: Any,
    path: str,
    values: Mapping[str, npt.ArrayLike],
    *,
    columns: Sequence[Column],
    meta: Mapping[str, Any] | None = None,
) -> None:
    """Write a whole table at once; see :class:`TableWriter`."""
    table = TableWriter(group, path, columns=columns, meta=meta)
    table.append(values)
    table.close()


def mark_groups(file: Any) -> None:
    """Give all groups of a file the attributes by which PyTables knows its own."""
    groups = [file]
    file.visititems(lambda _, item: groups.append(item) if hasattr(item, "keys") else None)
    for group in groups:
        for key, value in {"CLASS": "GROUP", "TITLE": "", "VERSION": "1.0"}.items():
            set_attribute(group, key, value)
    set_attribute(file, "PYTABLES_FORMAT_VERSION", "2.1")


def _create(group: Any, path: str, dtype: np.dtype[Any], *, rows_per_chunk: int) -> Any:
    h5py = import_hdf5()
    kind = h5py.h5t.create(h5py.h5t.COMPOUND, dtype.itemsize)
    for name, (cell, offset, *_) in dict(dtype.fields or {}).items():
        kind.insert(name.encode(), offset, _hdf5_type(cell))
    space = h5py.h5s.create_simple((0,), (h5py.h5s.UNLIMITED,))
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((rows_per_chunk,))
    typesize = dtype.itemsize if dtype.itemsize <= _BLOSC_MAX_TYPESIZE else 1
    values = (2, 2, typesize, rows_per_chunk * dtype.itemsize, _LEVEL, _SHUFFLE, _ZSTD)
    properties.set_filter(BLOSC_FILTER, h5py.h5z.FLAG_OPTIONAL, values)
    properties.set_fletcher32()
    parent, _, name = path.rpartition("/")
    home = group.require_group(parent) if parent else group
    return h5py.Dataset(h5py.h5d.create(home.id, name.encode(), kind, space, properties))


def _hdf5_type(cell: np.dtype[Any]) -> Any:
    h5py = import_hdf5()
    base, shape = cell.subdtype or (cell, ())
    kind = h5py.h5t.NATIVE_B8 if base.kind == "b" else h5py.h5t.py_create(base)
    return h5py.h5t.array_create(kind, shape) if shape else kind


def _attributes(columns: Sequence[Column], meta: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"CLASS": "TABLE", "VERSION": "2.7", "TITLE": ""}
    for place, column in enumerate(columns):
        found[f"FIELD_{place}_NAME"] = column.name
        found |= {f"CTAFIELD_{place}_{key}": value for key, value in column.written().items()}
    return found | dict(meta)


def set_attribute(node: Any, key: str, value: Any) -> None:
    """Write an attribute of a group or table; text as PyTables has it, of a fixed length."""
    if isinstance(value, str):
        data = value.encode()
        node.attrs.create(key, np.bytes_(data), dtype=import_hdf5().string_dtype("utf-8", max(len(data), 1)))
    else:
        node.attrs[key] = value
