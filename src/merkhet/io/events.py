"""Photon event lists of X-ray telescopes: read, and counted into images with world coordinates."""

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from merkhet.errors import InputError
from merkhet.io.hdus import each_hdu
from merkhet.io.reading import quiet_astropy, read_errors
from merkhet.io.scratch import open_inflated
from merkhet.io.wcs import celestial_wcs, pixel_scale_arcsec

FloatArray = npt.NDArray[np.float64]

MAX_SIDE_PX = 2**15
"""Largest side of an image that is made without being asked for by its size."""

_KEYS = {"CTYPE": "CTYP", "CRPIX": "CRPX", "CRVAL": "CRVL", "CDELT": "CDLT", "CUNIT": "CUNI"}  # of images, of columns
_PI_IN_EV = ("XMM", "SRG", "EROSITA")  # telescopes whose PI is a number of eV
_CARRIED = ("OBJECT", "TELESCOP", "INSTRUME", "FILTER", "OBS_ID", "DATE-OBS", "DATE-END", "EXPOSURE", "LIVETIME",
            "ONTIME", "RADESYS", "EQUINOX")  # fmt: skip
_CHUNK = 2**20  # events that are projected at once


@dataclass(frozen=True, eq=False)
class EventList:
    """Photons with their places on the sky.

    Attributes
    ----------
    path
        The file.
    x, y
        ``(n,)`` sky pixel coordinates as they stand in the file; their origin is that of ``header``.
    energy_ev
        ``(n,)`` energies in eV, or None where the file has none.
    header
        World coordinates of ``x`` and ``y`` as those of an image, and what the file says of the observation.
    x_range, y_range
        First and last coordinate that an event may have, or else that one has.
    """

    path: Path
    x: FloatArray
    y: FloatArray
    energy_ev: FloatArray | None
    header: fits.Header
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    @property
    def wcs(self) -> WCS:
        """World coordinates of ``x - 1, y - 1``."""
        found = celestial_wcs(self.header)
        assert found is not None  # read_events has seen to it
        return found


def read_events(path: str | Path, *, hdu: int | str | None = None) -> EventList:
    """Read an event list: XMM-Newton, Chandra, eROSITA, and others of the same form.

    Places are the columns ``X`` and ``Y`` with their world coordinates (``TCTYPn, TCRPXn, TCRVLn, TCDLTn``, or
    ``REFXCTYP, REFXCRPX, ...``). Energies are, in this order, ``PI`` where it is a number of eV (by its unit, or
    because the telescope is XMM-Newton or eROSITA) and ``ENERGY`` (eV, if its unit is not keV).

    The list is taken as it is: good time intervals, flags and patterns are for the telescope's own software to apply.
    All telescope modules in one list (eROSITA) are taken together.

    Parameters
    ----------
    path
        A FITS file, also compressed.
    hdu
        Index or name of the table; ``EVENTS`` or else the first with columns ``X`` and ``Y`` where absent.

    Raises
    ------
    InputError
        The file is missing or damaged, has no such table, or places without world coordinates.
    """
    path = Path(path)
    with open_inflated(path) as stream, read_errors(path, "FITS"), _open(stream) as hdus:
        table = _find_table(hdus, hdu, path)
        columns = {name.upper(): number for number, name in reversed(list(enumerate(table.columns.names, start=1)))}
        header = _image_header(table.header, columns, path)
        x, y = (_values(table, columns[name]) for name in "XY")
        energy = _energies(table, columns)
        ranges = [_range(table.header, columns[name], values) for name, values in (("X", x), ("Y", y))]
    return EventList(path, x, y, energy, header, *ranges)


def parse_energy(text: str) -> float:
    """Return the energy in eV that a text such as ``0.5keV`` or ``500eV`` says.

    Raises
    ------
    InputError
        There is no number, or no unit behind it.
    """
    match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(eV|keV)\s*", text, flags=re.IGNORECASE)
    if not match:
        raise InputError("energy", f"got {text!r}", expected="a number with its unit, such as 500eV or 0.5keV")
    return float(match[1]) * (1000 if match[2].lower() == "kev" else 1)


def select_energy(events: EventList, low_ev: float, high_ev: float) -> EventList:
    """Return the events with ``low_ev <= energy < high_ev``.

    Raises
    ------
    InputError
        The list has no energies, or the range is empty.
    """
    if events.energy_ev is None:
        raise InputError(
            events.path, "no energies", expected="a column ENERGY, or PI in eV", action="Bin it without --energy"
        )
    if not low_ev < high_ev:
        raise InputError("energy", f"got {low_ev:g} to {high_ev:g} eV", expected="the lower energy first")
    kept = (events.energy_ev >= low_ev) & (events.energy_ev < high_ev)
    header = events.header.copy()
    header["E_MIN"], header["E_MAX"] = (low_ev, "[eV] lowest energy"), (high_ev, "[eV] upper bound of the energy")
    return EventList(
        events.path, events.x[kept], events.y[kept], events.energy_ev[kept], header, events.x_range, events.y_range
    )


def image_frame(
    events: EventList,
    *,
    pixel_arcsec: float,
    size_px: int | None = None,
    center: tuple[float, float] | None = None,
) -> tuple[fits.Header, tuple[int, int]]:
    """Return header and shape ``(y, x)`` of an image of an event list, in the list's own projection.

    Parameters
    ----------
    pixel_arcsec
        Side of a pixel.
    size_px
        Side of the image; where absent it covers all places that events may have.
    center
        Right ascension and declination (ICRS, degrees) of its middle; where absent the middle of those places.

    Raises
    ------
    InputError
        The image would have no pixels or too many, or the center lies off the projection.
    """
    if not pixel_arcsec > 0:
        raise InputError("pixel", f"got {pixel_arcsec:g} arcsec", expected="a positive number")
    middles = [0.5 * (low + high) for low, high in (events.x_range, events.y_range)]
    if center is not None:
        with quiet_astropy:
            middles = [float(v) + 1 for v in events.wcs.world_to_pixel(SkyCoord(*center, unit="deg"))]
        if not np.isfinite(middles).all():
            raise InputError(events.path, f"its projection does not reach the center {center[0]:g}, {center[1]:g}")
    header, shape = events.header.copy(), []
    factor = pixel_arcsec / pixel_scale_arcsec(events.wcs)  # old pixels in a new one
    for axis, middle, (low, high) in zip((1, 2), middles, (events.x_range, events.y_range), strict=True):
        pixels = math.ceil((high - low + 1) / factor - 1e-6) if size_px is None else size_px
        if not 0 < pixels <= MAX_SIDE_PX:
            raise InputError(
                events.path, f"{pixels} pixels of {pixel_arcsec:g} arcsec", expected=f"1 to {MAX_SIDE_PX}",
                action="Choose the part of the sky with --size and --center, or larger pixels with --pixel",
            )  # fmt: skip
        header[f"CRPIX{axis}"] = (float(header[f"CRPIX{axis}"]) - middle) / factor + 0.5 * (pixels + 1)
        header[f"CDELT{axis}"] = float(header[f"CDELT{axis}"]) * factor
        shape.append(pixels)
    return header, (shape[1], shape[0])


def count_events(events: EventList, *, wcs: WCS, shape: Sequence[int]) -> npt.NDArray[np.int32]:
    """Return the image ``(y, x)`` of the numbers of events in each pixel; events beyond it are left out."""
    rows, columns = shape
    image = np.zeros(rows * columns, dtype=np.int64)
    own = events.wcs
    for start in range(0, len(events.x), _CHUNK):
        part = slice(start, start + _CHUNK)
        with quiet_astropy:
            x, y = wcs.world_to_pixel(own.pixel_to_world(events.x[part] - 1, events.y[part] - 1))
        inside = (x >= -0.5) & (x < columns - 0.5) & (y >= -0.5) & (y < rows - 0.5)  # NaN is not
        column, row = (np.floor(place[inside] + 0.5).astype(np.int64) for place in (x, y))
        image += np.bincount(row * columns + column, minlength=rows * columns)
    return image.reshape(rows, columns).astype(np.int32)


def _open(stream: BinaryIO) -> fits.HDUList:
    return fits.open(stream, memmap=not isinstance(stream, io.BytesIO), lazy_load_hdus=True)


def _find_table(hdus: fits.HDUList, wanted: int | str | None, path: Path) -> Any:
    tables = [(i, hdu) for i, hdu in each_hdu(hdus) if isinstance(hdu, fits.BinTableHDU)]
    for index, table in tables:
        named = wanted is None and table.name.upper() == "EVENTS"
        if named or (wanted is not None and (index == wanted or table.name.upper() == str(wanted).strip().upper())):
            break
    else:
        placed = [table for _, table in tables if {"X", "Y"} <= {name.upper() for name in table.columns.names}]
        if wanted is not None or not placed:
            known = ", ".join(f"{i} ({table.name or 'no name'})" for i, table in tables) or "no table"
            raise InputError(
                path, f"no table {wanted!r}" if wanted is not None else "no event list", expected=f"one of: {known}"
            )
        table = placed[0]
    missing = sorted({"X", "Y"} - {name.upper() for name in table.columns.names})
    if missing:
        raise InputError(
            path,
            f"table {table.name} has no column {missing[0]}",
            expected="sky pixel coordinates X and Y",
            action="Project the events first (attcalc, eventplot, evtool, dmcopy, radec2xy)",
        )
    return table


def _image_header(table: fits.Header, columns: dict[str, int], path: Path) -> fits.Header:
    """Return the world coordinates of columns X and Y as those of an image."""
    header = fits.Header()
    for axis, name in ((1, "X"), (2, "Y")):
        for key, short in _KEYS.items():
            value = table.get(f"T{short}{columns[name]}", table.get(f"REF{name}{short}"))
            if value is not None:
                header[f"{key}{axis}"] = value
        header.setdefault(f"CUNIT{axis}", "deg")
    for key in _CARRIED:
        if key in table:
            header[key] = table[key]
    if "RADECSYS" in table and "RADESYS" not in header:
        header["RADESYS"] = table["RADECSYS"]
    if celestial_wcs(header) is None:
        raise InputError(
            path,
            "columns X and Y have no world coordinates",
            expected=", ".join(f"T{short}{columns['X']}" for short in list(_KEYS.values())[:4]) + " and those of Y",
        )
    return header


def _values(table: Any, number: int) -> FloatArray:
    return np.array(table.data.field(number - 1), dtype=np.float64)


def _energies(table: Any, columns: dict[str, int]) -> FloatArray | None:
    for name in ("PI", "ENERGY"):
        if name not in columns:
            continue
        unit = str(table.header.get(f"TUNIT{columns[name]}", "")).strip().lower()
        telescope = str(table.header.get("TELESCOP", "")).strip().upper()
        if name == "ENERGY" or unit in ("ev", "kev") or telescope in _PI_IN_EV:
            return _values(table, columns[name]) * (1000.0 if unit == "kev" else 1.0)
    return None


def _range(header: fits.Header, number: int, values: FloatArray) -> tuple[float, float]:
    low, high = header.get(f"TLMIN{number}"), header.get(f"TLMAX{number}")
    if low is not None and high is not None and low < high:
        return float(low), float(high)
    return (float(np.min(values)), float(np.max(values))) if len(values) else (0.0, 0.0)
