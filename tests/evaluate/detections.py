"""Tiles, truth and catalogs of detections, made without files."""

import numpy as np
from astropy import units as u
from astropy.table import Table
from astropy.wcs import WCS

from merkhet.evaluate.tiling import TileSky, Tiling

ARCSEC = 1 / 3600


def tile_wcs(ra, dec, *, side, pixel_arcsec=20.0):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [0.5 * (side + 1)] * 2
    wcs.wcs.cdelt = [-pixel_arcsec * ARCSEC, pixel_arcsec * ARCSEC]
    return wcs


def make_tiling(centers=((10.0, 0.0), (10.9, 0.0)), *, side=180, valid=None, separate=False):
    """Tiles of a degree that overlap by a tenth of it."""
    valid = np.ones((side, side), dtype=bool) if valid is None else valid
    tiles = [
        TileSky.from_valid(f"images/{n}.fits", wcs=tile_wcs(*center, side=side), valid=valid)
        for n, center in enumerate(centers)
    ]
    return Tiling(tiles, separate=separate)


def make_truth(*rows):
    """Rows ``(ra, dec, kind, label, snr, size)``."""
    table = Table(rows=rows or None, names=("ra", "dec", "kind", "label", "snr", "size"))
    table["ra"].unit = table["dec"].unit = u.deg
    table["id"] = [f"source_{n}" for n in range(len(table))]
    return table


def make_catalog(*rows):
    """Rows ``(ra, dec, probability)``."""
    if not rows:
        return Table({name: np.empty(0) for name in ("ra", "dec", "probability")})
    return Table(rows=rows, names=("ra", "dec", "probability"))
