"""Tables and arrays in HDF5, read by whole chunks: rows are compound and compressed, so a row costs its chunk anyway.

h5py cannot decode Blosc, which PyTables uses: chunks are taken raw and decoded here, in bulk. Other compressions, and
none, are read through h5py.
"""

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from merkhet.errors import InputError
from merkhet.io.cherenkov.columns import FixedPoint
from merkhet.io.cherenkov.hdf5 import hdf5_errors, metadata

if TYPE_CHECKING:
    import h5py

Rows: TypeAlias = npt.NDArray[np.integer[Any]]
Columns: TypeAlias = dict[str, npt.NDArray[Any]]

_FLETCHER32, _BLOSC, _BLOSC2 = 3, 32001, 32026
_BLOCK_BYTES = 1 << 20  # what is read at a time where the file has no chunks


class ChunkedTable:
    """A table of compound rows, or an array whose first axis counts rows.

    Parameters
    ----------
    dataset
        As h5py opened it.
    path
        The file, for messages.

    Attributes
    ----------
    names
        Columns; ``("",)`` for a plain array.
    rows_per_chunk
        Rows that are decoded together.
    """

    def __init__(self, dataset: "h5py.Dataset", *, path: str | Path) -> None:
        self.path, self._dataset = Path(path), dataset
        self._dtype: np.dtype[Any] = dataset.dtype
        self.names: tuple[str, ...] = self._dtype.names or ("",)
        filters = _filters(dataset)
        if _BLOSC2 in filters:
            raise InputError(self.path, f"{dataset.name} is compressed with Blosc2", expected="Blosc, gzip or none")
        self._filters = filters if _BLOSC in filters else None
        self._raw = bytearray()
        self._chunk_shape: tuple[int, ...] = dataset.chunks or ()
        row_bytes = self._dtype.itemsize * int(np.prod(dataset.shape[1:], dtype=np.int64))
        self.rows_per_chunk = (
            int(self._chunk_shape[0]) if self._chunk_shape else max(1, _BLOCK_BYTES // max(row_bytes, 1))
        )

    def __len__(self) -> int:
        return int(self._dataset.shape[0])

    def __contains__(self, name: str) -> bool:
        return name in self.names

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """The attributes of the table."""
        return metadata(self._dataset)

    def unit(self, name: str) -> str:
        """Return the unit of a column as ctapipe wrote it, empty where it wrote none."""
        return str(self.attributes.get(f"CTAFIELD_{self.names.index(name)}_UNIT", ""))

    def width(self, name: str) -> int:
        """Return the number of values in a cell of a column."""
        return int(np.prod(self._dtype[name].shape, dtype=np.int64))

    def blocks(self, rows: Rows | None = None) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
        """Yield the raw records of ascending row numbers, a chunk at a time, each with its place among ``rows``.

        All rows where ``rows`` is absent. A yielded array may share memory with the next one: copy what is kept.

        Raises
        ------
        InputError
            A chunk is damaged, or a row is not there.
        """
        if rows is None:
            for start in range(0, len(self), self.rows_per_chunk):
                records = self._chunk(start // self.rows_per_chunk)
                yield slice(start, start + len(records)), records
            return
        if len(rows) and not 0 <= rows[0] <= rows[-1] < len(self):
            raise InputError(self.path, f"{self._dataset.name} has {len(self)} rows, not row {rows[-1]}")
        chunks = rows // self.rows_per_chunk
        edges = np.r_[0, np.flatnonzero(np.diff(chunks)) + 1, len(rows)]
        for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if start == stop:
                return
            chunk = int(chunks[start])
            records = self._chunk(chunk)
            mine = rows[start:stop] - chunk * self.rows_per_chunk
            whole = len(mine) == len(records) and bool((mine == np.arange(len(mine))).all())  # a row may stand twice
            yield slice(start, stop), records if whole else records[mine]

    def read(self, names: Sequence[str], rows: Rows | None = None) -> Columns:
        """Return columns, at ascending row numbers or whole, with fixed-point numbers turned into values.

        Raises
        ------
        InputError
            A column is not there, a chunk is damaged, or a row is not there.
        """
        self.require(names)
        count = len(self) if rows is None else len(rows)
        columns: Columns = {}
        transforms = {name: self._transform(name) for name in names}
        for place, records in self.blocks(rows):
            for name in names:
                values = records[name] if name else records
                if name not in columns:
                    columns[name] = np.empty((count, *values.shape[1:]), dtype=values.dtype)
                columns[name][place] = values
        for name in names:
            cell = self._dtype[name] if name else self._dtype
            shape = cell.shape if name else self._dataset.shape[1:]
            stored = columns.get(name, np.empty((0, *shape), dtype=cell.base))
            transform = transforms[name]
            columns[name] = stored if transform is None else transform.decode(stored)
        return columns

    def decoded(self, records: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
        """Return a column of raw records with fixed-point numbers turned into values."""
        transform = self._transform(name)
        return records[name] if transform is None else transform.decode(records[name])

    def require(self, names: Sequence[str]) -> None:
        """Raise InputError unless every name is a column."""
        missing = [name for name in names if name not in self.names]
        if missing:
            raise InputError(
                self.path,
                f"{self._dataset.name} has no column {', '.join(map(repr, missing))}",
                expected=f"one of {', '.join(self.names)}",
            )

    def _transform(self, name: str) -> FixedPoint | None:
        return self._transforms.get(name)

    @cached_property
    def _transforms(self) -> dict[str, FixedPoint]:
        found = {
            name: FixedPoint.of(self.attributes, place, self._dtype[name])
            for place, name in enumerate(self.names)
            if name and np.issubdtype(self._dtype[name].base, np.integer)
        }
        return {name: transform for name, transform in found.items() if transform is not None}

    def _chunk(self, number: int) -> npt.NDArray[Any]:
        """Return the rows of one chunk; the last one may be shorter than the others."""
        start = number * self.rows_per_chunk
        stop = min(start + self.rows_per_chunk, len(self))
        with hdf5_errors(self.path, self._dataset.name):
            if self._filters is None:
                records: npt.NDArray[Any] = self._dataset[start:stop]
                return records
            return self._assembled(start)[: stop - start]

    def _assembled(self, start: int) -> npt.NDArray[Any]:
        """Decode all chunks that hold rows from ``start``: one, or several where rows are cut up too."""
        chunk, shape = self._chunk_shape, self._dataset.shape
        if chunk[1:] == shape[1:]:
            return self._decoded((start, *(0 for _ in shape[1:])))
        records = np.empty((chunk[0], *shape[1:]), dtype=self._dtype)
        grid = [range(0, length, step) for length, step in zip(shape[1:], chunk[1:], strict=True)]
        for corner in np.array(np.meshgrid(*grid, indexing="ij")).reshape(len(grid), -1).T.tolist():
            whole = self._decoded((start, *corner))
            ends = [min(at + step, length) for at, step, length in zip(corner, chunk[1:], shape[1:], strict=True)]
            target = (slice(None), *(slice(at, end) for at, end in zip(corner, ends, strict=True)))
            records[target] = whole[(slice(None), *(slice(0, e - at) for at, e in zip(corner, ends, strict=True)))]
        return records

    def _decoded(self, corner: tuple[int, ...]) -> npt.NDArray[Any]:
        """Return a chunk, undoing the filters that were applied to it, the last one first; the next call overwrites it.

        Decoding into one buffer is half again as fast as into a new one for each chunk.
        """
        from numcodecs.blosc import decompress
        from numcodecs.fletcher32 import Fletcher32

        skipped, content = self._stored(corner)
        for place, code in reversed(list(enumerate(self._filters or ()))):
            if skipped >> place & 1:
                continue
            if code == _FLETCHER32:
                content = Fletcher32().decode(content)  # compares the checksum
            elif code == _BLOSC:
                content = decompress(content, self._buffer)
            else:
                raise ValueError(f"filter {code} beside Blosc is not known")
        return np.frombuffer(content, dtype=self._dtype).reshape(self._chunk_shape)

    def _stored(self, corner: tuple[int, ...]) -> tuple[int, Any]:
        """Return which filters a chunk was spared, and its bytes as they lie in the file.

        They are read into one buffer, past HDF5, which copies them once more and into new memory each time.
        """
        if self._descriptor is None:
            skipped, stored = self._dataset.id.read_direct_chunk(corner)
            return int(skipped), stored
        info = self._dataset.id.get_chunk_info_by_coord(corner)
        if info.byte_offset is None:
            raise ValueError(f"the chunk at row {corner[0]} was never written")
        if len(self._raw) < info.size:
            self._raw = bytearray(info.size)
        content = memoryview(self._raw)[: info.size]
        if os.preadv(self._descriptor, [content], info.byte_offset) < info.size:
            raise ValueError(f"the chunk at row {corner[0]} ends beyond the end of the file")
        return int(info.filter_mask), content

    @cached_property
    def _descriptor(self) -> int | None:
        """The open file as the system knows it; None where offsets do not count from its first byte."""
        file = self._dataset.file
        if file.mode != "r" or file.driver != "sec2" or file.userblock_size or not hasattr(os, "preadv"):
            return None  # what is being written may not be in the file yet
        return int(file.id.get_vfd_handle())

    @cached_property
    def _buffer(self) -> npt.NDArray[np.uint8]:
        return np.empty(int(np.prod(self._chunk_shape, dtype=np.int64)) * self._dtype.itemsize, dtype=np.uint8)


def _filters(dataset: "h5py.Dataset") -> tuple[int, ...]:
    plist = dataset.id.get_create_plist()
    return tuple(int(plist.get_filter(place)[0]) for place in range(plist.get_nfilters()))
