import h5py
import numpy as np
import pytest

from merkhet.io.cherenkov.pytables import Column, TableWriter, enumeration, mark_groups, write_rows
from merkhet.io.cherenkov.table import ChunkedTable

COLUMNS = (
    Column("event_id", "<i8"),
    Column("energy", "<f8", unit="TeV"),
    Column("image", "<f4", (1855,)),
    Column("mask", "?", (1855,)),
    Column("name", "S4"),
    enumeration("event_type", "EventType"),
)


def values(n, rng):
    return {
        "event_id": np.arange(n),
        "energy": rng.random(n),
        "image": rng.normal(size=(n, 1855)).astype("f4"),
        "mask": rng.random((n, 1855)) > 0.5,
        "name": np.array([b"abc"] * n),
        "event_type": np.full(n, 32),
    }


@pytest.mark.parametrize("pieces", [(50,), (3, 20, 1, 26), (0, 50)])
def test_what_is_written_is_read(tmp_path, rng, pieces):
    path, parts = tmp_path / "a.h5", [values(n, rng) for n in pieces]
    with h5py.File(path, "w") as file:
        table = TableWriter(file, "group/table", columns=COLUMNS, meta={"TAB_VER": "2.0"})
        for part in parts:
            table.append(part)
        table.close()
        mark_groups(file)
    with h5py.File(path) as file:
        node = file["group/table"]
        read = ChunkedTable(node, path=path).read([column.name for column in COLUMNS])
        assert node.attrs["NROWS"] == 50
        assert node.attrs["CTAFIELD_1_UNIT"] == b"TeV"
        assert node.attrs["CTAFIELD_5_ENUM"].startswith(b"cctapipe.containers\nEventType")
        assert file["group"].attrs["CLASS"] == b"GROUP"
        assert 10 <= node.chunks[0] <= 40
    for name, column in read.items():
        np.testing.assert_array_equal(column, np.concatenate([part[name] for part in parts]), err_msg=name)


def test_a_damaged_chunk_is_noticed(tmp_path, rng):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        write_rows(file, "t", values(12, rng), columns=COLUMNS)
        where = file["t"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[where + 500] ^= 1
    path.write_bytes(content)
    with h5py.File(path) as file, pytest.raises(Exception, match="t cannot be read"):
        ChunkedTable(file["t"], path=path).read(["image"])


def test_columns_must_be_those_of_the_table(tmp_path, rng):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        table = TableWriter(file, "t", columns=COLUMNS[:2])
        with pytest.raises(ValueError, match="expected"):
            table.append({"event_id": [1]})
        with pytest.raises(ValueError, match="lengths"):
            table.append({"event_id": [1], "energy": [1.0, 2.0]})
