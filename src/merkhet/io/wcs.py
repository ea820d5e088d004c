"""World coordinates, pixel scale and beam of a header, whatever odd cards stand beside them."""

import copy
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io.fits import Header
from astropy.io.fits.verify import VerifyError
from astropy.wcs import WCS

from merkhet.io.reading import quiet_astropy

ARCSEC_PER_DEGREE = 3600.0

_COMMENTARY = frozenset({"COMMENT", "HISTORY", ""})
# Kind and parameters of a third axis: they may be wrong, or refer to a table in another HDU, and an image has no use
# for them.
_FURTHER_AXES = re.compile(r"(CTYPE|CUNIT|CRVAL|PS|PV)[3-9].*")
_NUMBER = r"\s*=\s*([-+]?[0-9.]+(?:[EeDd][-+]?\d+)?)"
_AIPS_BEAM = re.compile(rf"BMAJ{_NUMBER}\s*BMIN{_NUMBER}\s*BPA{_NUMBER}")


@dataclass(frozen=True)
class Beam:
    """The synthesized or restoring beam, an elliptical Gaussian.

    Attributes
    ----------
    major_arcsec, minor_arcsec
        Full width at half maximum along the axes.
    pa_deg
        Position angle of the major axis, from north through east.
    """

    major_arcsec: float
    minor_arcsec: float
    pa_deg: float


def clean_header(header: Header) -> Header:
    """Return a copy without COMMENT, HISTORY and blank cards, and without cards that cannot be parsed.

    Those are where real headers hold what astropy refuses to verify or to write: tab characters, missing quotes.
    """
    clean = Header()
    with quiet_astropy:
        for card in header.cards:
            if card.keyword in _COMMENTARY:
                continue
            try:
                _ = card.value  # parsed on first sight, and then only
            except (VerifyError, ValueError):
                continue
            clean.append(copy.copy(card), end=True)
    return clean


def celestial_wcs(header: Header) -> WCS | None:
    """Return the world coordinates of the first two axes, or None where there are none or they are unusable.

    Any further axes, and lookup-table distortions (CPDIS, D2IMDIS: below a pixel in the cameras that use them), are
    left out; SIP and TPV distortions are kept. The order of the world axes is the header's own: use
    ``pixel_to_world``, which does not depend on it.
    """
    clean = _image_header(header)
    if any(not _is_number(clean.get(keyword, 0)) for keyword in ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2")):
        return None  # wcslib would take a text ('10:20:30') for zero
    with quiet_astropy:
        try:
            wcs = WCS(clean, naxis=2)
            usable = wcs.has_celestial and np.isfinite(pixel_scale_arcsec(wcs))
        except Exception:  # wcslib and astropy raise nearly anything on headers that describe no projection
            return None
    return wcs if usable else None


def _image_header(header: Header) -> Header:
    """Drop what is foreign to a plane of the image, or lies in another HDU."""
    clean = clean_header(header)
    foreign = [_FURTHER_AXES.pattern]
    for distortion in ("P1", "P2", "Q1", "Q2"):
        if str(clean.get(f"C{distortion[0]}DIS{distortion[1]}")).strip().upper() == "LOOKUP":
            foreign.append(rf"C{distortion[0]}DIS{distortion[1]}|D{distortion}(\..*)?")
    return Header([card for card in clean.cards if not re.fullmatch("|".join(foreign), card.keyword)])


def pixel_scale_arcsec(wcs: WCS) -> float:
    """Return the side of a square pixel of the same area, in arcsec, at the projection's reference point.

    This is ``sqrt(|det CD|)`` (Greisen & Calabretta 2002, A&A 395, 1061), the geometric mean of the two scales.
    """
    wcs.wcs.set()  # brings CDELT to degrees
    matrix = (wcs if wcs.naxis == 2 else wcs.celestial).pixel_scale_matrix
    return float(np.sqrt(abs(np.linalg.det(matrix))) * ARCSEC_PER_DEGREE)


def read_beam(header: Header) -> Beam | None:
    """Return the beam from BMAJ, BMIN and BPA (degrees) or, failing these, from the last AIPS CLEAN line of HISTORY.

    A missing BMIN means a circular beam and a missing BPA an angle of zero, as elsewhere in radio astronomy. None
    where there is no beam, or where what stands there is not one (zero, negative, no number).
    """
    with quiet_astropy:
        if "BMAJ" in header:
            major = _value(header, "BMAJ")
            return _beam(major, _value(header, "BMIN", major), _value(header, "BPA", 0.0))
        history = "\n".join(str(line) for line in header.get("HISTORY", ()))
    found = _AIPS_BEAM.findall(history)
    return _beam(*(float(text.upper().replace("D", "E")) for text in found[-1])) if found else None


def _value(header: Header, keyword: str, default: Any = None) -> Any:
    try:
        return header.get(keyword, default)
    except (VerifyError, ValueError):
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _beam(major: Any, minor: Any, angle: Any) -> Beam | None:
    if not all(_is_number(value) for value in (major, minor, angle)) or not 0 < minor <= major:
        return None
    return Beam(major * ARCSEC_PER_DEGREE, minor * ARCSEC_PER_DEGREE, float(angle))


def sky_center(wcs: WCS, shape: Sequence[int]) -> tuple[float, float]:
    """Return right ascension and declination (ICRS, degrees) of the center of an image of ``shape`` ``(y, x)``.

    NaN where the center has no position (outside the projection) or the frame is none that leads to ICRS.
    """
    with quiet_astropy:
        try:
            center = wcs.pixel_to_world((shape[1] - 1) / 2, (shape[0] - 1) / 2).icrs
        except Exception:  # frames that astropy cannot name or transform raise nearly anything
            return math.nan, math.nan
    return float(center.ra.deg), float(center.dec.deg)
