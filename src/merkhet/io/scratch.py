"""Compressed files: inflated once, in memory where they are small, else into a bounded scratch file."""

import bz2
import contextlib
import gzip
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from merkhet.errors import ConfigError, InputError
from merkhet.io.reading import existing_file, first_line

MEMORY_BYTES = 256 * 2**20
"""What inflates to no more than this stays in memory."""

SCRATCH_GB = 20.0
"""The most that one scratch file may take, unless ``MERKHET_SCRATCH_GB`` says otherwise."""

_SMALL_BYTES = 2**20  # reading a small file in one go is faster than mapping it, and holds no file open
_CHUNK_BYTES = 2**20
_INFLATERS: dict[bytes, Callable[[BinaryIO], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),
    b"BZh": bz2.BZ2File,
}


def open_inflated(path: str | Path) -> BinaryIO:
    """Open a file for reading at random; gzip and bzip2, told by their first bytes, are inflated at once.

    Returns
    -------
    stream
        ``io.BytesIO`` for what is small, else a true file (with a ``fileno``). A scratch file lies in the temporary
        folder (``TMPDIR``), has no name, and so is gone when it is closed or the process ends, however it ends.

    Raises
    ------
    InputError
        There is no such file, it is empty or cannot be read, its compressed data are damaged or end early, or it
        needs more scratch space than ``MERKHET_SCRATCH_GB`` or the disk allow.
    """
    path = existing_file(path)
    with contextlib.ExitStack() as on_failure:
        try:
            small = path.stat().st_size <= _SMALL_BYTES
            stream: BinaryIO = io.BytesIO(path.read_bytes()) if small else path.open("rb")
            on_failure.enter_context(stream)
            magic = stream.read(3)
            stream.seek(0)
        except OSError as error:
            raise InputError(path, f"cannot be read: {first_line(error)}") from error
        inflater = next((make for start, make in _INFLATERS.items() if magic.startswith(start)), None)
        if inflater is not None:
            return _inflate(inflater(stream), path)
        on_failure.pop_all()
        return stream


def _inflate(source: io.BufferedIOBase, path: Path) -> BinaryIO:
    limit = _scratch_bytes()
    with contextlib.ExitStack() as resources:
        sink: BinaryIO = io.BytesIO()
        size = 0
        while chunk := _next_chunk(source, path):
            spill = size <= MEMORY_BYTES < size + len(chunk)
            size += len(chunk)
            if size > max(limit, MEMORY_BYTES):
                raise InputError(
                    path,
                    f"inflates to more than the {limit / 1e9:g} GB of scratch space allowed",
                    action="Set MERKHET_SCRATCH_GB to allow more, or inflate the file first",
                )
            with _scratch_errors(path):
                sink = resources.enter_context(_spill(cast(io.BytesIO, sink))) if spill else sink
                sink.write(chunk)
        with _scratch_errors(path):
            sink.seek(0)  # flushes too
            if isinstance(sink, io.BytesIO):
                return sink
            # Opened again for reading alone, as astropy asks; the space is freed when this last handle closes.
            return open(os.dup(sink.fileno()), "rb")  # noqa: PTH123 (a descriptor has no path)


def _next_chunk(source: io.BufferedIOBase, path: Path) -> bytes:
    try:
        return source.read(_CHUNK_BYTES)
    except EOFError as error:
        raise InputError(path, "is truncated: its compressed data end early", action="Copy it again") from error
    except Exception as error:  # zlib, bz2 and the disk each have their own
        raise InputError(path, f"cannot be inflated: {first_line(error)}", action="Copy it again") from error


def _spill(memory: io.BytesIO) -> BinaryIO:
    file = cast(BinaryIO, tempfile.TemporaryFile(prefix="merkhet-"))  # noqa: SIM115 (the caller closes it)
    file.write(memory.getbuffer())
    return file


@contextlib.contextmanager
def _scratch_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            path,
            f"cannot be inflated into a scratch file: {first_line(error)}",
            action="Set TMPDIR to a folder on a larger disk, or inflate the file first",
        ) from error


def _scratch_bytes() -> float:
    text = os.environ.get("MERKHET_SCRATCH_GB", "")
    try:
        limit = float(text) if text else SCRATCH_GB
    except ValueError:
        limit = -1.0
    if not limit >= 0:
        raise ConfigError(f"MERKHET_SCRATCH_GB={text}: expected a number of gigabytes, for example 20")
    return limit * 1e9
