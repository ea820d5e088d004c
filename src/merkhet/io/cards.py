"""FITS header cards as raw 80-byte strings: find one, read one, format one, put one in its place.

Only the cards that change are formatted; all others stay the bytes they were, however odd. Formatting, and the reading
of text, are done here, since :class:`astropy.io.fits.Card` cuts a number to 20 characters (a small probability loses
digits), may part a doubled quote between two CONTINUE cards, and takes ``beam 5' / 3'`` for a value with a comment.
"""

import datetime
import math
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.io.fits import Card
from astropy.io.fits.verify import VerifyError

from merkhet.errors import InputError

CARD_BYTES = 80
BLOCK_BYTES = 2880

Scalar = str | bool | int | float | np.bool_ | np.integer | np.floating
HeaderValue = Scalar | tuple[Scalar, str]
Value = str | bool | int | float
CheckedValue = tuple[Value, str | None]

# Room for a comment beside any value of the type, so that a long number never makes an accepted comment fail later.
_COMMENT_ROOM = {bool: 47, int: 47, float: 43, str: 57}
_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}")
_PRINTABLE = re.compile(r"[ -~]*")
_TEXT = re.compile(r" *'((?:[^']|'')*)' *(?:/(.*))?")
_UNPRINTABLE = re.compile(rb"[^ -~]")
_TEXT_ROOM = 67  # of a card: "KEYWORD = '...&'"
_ALL_ONES = 0xFFFFFFFF
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_RESERVED = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|GROUPS|EXTEND|BLOCKED|END|TFIELDS|THEAP"
    r"|(TFORM|TTYPE|TBCOL|TDIM|TSCAL|TZERO|TNULL|PTYPE|PSCAL|PZERO)\d+|BSCALE|BZERO|BLANK|CHECKSUM|DATASUM"
    r"|COMMENT|HISTORY|CONTINUE|HIERARCH"
    r"|ZIMAGE|ZTABLE|ZSIMPLE|ZTENSION|ZEXTEND|ZBLOCKED|ZBITPIX|ZNAXIS\d*|ZPCOUNT|ZGCOUNT|ZTILE\d+|ZTILELEN|ZTHEAP"
    r"|ZCMPTYPE|ZQUANTIZ|ZDITHER0|ZMASKCMP|ZSCALE|ZZERO|ZBLANK|ZHECKSUM|ZDATASUM|(ZNAME|ZVAL|ZFORM|ZCTYP)\d+"
)


def check_values(where: str | Path, values: Mapping[str, HeaderValue]) -> dict[str, CheckedValue]:
    """Return ``{keyword: (value, comment or None)}`` in plain Python types, or say which entry FITS cannot hold.

    Raises
    ------
    InputError
        A keyword that is not 1 to 8 of ``A-Z 0-9 - _`` or is reserved for the structure of the file; a value that is
        not finite, not printable ASCII, beyond 64 bits or of another type; a comment too long for its card.
    """
    checked: dict[str, CheckedValue] = {}
    for keyword, entry in values.items():
        _check_keyword(where, keyword)
        if isinstance(entry, tuple) and len(entry) != 2:
            raise InputError(where, f"{keyword}: a tuple of {len(entry)}", expected="a value or (value, comment)")
        value, comment = entry if isinstance(entry, tuple) else (entry, None)
        plain = _check_value(where, keyword, value)
        if comment is not None:
            _check_text(where, f"comment of {keyword}", comment)
            comment = comment.strip()
            room = _COMMENT_ROOM[type(plain)]
            if len(comment) > room:
                seen = f"comment of {keyword}: {len(comment)} characters"
                raise InputError(where, seen, expected=f"{room} or fewer beside this type of value")
        checked[keyword] = plain, comment
    return checked


def _check_keyword(where: str | Path, keyword: object) -> None:
    if not isinstance(keyword, str) or not _KEYWORD.fullmatch(keyword):
        raise InputError(where, f"keyword {keyword!r} is not FITS", expected="1 to 8 characters of A-Z 0-9 - _")
    if _RESERVED.fullmatch(keyword):
        seen = f"keyword {keyword} is reserved: it is commentary or tells how the file is stored"
        raise InputError(where, seen, action="Choose another keyword")


def _check_value(where: str | Path, keyword: str, value: object) -> Value:
    if isinstance(value, str):
        _check_text(where, keyword, value)
        return str(value).rstrip()  # trailing blanks carry no meaning in FITS
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        if not -(2**63) <= value < 2**63:
            seen = f"{keyword}: {value} does not fit in 64 bits"
            raise InputError(where, seen, action="Give it as a float or as text")
        return int(value)
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            raise InputError(where, f"{keyword}: a FITS header cannot hold {value}", expected="a finite number")
        return float(value)
    raise InputError(where, f"{keyword}: a value of type {type(value).__name__}", expected="str, bool, int or float")


def _check_text(where: str | Path, name: str, text: object) -> None:
    if not isinstance(text, str) or not _PRINTABLE.fullmatch(text):
        raise InputError(where, f"{name}: {text!r} cannot stand in a FITS header", expected="printable ASCII text")


def split_header(header: bytes) -> tuple[list[bytes], bytes]:
    """Split the blocks of a header into its cards and the rest: the END card and the padding behind it."""
    cards = [header[at : at + CARD_BYTES] for at in range(0, len(header), CARD_BYTES)]
    end = next(number for number, card in enumerate(cards) if is_end(card))
    return cards[:end], header[end * CARD_BYTES :]


def join_header(cards: list[bytes], tail: bytes) -> bytes:
    """Join what :func:`split_header` gave, with the padding cut or grown to whole blocks."""
    size = math.ceil((len(cards) + 1) * CARD_BYTES / BLOCK_BYTES) * BLOCK_BYTES
    return (b"".join(cards) + tail)[:size].ljust(size)


def is_end(card: bytes) -> bool:
    """Tell whether a card is the END card."""
    return card[:8].rstrip(b" \0") == b"END"


def keyword_of(card: bytes) -> str:
    """Return the keyword by which readers know a card, also for one in lower case, misaligned or HIERARCH."""
    name = card[:8].split(b"=")[0].strip().upper()
    if name == b"HIERARCH" and b"=" in card:
        name = card[9:].split(b"=")[0].strip().upper()
    return name.decode("latin-1")


def read_card(cards: list[bytes], keyword: str) -> tuple[object, str] | None:
    """Return value and comment of the first card of a keyword, or None where it is absent or unreadable.

    Tabs and other characters that FITS forbids, on which astropy gives up, are read as blanks.
    """
    place = _find(cards, keyword)
    if place is None:
        return None
    clean = [_UNPRINTABLE.sub(b" ", card).decode("ascii") for card in cards[place]]
    if (text := _read_text(clean)) is not None:
        return text
    card = Card.fromstring("".join(clean))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an odd card is replaced, not reported
        try:
            return card.rawvalue, card.comment or ""
        except VerifyError:
            return None


def _read_text(cards: list[str]) -> tuple[str, str] | None:
    """Read a text value with its continuation and comment; None if the value is no text."""
    fields = [cards[0].partition("=")[2], *(card[8:] for card in cards[1:])]
    matches = [match for field in fields if (match := _TEXT.fullmatch(field)) is not None]
    if len(matches) < len(cards):
        return None
    pieces = [match[1].replace("''", "'").rstrip() for match in matches]
    value = "".join([*(piece.removesuffix("&") for piece in pieces[:-1]), pieces[-1]])
    return value, " ".join(match[2].strip() for match in matches if match[2]).strip()


def _find(cards: list[bytes], keyword: str) -> slice | None:
    """Find the first card of a keyword with the CONTINUE cards that belong to it."""
    for start, card in enumerate(cards):
        if keyword_of(card) == keyword:
            stop = start + 1
            while stop < len(cards) and cards[stop][:8] == b"CONTINUE":
                stop += 1
            return slice(start, stop)
    return None


def set_card(cards: list[bytes], keyword: str, value: Value, comment: str | None) -> None:
    """Set one keyword in a list of cards, in place; a card that says the same already is left as it is.

    The first card of that keyword is replaced, since that is the one readers use. A new card takes the place of spare
    blank cards before END. Without ``comment`` the old one stays, cut where the new value leaves less room.
    """
    place, old = _find(cards, keyword), read_card(cards, keyword)
    legal = place is not None and not _UNPRINTABLE.search(b"".join(cards[place]))
    if legal and old is not None and _same(old[0], value) and comment in (None, old[1]):
        return
    if comment is None:
        comment = old[1] if old is not None else ""
    new = format_card(keyword, value, comment)
    if place is None:
        end = len(cards)
        while end and not cards[end - 1].strip():
            end -= 1
        place = slice(end, end + len(new))
    cards[place] = new


def _same(old: object, new: Value) -> bool:
    if isinstance(old, str) and isinstance(new, str):
        return old.rstrip() == new
    return type(old) is type(new) and old == new


def format_card(keyword: str, value: Value, comment: str) -> list[bytes]:
    """Format a keyword in FITS form: fixed format where it fits, CONTINUE cards for text that is too long.

    A number keeps every digit, in free format beyond 20 columns. A comment is cut at the room it has.
    Form: FITS standard 4.0, sections 4.2.1 to 4.2.4.
    """
    head = f"{keyword:<8}= "
    if not isinstance(value, str):
        number = ("T" if value else "F") if isinstance(value, bool) else repr(value).upper()
        return [_one_card(f"{head}{number:>20}", comment) or _card(f"{head}{number}", comment)]
    escaped = value.replace("'", "''")
    quoted = f"'{escaped:<8}'"
    line = _one_card(f"{head}{quoted:<20}", comment) or _one_card(f"{head}{quoted}", comment)
    return [line] if line is not None else _continued(head, escaped, comment)


def _continued(head: str, escaped: str, comment: str) -> list[bytes]:
    """Spread text, its quotes doubled already, over a card and CONTINUE cards, the comment behind the last."""
    pieces = []
    while len(escaped) > _TEXT_ROOM:
        piece = escaped[:_TEXT_ROOM]
        if (len(piece) - len(piece.rstrip("'"))) % 2:
            piece = piece[:-1]  # a doubled quote must not be parted
        pieces.append(piece)
        escaped = escaped[len(piece) :]
    last = 2 if escaped.endswith("'") else 1
    if _one_card(f"{head}'{escaped}'", comment) is None and len(escaped) > last:
        pieces.append(escaped[:-last])  # room for the comment beside the last character
        escaped = escaped[-last:]
    pieces.append(escaped)
    heads = [head, *["CONTINUE  "] * (len(pieces) - 1)]
    ends = [*["&"] * (len(pieces) - 1), ""]
    lines = [f"{start}'{piece}{end}'" for start, piece, end in zip(heads, pieces, ends, strict=True)]
    return [*[_card(line, "") for line in lines[:-1]], _card(lines[-1], comment)]


def _one_card(text: str, comment: str) -> bytes | None:
    line = f"{text} / {comment}" if comment else text
    return _card(text, comment) if len(line) <= CARD_BYTES else None


def _card(text: str, comment: str) -> bytes:
    line = f"{text} / {comment}" if comment else text
    return line[:CARD_BYTES].ljust(CARD_BYTES).encode("ascii")


def refresh_checksum(cards: list[bytes], tail: bytes, *, old_header: bytes) -> None:
    """Recompute the CHECKSUM card for a changed header, in place; a header without one is left without.

    The sum of the data is taken from the DATASUM card, as CFITSIO does, or from what the old CHECKSUM implies, never
    from the data: data damaged before the update are still found afterwards.
    Form: FITS standard 4.0, section 4.4.2.7 and appendix J.
    """
    place, old = _find(cards, "CHECKSUM"), read_card(cards, "CHECKSUM")
    if place is None or (old is not None and not (isinstance(old[0], str) and old[0].strip())):
        return  # an empty one means "not computed"
    stored = read_card(cards, "DATASUM")
    declared = str(stored[0]).strip() if stored is not None else ""
    data_sum = int(declared) if declared.isdecimal() else _ALL_ONES - _sum32(join_header(*split_header(old_header)))
    now = datetime.datetime.now(tz=datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    comment = _TIMESTAMP.sub(now, old[1] if old is not None else "")[:47]
    cards[place] = format_card("CHECKSUM", "0" * 16, comment)
    place = slice(place.start, place.start + 1)
    total = _sum32(join_header(cards, tail), start=data_sum)
    cards[place] = format_card("CHECKSUM", _encode(_ALL_ONES - total), comment)


def _sum32(data: bytes, *, start: int = 0) -> int:
    """Add 32-bit big-endian words in ones' complement."""
    total = int(np.frombuffer(data, dtype=">u4").sum(dtype=np.uint64)) + start
    while total >> 32:
        total = (total & _ALL_ONES) + (total >> 32)
    return total


def _encode(value: int) -> str:
    """Encode 32 bits in 16 letters and digits that add up to them, rotated for their place in the card."""
    punctuation = {*range(0x3A, 0x41), *range(0x5B, 0x61)}
    text = bytearray(16)
    for number, byte in enumerate(value.to_bytes(4, "big")):
        letters = [0x30 + byte // 4 + byte % 4, *[0x30 + byte // 4] * 3]
        while punctuation & {*letters}:
            for first in (0, 2):
                if punctuation & {letters[first], letters[first + 1]}:
                    letters[first] += 1
                    letters[first + 1] -= 1
        text[number::4] = letters
    return (text[-1:] + text[:-1]).decode("ascii")
