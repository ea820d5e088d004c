"""Memory that one array leaves behind, kept for the next."""

import ctypes
import sys
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
_OPTIONS = {_TRIM_THRESHOLD: 2**31 - 1, _MMAP_THRESHOLD: 2**30, _ARENA_MAX: 1}


def keep_freed() -> None:
    """Have the C library keep the memory of arrays that are gone.

    Otherwise arrays of megabytes go back to the system one by one, and it clears every page of the next: measured, a
    fifth of the time of a scan. All threads take from one store, so that what one leaves serves the others. Only glibc
    can be told; it holds for the rest of the process.
    """
    library = _glibc()
    if library is not None:
        for option, value in _OPTIONS.items():
            library.mallopt(option, value)


def give_back() -> None:
    """Give the memory that was kept, and is in use no more, back to the system."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> Any:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
