"""Taking turns: one process at a time works on a file, by a lock file beside it."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from merkhet.errors import OutputError
from merkhet.io.atomic import os_errors


@contextlib.contextmanager
def exclusive(path: str | Path, *, lock: Path, wait_s: float) -> Iterator[None]:
    """Hold ``lock`` (a file made for that, removed afterwards) while working on ``path``.

    The lock is the kernel's: it ends with its process, so that a lock file left by a killed one stops nobody. Threads
    exclude each other as well. The file itself is not locked, since an update replaces it by another.

    Raises
    ------
    OutputError
        Someone else held the lock for more than ``wait_s`` seconds; the folder is read-only; there are no locks on
        this file system.
    """
    deadline = time.monotonic() + wait_s
    while (handle := _try_lock(path, lock)) is None:
        if time.monotonic() > deadline:
            seen = f"another process has been updating it for {wait_s:g} s (it holds {lock})"
            raise OutputError(path, seen, action="Wait for that process, or end it")
        time.sleep(0.02)
    try:
        yield
    finally:
        # Removed while held: whoever waits for this very file then finds it gone and starts anew.
        with contextlib.suppress(OSError):
            lock.unlink()
        fcntl.flock(handle, fcntl.LOCK_UN)  # a process forked meanwhile may still hold a copy of the handle
        os.close(handle)


def _try_lock(path: str | Path, lock: Path) -> int | None:
    with contextlib.ExitStack() as on_failure:
        with os_errors(path):
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        on_failure.callback(os.close, handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(handle), lock.stat()):
                return None  # its holder removed it between our open and our lock
        except (BlockingIOError, FileNotFoundError):
            return None
        except OSError as error:
            action = "Work on a copy on a file system that has file locks"
            raise OutputError(path, f"cannot be locked: {error.strerror}", action=action) from error
        on_failure.pop_all()
        return handle
