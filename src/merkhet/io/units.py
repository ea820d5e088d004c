"""Units as real headers spell them."""

from functools import cache

from astropy import units as u


@cache
def same_unit(first: str, second: str) -> bool:
    """Tell whether two unit strings mean the same: ``JY/BEAM`` and ``Jy beam-1`` do, ``mJy`` and ``MJy`` do not."""
    parsed = _parse(first), _parse(second)
    if None in parsed:
        return first.replace(" ", "") == second.replace(" ", "")
    return bool(parsed[0] == parsed[1])


def _parse(text: str) -> u.UnitBase | None:
    spelled = text.strip()
    for old, new in (
        ("JY", "Jy"),
        ("BEAM", "beam"),
        ("PIXEL", "pixel"),
        ("COUNTS", "ct"),
        ("counts", "ct"),
        ("CTS", "ct"),
    ):
        spelled = spelled.replace(old, new)
    try:
        return u.Unit(spelled)
    except (ValueError, TypeError):
        return None
