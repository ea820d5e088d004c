"""Updating keywords in the header of a FITS file without touching, or ever risking, anything else in it."""

import contextlib
import gzip
import itertools
import math
import os
import re
import shutil
import stat
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from merkhet.errors import InputError, OutputError
from merkhet.io.atomic import os_errors
from merkhet.io.cards import (
    BLOCK_BYTES,
    CARD_BYTES,
    HeaderValue,
    check_values,
    is_end,
    join_header,
    read_card,
    refresh_checksum,
    set_card,
    split_header,
)
from merkhet.io.locks import exclusive

LOCK_WAIT_S = 60.0

_CHUNK_BYTES = 1 << 20
_HEADER_TEXT = re.compile(rb"[\t -~]{8}")  # what stands in the keyword field of a card; tabs occur


def update_header(path: str | Path, values: Mapping[str, HeaderValue], *, hdu: int | str = 0) -> None:
    """Set keywords in one header of a FITS file (plain, gzip-compressed, or tile-compressed ``.fz``).

    Only the cards of these keywords change, and CHECKSUM where the HDU has one; every other byte stays as it was,
    pixels of lossy tile compression included. (A ``.gz`` is compressed anew: its inflated content obeys the same
    rule.) The new file is written beside the old one and renamed over it, so that a crash leaves one or the other,
    whole; symbolic links stay links, hard links are parted. Concurrent updates of one file wait for each other, by
    the lock file ``.NAME.lock``; what a killed update leaves behind is removed by the next.

    Parameters
    ----------
    path
        The FITS file. Mode, extended attributes and, where permitted, the owner are kept.
    values
        ``{keyword: value}`` or ``{keyword: (value, comment)}``; keywords of 1 to 8 characters ``A-Z 0-9 - _``.
        The first card of a keyword is replaced, the one that FITS readers use; without a comment it keeps its own.
        New cards go before END, into spare blank cards where there are any. Text too long for a card goes on in
        CONTINUE cards. If the header says all of it already, the file is not written.
    hdu
        Number from 0, or EXTNAME (the first of that name). The image of a ``.fz`` is usually in HDU 1.

    Raises
    ------
    InputError
        A file that is absent, unreadable, damaged or not FITS; a keyword, value or comment that FITS cannot hold; a
        keyword that tells how the file is stored (NAXIS, BSCALE, ZCMPTYPE...); an HDU that is not there.
    OutputError
        A read-only file or folder, a full disk, a lock held by another process for more than 60 s. The file is as it
        was.
    """
    checked = check_values(path, values)
    target = _find_target(path)
    with exclusive(path, lock=target.lock, wait_s=LOCK_WAIT_S):
        with os_errors(path):
            target.partial.unlink(missing_ok=True)  # nobody else writes it while we hold the lock
        with _opened(target) as source:
            before = os.fstat(source.fileno())
            start, old = _find_header(source, path, hdu)
            cards, tail = split_header(old)
            unchanged = list(cards)
            for keyword, (value, comment) in checked.items():
                set_card(cards, keyword, value, comment)
            if cards != unchanged:
                refresh_checksum(cards, tail, old_header=old)
                new = join_header(cards, tail)
                _replace(target, source, _Splice(start, start + len(old), new), before=before)


class _Target(NamedTuple):
    """The file to update: as the user names it, and as it is called where it lies."""

    path: str | Path
    real: Path

    @property
    def partial(self) -> Path:
        return self.real.with_name(f".{self.real.name}.merkhet-partial")

    @property
    def lock(self) -> Path:
        return self.real.with_name(f".{self.real.name}.lock")


class _Splice(NamedTuple):
    """Bytes ``start`` to ``stop`` of a file give way to ``new``."""

    start: int
    stop: int
    new: bytes


def _find_target(path: str | Path) -> _Target:
    """Follow symbolic links to the file itself, which must be there and be writable."""
    real = Path(os.path.realpath(path))
    with _reading(path):
        mode = real.stat().st_mode
    if not stat.S_ISREG(mode):
        raise InputError(path, "is not a regular file", expected="a FITS file")
    if not os.access(real, os.W_OK, effective_ids=True):  # renaming over it would succeed all the same
        raise OutputError(path, "is read-only", action="Make it writable, or update a copy")
    return _Target(path, real)


@contextlib.contextmanager
def _reading(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, FileNotFoundError):
            raise InputError(path, "does not exist") from error
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(path, f"cannot be read: {reason}") from error


@contextlib.contextmanager
def _opened(target: _Target) -> Iterator[BinaryIO]:
    """Open the file for reading its content, inflated where it is gzip (told by its first bytes, not its name)."""
    with contextlib.ExitStack() as stack:
        with _reading(target.path):
            stored = stack.enter_context(target.real.open("rb"))
            magic = stored.read(3)
            stored.seek(0)
        if magic == b"BZh":
            raise OutputError(
                target.path,
                "is compressed with bzip2, so its header cannot be updated",
                action="Inflate it with bunzip2",
            )
        compressed = magic.startswith(b"\x1f\x8b")
        yield cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=stored))) if compressed else stored


def _find_header(source: BinaryIO, path: str | Path, hdu: int | str) -> tuple[int, bytes]:
    """Return the offset and the blocks of the header of an HDU."""
    offset, names = 0, []
    for number in itertools.count():
        with _reading(path):
            source.seek(offset)
            header = _read_header(source, path, number)
        if header is None:
            break
        cards, _ = split_header(header)
        stored = read_card(cards, "EXTNAME")
        names.append(str(stored[0]) if stored is not None else "PRIMARY" if number == 0 else "")
        if hdu == number or (isinstance(hdu, str) and hdu.strip().upper() == names[-1].strip().upper()):
            return offset, header
        offset += len(header) + _data_bytes(cards, path, number)
    if not names:
        raise InputError(path, "is not a FITS file", expected="SIMPLE as its first keyword")
    known = ", ".join(f"{number} {name}".strip() for number, name in enumerate(names[:20]))
    raise InputError(path, f"has no HDU {hdu!r}", expected=f"one of {known}{', ...' if len(names) > 20 else ''}")


def _read_header(source: BinaryIO, path: str | Path, number: int) -> bytes | None:
    """Read the blocks of a header, or None where no header starts."""
    signature = b"XTENSION=" if number else b"SIMPLE  ="
    header = bytearray(source.read(BLOCK_BYTES))
    if not header.startswith(signature):
        return None
    at = 0
    while True:
        if at == len(header):
            block = source.read(BLOCK_BYTES)
            if not block or block.startswith(b"XTENSION="):
                break
            header += block
        card = bytes(header[at : at + CARD_BYTES])
        if is_end(card):
            return bytes(header)
        if not _HEADER_TEXT.match(card):
            break
        at += CARD_BYTES
    raise InputError(
        path, f"the header of HDU {number} has no END card after {at // CARD_BYTES} cards: it is truncated"
    )


def _data_bytes(cards: list[bytes], path: str | Path, number: int) -> int:
    """Size of a data unit with its padding (FITS standard 4.0, sections 4.4.1, 6.1 and 7)."""

    def integer(keyword: str, default: int | None = None) -> int:
        stored = read_card(cards, keyword)
        value = default if stored is None else stored[0]
        if not isinstance(value, int) or (value < 0 and keyword != "BITPIX"):
            seen = f"the header of HDU {number} gives {keyword} as {value!r}"
            raise InputError(path, seen, expected="a whole number")
        return value

    axes = [integer(f"NAXIS{axis}") for axis in range(1, integer("NAXIS") + 1)]
    if not axes:
        return 0
    if number == 0 and axes[0] == 0 and (read_card(cards, "GROUPS") or (False,))[0] is True:
        axes = axes[1:]  # random groups
    elements = integer("GCOUNT", 1) * (integer("PCOUNT", 0) + math.prod(axes))
    return math.ceil(abs(integer("BITPIX")) * elements / 8 / BLOCK_BYTES) * BLOCK_BYTES


def _replace(target: _Target, source: BinaryIO, splice: _Splice, *, before: os.stat_result) -> None:
    """Write the spliced content beside the file, sync it and rename it over the file."""
    real, partial = target.real, target.partial
    with os_errors(target.path):
        try:
            partial.touch(mode=0o600, exist_ok=False)
            with partial.open("wb") as sink:
                with _deflated(sink, source) as content:
                    _copy(target.path, source, content, splice)
                sink.flush()
                _copy_metadata(real, partial, before)
                os.fsync(sink.fileno())
            now = real.stat()
            if (now.st_ino, now.st_size, now.st_mtime_ns) != (before.st_ino, before.st_size, before.st_mtime_ns):
                raise InputError(target.path, "another program changed it during the update", action="Try again")
            partial.replace(real)
        finally:
            partial.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not every file system can; the file is whole either way
        folder = os.open(real.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextlib.contextmanager
def _deflated(sink: BinaryIO, source: BinaryIO) -> Iterator[BinaryIO]:
    """Compress on the way to ``sink`` if ``source`` is gzip, under the name, date and level it carries (RFC 1952)."""
    if not isinstance(source, gzip.GzipFile):
        yield sink
        return
    head = os.pread(source.fileno(), 1 << 17, 0)
    flags, date, effort = head[3], int.from_bytes(head[4:8], "little"), head[8]
    name_at = 10 + (2 + int.from_bytes(head[10:12], "little") if flags & 4 else 0)
    name = head[name_at:].split(b"\0", 1)[0].decode("latin-1") if flags & 8 else ""
    level = {2: 9, 4: 1}.get(effort, 6)
    with gzip.GzipFile(filename=name, mode="wb", compresslevel=level, fileobj=sink, mtime=date) as content:
        yield cast(BinaryIO, content)


def _copy(path: str | Path, source: BinaryIO, sink: BinaryIO, splice: _Splice) -> None:
    left = splice.start
    with _reading(path):
        source.seek(0)
    while left and (chunk := _read(path, source, min(left, _CHUNK_BYTES))):
        sink.write(chunk)
        left -= len(chunk)
    sink.write(splice.new)
    with _reading(path):
        source.seek(splice.stop)
    while chunk := _read(path, source, _CHUNK_BYTES):
        sink.write(chunk)


def _read(path: str | Path, source: BinaryIO, size: int) -> bytes:
    with _reading(path):
        return source.read(size)


def _copy_metadata(real: Path, partial: Path, before: os.stat_result) -> None:
    """Give the new file the owner (where permitted), the mode and the extended attributes of the old one."""
    for owner, group in ((-1, before.st_gid), (before.st_uid, -1)):
        with contextlib.suppress(OSError):
            os.chown(partial, owner, group)
    shutil.copystat(real, partial)
    os.utime(partial)
