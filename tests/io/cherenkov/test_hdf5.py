"""Files that cannot be opened: one line each."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from merkhet.errors import DependencyError, InputError
from merkhet.io.cherenkov.hdf5 import open_hdf5, text_of


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(10000.0)
    return path


def test_what_is_no_hdf5(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"SIMPLE  = T")
    with pytest.raises(InputError, match=r"a\.h5: is not HDF5: it starts with b'SIMPLE  '; expected an HDF5 file"):
        open_hdf5(tmp_path / "a.h5")
    with pytest.raises(InputError, match="there is no such file"):
        open_hdf5(tmp_path / "b.h5")


def test_truncated(good):
    content = good.read_bytes()
    good.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=f"good.h5: is truncated: it has {len(content) // 2} bytes") as caught:
        open_hdf5(good)
    assert f"expected {len(content)} as it says itself" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_beyond_its_signature(good):
    good.write_bytes(good.read_bytes()[:8] + b"\xff" * 4000)
    with pytest.raises(InputError, match=r"good\.h5: cannot be read as HDF5: .*Copy it again"):
        open_hdf5(good)


def test_still_open_for_writing(good):
    writer = f"import h5py, sys; f = h5py.File({str(good)!r}, 'a'); print('open', flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", writer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(InputError, match=r"good\.h5: is still open for writing, or was never closed"):
            open_hdf5(good)
    finally:
        process.communicate("")
    open_hdf5(good).close()


def test_never_closed(good):
    writer = f"import h5py, os; f = h5py.File({str(good)!r}, 'w', libver='latest'); f['a'] = 1; f.flush(); os._exit(0)"
    subprocess.run([sys.executable, "-c", writer], check=True)
    with pytest.raises(InputError, match=r"is still open for writing.*h5clear"):
        open_hdf5(good)


def test_without_the_libraries(good, monkeypatch):
    monkeypatch.setitem(sys.modules, "numcodecs.blosc", None)
    with pytest.raises(DependencyError, match=r"pip install 'merkhet\[cherenkov\]'"):
        open_hdf5(good)


@pytest.mark.parametrize("value", [b"LST\0\0", np.bytes_(b"LST"), "LST ", np.array([b"LST"])])
def test_text(value):
    assert text_of(value) == "LST"
