"""Chunks are decoded as they were written, in any order and form, and damage is said in one line."""

import h5py
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from merkhet.errors import InputError
from merkhet.io.cherenkov.table import ChunkedTable
from tests.io.cherenkov.files import write_array, write_table

RNG = np.random.default_rng(3)
COLUMNS = {"id": np.arange(23), "image": RNG.normal(0, 10, (23, 50)).astype(np.float32), "flag": np.arange(23) % 2 == 0}


@pytest.fixture(scope="module", params=[True, False], ids=["blosc", "gzip"])
def table(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "t.h5"
    with h5py.File(path, "w") as file:
        write_table(file, "group/table", COLUMNS, rows_per_chunk=5, compressed=request.param)
    with h5py.File(path) as file:
        yield ChunkedTable(file["group/table"], path=path)


def test_whole_columns(table):
    assert (len(table), table.rows_per_chunk, table.names) == (23, 5, ("id", "image", "flag"))
    read = table.read(["image", "id"])
    np.testing.assert_array_equal(read["image"], COLUMNS["image"])
    np.testing.assert_array_equal(read["id"], COLUMNS["id"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 22)))
@example([0, 0, 1, 2, 4])  # as many as a chunk holds, from its first to its last
def test_some_rows_and_some_twice(table, rows):
    wanted = np.array(sorted(rows), dtype=np.int64)
    np.testing.assert_array_equal(table.read(["image"], wanted)["image"], COLUMNS["image"][wanted])


def test_a_chunk_is_decoded_once_for_all_its_rows(table, monkeypatch):
    decoded: list[int] = []
    whole = ChunkedTable._chunk

    def counted(self, number):
        decoded.append(number)
        return whole(self, number)

    monkeypatch.setattr(ChunkedTable, "_chunk", counted)
    table.read(["id"], np.array([0, 2, 4, 11, 12, 22]))
    assert decoded == [0, 2, 4]


def test_rows_that_are_not_there(table):
    with pytest.raises(InputError, match=r"t\.h5: /group/table has 23 rows, not row 23"):
        table.read(["id"], np.array([3, 23]))
    with pytest.raises(InputError, match="has no column 'charge'; expected one of id, image, flag"):
        table.read(["charge"])


@pytest.mark.parametrize("chunks", [(2, 3, 4, 2), (4, 5, 7, 2), (1, 2, 2, 1)])
def test_an_array_whose_rows_are_cut_up(tmp_path, chunks):
    values = RNG.integers(-100, 100, (9, 5, 7, 2), dtype=np.int16)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=values, chunks=chunks, compression="gzip")
        write_array(file, "b", values, rows_per_chunk=4)
        for name in "ab":
            read = ChunkedTable(file[name], path="a.h5").read([""], np.array([1, 2, 8]))[""]
            np.testing.assert_array_equal(read, values[[1, 2, 8]])


def test_blosc_chunks_that_cut_rows_up(tmp_path):
    from numcodecs.blosc import compress

    values = RNG.integers(0, 100, (4, 6), dtype=np.int32)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((3, 4))
        plist.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (2, 2, 4, 0, 5, 1, 5))
        kind, space = h5py.h5t.py_create(values.dtype), h5py.h5s.create_simple(values.shape)
        dataset = h5py.h5d.create(file.id, b"a", kind, space, dcpl=plist)
        for row, column in ((0, 0), (0, 4), (3, 0), (3, 4)):
            chunk = np.zeros((3, 4), dtype=np.int32)
            part = values[row : row + 3, column : column + 4]
            chunk[: part.shape[0], : part.shape[1]] = part
            dataset.write_direct_chunk((row, column), compress(chunk.tobytes(), b"zstd", 5, 1))
        np.testing.assert_array_equal(ChunkedTable(file["a"], path="a.h5").read([""])[""], values)


def test_a_chunk_that_was_left_uncompressed(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        write_array(file, "a", np.arange(8.0), rows_per_chunk=4)
        file["a"].id.write_direct_chunk((4,), np.arange(4.0).tobytes(), filter_mask=0b11)  # both filters were skipped
        read = ChunkedTable(file["a"], path="a.h5").read([""])[""]
    np.testing.assert_array_equal(read, [0, 1, 2, 3, 0, 1, 2, 3])


def test_damaged_chunks(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        write_array(file, "a", RNG.normal(size=8), rows_per_chunk=4)
        _, content = file["a"].id.read_direct_chunk((4,))
        broken = bytearray(content)
        broken[len(broken) // 2] ^= 255
        file["a"].id.write_direct_chunk((4,), bytes(broken))
        table = ChunkedTable(file["a"], path="a.h5")
        table.read([""], np.array([0, 3]))  # the first chunk is whole
        with pytest.raises(InputError, match=r"a\.h5: /a cannot be read: .*checksum"):
            table.read([""])


def test_a_file_that_says_blosc2(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((2,))
        plist.set_filter(32026, h5py.h5z.FLAG_OPTIONAL)
        h5py.h5d.create(file.id, b"a", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((4,)), dcpl=plist)
        with pytest.raises(InputError, match="compressed with Blosc2; expected Blosc, gzip or none"):
            ChunkedTable(file["a"], path="a.h5")


def test_a_dataset_without_chunks_and_one_without_rows(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["plain"] = np.arange(6.0)
        file.create_dataset("none", shape=(0, 3), maxshape=(None, 3), chunks=(2, 3), dtype="f4")
        plain, none = (ChunkedTable(file[name], path="a.h5") for name in ("plain", "none"))
        np.testing.assert_array_equal(plain.read([""], np.array([1, 5]))[""], [1, 5])
        assert none.read([""])[""].shape == (0, 3)
