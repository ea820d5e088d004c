import bz2
import errno
import gzip
import io
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merkhet.errors import ConfigError, InputError
from merkhet.io import scratch
from merkhet.io.scratch import open_inflated


@pytest.fixture
def spills(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let everything compressed beyond 1000 bytes go to a scratch folder, and return that folder."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(scratch, "MEMORY_BYTES", 1000)
    monkeypatch.setattr(scratch, "_CHUNK_BYTES", 300)
    monkeypatch.setattr(tempfile, "tempdir", None)  # forget the folder found before
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def bytes_under(folder: Path) -> int:
    """Return the bytes of this process's open files that lie in ``folder``, deleted ones included."""
    total = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            if entry.readlink().is_relative_to(folder):
                total += entry.stat().st_size
        except FileNotFoundError:
            continue
    return total


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress])
@pytest.mark.parametrize("size", [1, 999, 1000, 1001, 1300, 50_000])
def test_the_bytes_are_those_that_were_compressed(tmp_path, spills, compress, size):
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(compress(content))
    with open_inflated(tmp_path / "file") as stream:
        assert stream.seek(0, io.SEEK_END) == size
        stream.seek(size // 2)
        assert stream.read() == content[size // 2 :]
        stream.seek(0)
        assert stream.read() == content
        assert isinstance(stream, io.BytesIO) == (compress is bytes or size <= 1000)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.binary(max_size=2000), min_size=1, max_size=4))
def test_gzip_members_are_joined(tmp_path, spills, parts):
    (tmp_path / "file.gz").write_bytes(b"".join(gzip.compress(part) for part in parts))
    with open_inflated(tmp_path / "file.gz") as stream:
        assert stream.read() == b"".join(parts)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks at open files through /proc")
def test_a_scratch_file_lies_in_tmpdir_without_a_name_and_goes_on_closing(tmp_path, spills):
    (tmp_path / "file.gz").write_bytes(gzip.compress(bytes(50_000)))
    stream = open_inflated(tmp_path / "file.gz")
    assert bytes_under(spills) == 50_000
    assert list(spills.iterdir()) == []
    stream.close()
    assert bytes_under(spills) == 0


def test_the_limit_is_kept_and_nothing_is_left(tmp_path, spills, monkeypatch):
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(50_000)))
    monkeypatch.setenv("MERKHET_SCRATCH_GB", "4e-5")
    with pytest.raises(InputError, match=r"bomb\.gz: inflates to more than the 4e-05 GB .*Set MERKHET_SCRATCH_GB"):
        open_inflated(tmp_path / "bomb.gz")
    assert list(spills.iterdir()) == []
    monkeypatch.setenv("MERKHET_SCRATCH_GB", "5e-5")
    open_inflated(tmp_path / "bomb.gz").close()


def test_what_fits_in_memory_needs_no_scratch_space(tmp_path, spills, monkeypatch):
    monkeypatch.setenv("MERKHET_SCRATCH_GB", "0")
    (tmp_path / "file.gz").write_bytes(gzip.compress(bytes(1000)))
    open_inflated(tmp_path / "file.gz").close()


@pytest.mark.parametrize("value", ["lots", "-1", "nan"])
def test_a_limit_that_is_no_number_is_refused(tmp_path, spills, monkeypatch, value):
    monkeypatch.setenv("MERKHET_SCRATCH_GB", value)
    (tmp_path / "file.gz").write_bytes(gzip.compress(b"x"))
    with pytest.raises(ConfigError, match=f"MERKHET_SCRATCH_GB={value}: expected a number of gigabytes"):
        open_inflated(tmp_path / "file.gz")


def test_a_full_disk_is_told_from_a_bad_file(tmp_path, spills, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    (tmp_path / "file.gz").write_bytes(gzip.compress(bytes(50_000)))
    with pytest.raises(InputError, match=r"scratch file: No space left on device\. Set TMPDIR"):
        open_inflated(tmp_path / "file.gz")


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_damaged_and_truncated(tmp_path, spills, compress):
    content = compress(np.random.default_rng(1).bytes(5000))
    (tmp_path / "cut").write_bytes(content[:-20])
    with pytest.raises(InputError, match="truncated"):
        open_inflated(tmp_path / "cut")
    (tmp_path / "bad").write_bytes(content[:2000] + bytes(100) + content[2100:])
    with pytest.raises(InputError, match="cannot be inflated"):
        open_inflated(tmp_path / "bad")
    assert list(spills.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_no_permission(tmp_path):
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "secret").chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        open_inflated(tmp_path / "secret")
