"""Opening HDF5 files so that what is wrong with one is said in one line."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from merkhet.errors import DependencyError, InputError
from merkhet.io.reading import existing_file

if TYPE_CHECKING:
    import h5py

_MAGIC = b"\x89HDF\r\n\x1a\n"


def open_hdf5(path: str | Path) -> "h5py.File":
    """Open an HDF5 file for reading.

    Raises
    ------
    InputError
        It is missing, no HDF5, truncated, damaged, or open for writing elsewhere.
    DependencyError
        h5py or numcodecs is not installed.
    """
    path = existing_file(path)
    h5py = import_hdf5()
    with path.open("rb") as stream:
        start = stream.read(len(_MAGIC))
    if start != _MAGIC:
        raise InputError(path, f"is not HDF5: it starts with {start!r}", expected="an HDF5 file of events")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise _explained(path, str(error)) from error


def import_hdf5() -> Any:
    """Return the module h5py, or say what to install."""
    try:
        import h5py
        import numcodecs.blosc  # noqa: F401 (images are compressed with it)
    except ImportError as error:
        raise DependencyError(
            f"HDF5 files of events need h5py and numcodecs ({error}); install them: pip install 'merkhet[cherenkov]'"
        ) from error
    return h5py


def _explained(path: Path, text: str) -> InputError:
    if "truncated file" in text:
        stored = re.search(r"stored_eof = (\d+)", text)
        expected = f"{stored[1]} as it says itself" if stored else ""
        size = path.stat().st_size
        return InputError(path, f"is truncated: it has {size} bytes", expected=expected, action="Copy it again")
    if "unable to lock" in text or "already open for" in text:
        return InputError(
            path,
            "is still open for writing, or was never closed",
            action="Wait until its writer is done; after a crash, run h5clear --status on it",
        )
    return InputError(path, f"cannot be read as HDF5: {text.splitlines()[0].rstrip('.')}", action="Copy it again")


@contextlib.contextmanager
def hdf5_errors(path: str | Path, what: str) -> Iterator[None]:
    """Turn what h5py and the decompressors raise on damaged or unforeseen content into an :class:`InputError`.

    Parameters
    ----------
    what
        What is read, as it stands in the message: the path of a table in the file.
    """
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError, IndexError, TypeError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(path, f"{what} cannot be read: {text.strip()}", action="Copy or convert it again") from error


def text_of(value: Any) -> str:
    """Return an attribute or a cell as text: h5py gives bytes, NumPy bytes, text or an empty marker."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace").rstrip("\0").strip()
    if isinstance(value, np.ndarray) and value.size == 1:
        return text_of(value.reshape(-1)[0])
    return "" if type(value).__name__ == "Empty" else str(value).strip()


def metadata(node: Any) -> dict[str, Any]:
    """Return the attributes of a group or table as plain numbers and text."""
    values = {}
    for key in node.attrs:
        value = node.attrs[key]
        number = isinstance(value, np.number | np.bool_ | int | float)
        values[key] = np.asarray(value).item() if number else (value if _is_array(value) else text_of(value))
    return values


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.size > 1
