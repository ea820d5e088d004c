"""Writing so that a reader, or a crash, never sees half a file."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from merkhet.errors import OutputError


def refuse_existing(path: str | Path, *, overwrite: bool = False) -> Path:
    """Return ``path``, or raise before any work is done if something is there already.

    Raises
    ------
    OutputError
        The output exists and ``overwrite`` is not set. An empty folder counts as free.
    """
    path = Path(path)
    taken = any(path.iterdir()) if path.is_dir() else path.exists() or path.is_symlink()
    if taken and not overwrite:
        raise OutputError(path, "it exists already", action="Choose another name, or pass --overwrite")
    return path


def prepare_folder(
    path: str | Path, *, marker: str, overwrite: bool = False, inputs: Iterable[str | Path | None] = ()
) -> Path:
    """Create an output folder, empty: refuse one that holds anything, or clear an earlier output with ``overwrite``.

    Parameters
    ----------
    marker
        File that an earlier output of this kind holds; a folder without it is never cleared.
    inputs
        What the work reads: a folder that holds any of it is never cleared.

    Raises
    ------
    OutputError
        The folder is taken, or it is not ours to clear.
    """
    path = Path(path)
    if path.exists() and overwrite:
        _refuse_precious(path, marker, [Path(entry) for entry in inputs if entry is not None])
    path = refuse_existing(path, overwrite=overwrite)
    with os_errors(path):
        if path.is_dir():
            for entry in path.iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        path.mkdir(parents=True, exist_ok=True)
    return path


def _refuse_precious(path: Path, marker: str, inputs: list[Path]) -> None:
    """Refuse to clear what is no earlier output, or what the work is about to read."""
    real = path.resolve()
    for entry in [*inputs, Path.cwd()]:
        if entry.resolve() == real or real in entry.resolve().parents:
            raise OutputError(path, f"holds {entry}, which is needed", action="Choose another output")
    if not path.is_dir() or (any(path.iterdir()) and not (path / marker).is_file()):
        raise OutputError(
            path, f"holds no {marker}, so it is no earlier output and is not cleared", action="Choose another name"
        )


@contextlib.contextmanager
def os_errors(path: str | Path) -> Iterator[None]:
    """Turn the operating system's refusal to write (read-only, full, quota) into one clear line."""
    try:
        yield
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        reason = error.strerror or str(error)
        raise OutputError(
            path, f"cannot be written: {reason}", action="Check permissions and free space, or choose another place"
        ) from error


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success sync it to disk and rename it into place.

    Suffixes are kept (``table.csv`` is written as ``.table.XXXX.csv``), so that writers which choose a format by
    suffix do the right thing. On any exception the temporary file goes and the old file stays.
    """
    path = Path(path)
    stem, suffixes = path.name.split(".")[0] or path.name, "".join(path.suffixes[-2:])
    with os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{stem}.", suffix=suffixes, dir=path.parent)
        os.close(handle)
    temporary = Path(name)
    try:
        with os_errors(path):
            temporary.unlink()  # writers that refuse an existing file must be able to create it
            yield temporary
            if path.exists():
                shutil.copymode(path, temporary)
            else:
                temporary.chmod(0o666 & ~_umask())
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically (UTF-8)."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
