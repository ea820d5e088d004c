"""The columns of a scan's catalog."""

from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.io.catalog import make_catalog

CATALOG_COLUMNS: dict[str, tuple[type, str]] = {
    "id": (str, "name of the detection: its tile and a number, the most probable first"),
    "ra": (float, ""),
    "dec": (float, ""),
    "x": (float, ""),
    "y": (float, ""),
    "size_arcsec": (float, "radius: that holds half of the light, or that of the ring"),
    "probability": (float, "probability that there is an object"),
    "label": (str, "its likeliest kind"),
    "category": (str, ""),
    "snr": (float, "counts of the object over the square root of all counts, in the annulus where that is best"),
    "significance": (float, "sigma by which chance falls short of the counts in that annulus (Poisson, one-sided)"),
    "false_alarms_per_deg2": (float, "detections per square degree that are none, from this probability up"),
    "flags": (np.int32, ""),
    "image": (str, ""),
    "model": (str, ""),
}
"""Type of each column, and its description where it is not that of :mod:`merkhet.io.catalog`."""

UNITS = {"false_alarms_per_deg2": "1 / deg2"}


def as_catalog(rows: Table) -> Table:
    """Return the columns of the catalog with their units and descriptions; rows may be none."""
    columns: dict[str, npt.NDArray[Any]] = {
        name: np.asarray(rows[name]).astype(kind) for name, (kind, _) in CATALOG_COLUMNS.items()
    }
    catalog = make_catalog(columns)
    for name, (_, description) in CATALOG_COLUMNS.items():
        if description:
            catalog[name].description = description
    for name, unit in UNITS.items():
        catalog[name].unit = unit
    return catalog
