"""Maps of probability with the world coordinates of the tile."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from scipy.special import expit

from merkhet.io.atomic import atomic_path
from merkhet.io.reading import quiet_astropy
from merkhet.scan.grid import Grid
from merkhet.scan.images import SkyTile


def write_probability_map(tile: SkyTile, grids: Sequence[Grid], path: str | Path, *, model: str) -> None:
    """Write the largest probability that any scale gives to each place, on the cells of the finest, as FITS.

    Each scale answers for itself here, before scales are combined and objects are found. NaN where nothing was
    observed. The world coordinates are the tile's, for larger pixels.
    """
    finest = min(grids, key=lambda grid: grid.step)
    xs, ys = finest.positions()
    largest = np.full(finest.covered.shape, np.nan, dtype=np.float32)
    for grid in grids:
        rows, columns = (
            np.rint((place - first) / grid.step).astype(int).clip(0, length - 1)
            for place, first, length in zip((ys, xs), reversed(grid.origin), grid.covered.shape, strict=True)
        )
        probability = np.where(grid.covered, expit(grid.maps["logit"]), np.nan)
        largest = np.fmax(largest, probability[np.ix_(rows, columns)].astype(np.float32))
    largest[~finest.covered] = np.nan
    header = _header(tile, finest)
    header["BUNIT"] = ("", "probability of an object")
    header["MKMODEL"] = (model, "hash of the model")
    header["MKIMAGE"] = (tile.path.name, "image that was scanned")
    with atomic_path(path) as temporary, quiet_astropy:
        fits.PrimaryHDU(largest, header=header).writeto(temporary)


def _header(tile: SkyTile, grid: Grid) -> fits.Header:
    """Return the tile's world coordinates for pixels that are the cells of a grid."""
    if tile.wcs is None:
        return fits.Header()
    return scaled_wcs(tile.wcs, step=grid.step, origin=grid.origin).to_header()


def scaled_wcs(wcs: WCS, *, step: float, origin: tuple[float, float]) -> WCS:
    """Return world coordinates for pixels ``step`` times as wide, the first centered at ``origin`` of the old ones.

    Distortions (SIP), below a cell in size, are left out.
    """
    with quiet_astropy:
        scaled = WCS(wcs.celestial.to_header())
    scaled.wcs.crpix = (scaled.wcs.crpix - 1 - np.array(origin)) / step + 1
    scaled.wcs.cdelt = np.array(scaled.wcs.cdelt) * step
    scaled.wcs.set()
    return scaled
