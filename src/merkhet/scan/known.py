"""Cross-match with the sources that the user knows."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, Table

from merkhet.errors import InputError
from merkhet.io.tables import read_table

NAMES = {
    "ra": ("ra", "raj2000", "_raj2000", "ra_icrs", "right_ascension", "ra_deg"),
    "dec": ("dec", "dej2000", "_dej2000", "decj2000", "de_icrs", "declination", "dec_deg"),
    "id": ("id", "name", "source", "source_id", "designation", "iauname", "main_id"),
}
"""Names of the columns, in any case, the first that is there being taken."""

LEAST_MATCH_ARCSEC = 30.0
"""A known source matches within the radius of a detection, or within so much: the resolution of eROSITA's survey."""


class Known:
    """Sources that the user knows.

    Parameters
    ----------
    path
        A table with columns for right ascension and declination (ICRS; degrees, unless their units say otherwise) and,
        where there is one, for a name (:data:`NAMES`); rows are numbered where there is none.

    Raises
    ------
    InputError
        The table cannot be read, has no positions, or they are no numbers.
    """

    def __init__(self, path: str | Path) -> None:
        table = read_table(path)
        found = {what: _find(table, names) for what, names in NAMES.items()}
        for what in ("ra", "dec"):
            if found[what] is None:
                raise InputError(
                    path,
                    f"has no column for {what}; there are {', '.join(table.colnames)}",
                    expected=f"one of {', '.join(NAMES[what])} in any case",
                )
        ra, dec = (_degrees(table[str(found[what])], path) for what in ("ra", "dec"))
        good = np.isfinite(ra) & (np.abs(dec) <= 90)
        names = table[found["id"]] if found["id"] else np.arange(1, len(table) + 1)
        self._names = np.asarray(names).astype(str)[good]
        self._sky = SkyCoord(ra[good], dec[good], unit="deg")

    def match(self, catalog: Table) -> Table:
        """Return a catalog with ``known_id`` and ``known_separation`` (arcsec): of the nearest known source in reach.

        In reach is what lies within the radius ``size_arcsec``, or within :data:`LEAST_MATCH_ARCSEC`. Where nothing
        does, the name is empty and the separation NaN. One known source may match several detections.
        """
        names = np.zeros(len(catalog), dtype=self._names.dtype if len(self._names) else "U1")
        separation = np.full(len(catalog), np.nan)
        ra, dec = (np.asarray(catalog[name], dtype=np.float64) for name in ("ra", "dec"))
        placed = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
        if len(placed) and len(self._names):
            nearest, apart, _ = SkyCoord(ra[placed], dec[placed], unit="deg").match_to_catalog_sky(self._sky)
            reach = np.fmax(np.asarray(catalog["size_arcsec"], dtype=np.float64)[placed], LEAST_MATCH_ARCSEC)
            hit = apart.arcsec <= reach
            names[placed[hit]] = self._names[nearest[hit]]
            separation[placed[hit]] = apart.arcsec[hit]
        matched = catalog.copy()
        matched["known_id"] = Column(names, description="nearest known source within the radius; empty for none")
        matched["known_separation"] = Column(separation, unit="arcsec", description="its distance")
        return matched


def _find(table: Table, names: tuple[str, ...]) -> str | None:
    folded = {column.lower(): column for column in reversed(table.colnames)}
    return next((folded[name] for name in names if name in folded), None)


def _degrees(column: Column, path: str | Path) -> npt.NDArray[np.float64]:
    if column.dtype.kind not in "fiu":
        raise InputError(path, f"column {column.name!r} holds text", expected="degrees", action="Convert it first")
    try:
        values = np.ma.filled(np.ma.asarray(column.data).astype(np.float64), np.nan)
        return np.asarray(u.Quantity(values, column.unit or "deg").to_value("deg"), dtype=np.float64)
    except (u.UnitConversionError, ValueError) as error:
        raise InputError(path, f"column {column.name!r} is in {column.unit}", expected="an angle") from error
