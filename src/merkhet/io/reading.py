"""What every reader does around a read: look at the file, mute astropy, turn a failure into one clear line."""

import contextlib
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

from astropy import log
from astropy.utils.exceptions import AstropyWarning

from merkhet.errors import InputError, MerkhetError


def existing_file(path: str | Path) -> Path:
    """Return ``path`` if it is a file that holds anything.

    Raises
    ------
    InputError
        It is missing, a folder, something that is no file, empty, or may not be looked at.
    """
    path = Path(path)
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise InputError(path, "there is no such file") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        raise InputError(path, f"cannot be read: {first_line(error)}") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(path, "is a folder", expected="a file")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(path, "is not a regular file", expected="a file")
    if status.st_size == 0:
        raise InputError(path, "the file is empty (0 bytes)", action="Copy or download it again")
    return path


def is_folder(path: str | Path) -> bool:
    """Tell whether ``path`` is a folder; one that the system refuses to look at (too long, forbidden) is none."""
    try:
        return stat.S_ISDIR(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def read_errors(path: str | Path, kind: str) -> Iterator[None]:
    """Turn whatever a parser of foreign bytes raises into an :class:`InputError`; astropy's warnings are muted.

    Parsers fail on damaged files with nearly every exception there is, so nothing narrower would do. Keep the body
    down to the parser's own work: the cause is chained, but the user sees the file blamed.

    Parameters
    ----------
    path
        The file that is read.
    kind
        What it is taken for, as it stands in the message: ``FITS``, ``CSV``.
    """
    with quiet_astropy:
        try:
            yield
        except MerkhetError:
            raise
        except MemoryError as error:
            raise InputError(path, f"reading it as {kind} takes more memory than there is") from error
        except Exception as error:
            raise InputError(path, f"cannot be read as {kind}: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """Return the first line of what an exception says, with its name where that line alone would be a riddle."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    lines = str(error).strip().splitlines()
    text = lines[0].strip().rstrip(".") if lines else ""
    return text if isinstance(error, OSError | ValueError) and text else f"{type(error).__name__} {text}".strip()


class _Mute:
    """A context in which astropy neither warns nor logs, safe to enter from many threads.

    ``warnings.catch_warnings`` alone swaps a list that all threads share; two that overlap can put it back in the
    wrong order and leave it changed for good. Here the first to enter swaps it and the last to leave restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._restore = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._restore.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore", AstropyWarning)
                self._restore.callback(setattr, log, "disabled", log.disabled)
                log.disabled = True
            self._inside += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._restore.close()


quiet_astropy = _Mute()
