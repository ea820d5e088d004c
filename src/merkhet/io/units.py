"""Units as real headers spell them."""

from functools import cache

from astropy import units as u


@cache
def same_unit(first: str, second: str) -> bool:
    """Tell whether two unit strings mean the same: ``JY/BEAM`` and ``Jy beam-1`` do."""
    if _plain(first) == _plain(second):
        return True
    parsed = _parse(first), _parse(second)
    return None not in parsed and parsed[0] == parsed[1]


def _plain(text: str) -> str:
    return text.replace(" ", "").lower()


def _parse(text: str) -> u.UnitBase | None:
    spelled = text.strip()
    for old, new in (("JY", "Jy"), ("BEAM", "beam"), ("PIXEL", "pixel"), ("CTS", "ct"), ("COUNTS", "ct")):
        spelled = spelled.replace(old, new)
    try:
        return u.Unit(spelled)
    except (ValueError, TypeError):
        return None
