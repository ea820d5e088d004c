"""The table of the truth: what is known of each source that was put into images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.table import Column, Table

from merkhet.simulate.halos.sources import Source
from merkhet.simulate.halos.sphere import FloatArray, ra_dec
from merkhet.simulate.halos.truth import Signal

TRUTH = "truth.ecsv"

TruthColumn = tuple[str, str | None, str]

TRUTH_COLUMNS: tuple[TruthColumn, ...] = (
    ("id", None, "name of the source"),
    ("ra", "deg", "right ascension, ICRS"),
    ("dec", "deg", "declination, ICRS"),
    ("kind", None, "halo, ring, point, or the name of a confuser"),
    ("label", None, "halo (snr 5 or more), none (below 2), or unclear: neither hit nor false alarm"),
    ("snr", None, "halo / sqrt(halo + psf + background), where it is best"),
    ("size", "arcsec", "radius that holds half the photons of the halo; of the strongest ring"),
    ("inner", "arcsec", "inner radius of the annulus of best snr"),
    ("outer", "arcsec", "outer radius of the annulus of best snr"),
    ("halo_counts", "ct", "expected counts of halo or rings in the annulus"),
    ("psf_counts", "ct", "expected counts of the source's other photons in the annulus"),
    ("background_counts", "ct", "expected counts of the background in the annulus"),
    ("total_halo", "ct", "expected counts of halo or rings, everywhere"),
    ("total_psf", "ct", "expected counts of the source's other photons, everywhere; confusers: all their photons"),
    ("n_h", "1 / cm2", "column density of hydrogen"),
    ("distance", "kpc", "distance of the source"),
    ("dust", None, "slabs of dust, near-far:share, as fractions of the distance"),
    ("delay", "d", "time since the flare"),
    ("fluence", "ct", "counts that the flare itself would have given, unscattered, to a telescope that stared at it"),
    ("tile", None, "tile whose center is nearest, among those that the position lies on; -1 where there is none"),
    ("tiles", None, "all tiles that the position, or the circle of that size around it, touches"),
    ("whole", None, "whether the circle of that size lies inside the tile"),
)
"""Name, unit and description of each column."""

_TEXT = ("id", "kind", "label", "dust", "tiles")
_TYPES: dict[str, type] = {"tile": int, "whole": bool} | dict.fromkeys(_TEXT, str)


def describe(source: Source, *, signal: Signal, position: FloatArray) -> dict[str, Any]:
    """Return the columns that do not depend on tiles: what a source is, where it stands, how well it is seen.

    Parameters
    ----------
    source, signal
        What it is, and what is expected of it.
    position
        Unit vector ``(3,)``.
    """
    (ra, dec), way = ra_dec(position), source.sightline
    return {
        "ra": float(ra),
        "dec": float(dec),
        "kind": source.kind,
        "label": signal.label,
        "snr": signal.snr,
        "size": source.size_arcsec,
        "inner": signal.inner_arcsec,
        "outer": signal.outer_arcsec,
        "halo_counts": signal.halo,
        "psf_counts": signal.psf,
        "background_counts": signal.background,
        "total_halo": signal.total_halo,
        "total_psf": signal.total_psf,
        "n_h": way.n_h_cm2 if way else np.nan,
        "distance": way.distance_kpc if way else np.nan,
        "dust": way.described() if way else "",
        "delay": source.delay_days,
        "fluence": source.fluence_counts,
    }


def truth_table(rows: Sequence[dict[str, Any]], *, texts: Sequence[TruthColumn] = ()) -> Table:
    """Return the table of rows with all of :data:`TRUTH_COLUMNS`, and with further columns of text."""
    types = _TYPES | {name: str for name, _, _ in texts}
    table = Table()
    for name, unit, description in (*TRUTH_COLUMNS, *texts):
        values = [row[name] for row in rows]
        table[name] = Column(values, dtype=types.get(name, float), unit=unit, description=description)
    return table
