"""Every object of a survey once: found by the tile that answers for its place, and not again by the next one."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.scan.candidates import strongest
from merkhet.scan.footprints import Footprint, owner
from merkhet.simulate.halos.sphere import unit_vectors

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

ARCSEC_PER_RADIAN = 180 * 3600 / np.pi

LEAST_SLACK_ARCSEC = 60.0
"""Two tiles may place an object apart by its radius, and by so much at least."""


def claim(rows: Table, footprints: Sequence[Footprint | None]) -> BoolArray:
    """Tell which detections of all tiles stay in the catalog of the survey.

    A detection belongs to the tile in which it lies farthest from the edge. One that another tile owns is dropped,
    unless it lies so close to the border between the two (its radius, or :data:`LEAST_SLACK_ARCSEC`) that each of them
    may have left it to the other. What two tiles then both have is one object by the rule of
    :func:`merkhet.scan.candidates.strongest`, on the sky, and the owner's stays.

    Parameters
    ----------
    rows
        Columns ``tile`` (place in ``footprints``), ``ra``, ``dec`` (degrees; NaN where not known: such rows stay),
        ``radius_arcsec`` and ``score``.
    footprints
        The tiles that were scanned; None for one that was not, or has no place on the sky.
    """
    tile = np.asarray(rows["tile"], dtype=np.int64)
    ra, dec, score = (np.asarray(rows[name], dtype=np.float64) for name in ("ra", "dec", "score"))
    radius = np.asarray(rows["radius_arcsec"], dtype=np.float64)
    placed = np.isfinite(ra) & np.isfinite(dec) & np.isfinite(radius)
    responsible = owner(footprints, ra, dec)
    owned = (responsible < 0) | (responsible == tile) | ~placed
    slack = np.fmax(radius, LEAST_SLACK_ARCSEC)
    kept: BoolArray = owned | (_behind(rows, tile, responsible, footprints, ~owned) <= slack)
    candidates = np.flatnonzero(kept & placed)
    # The owner's goes first, whatever its score.
    order = np.lexsort((score[candidates], owned[candidates]))
    rank = np.empty(len(candidates))
    rank[order] = np.arange(len(candidates))
    kept[candidates] = strongest(_vectors(ra[candidates], dec[candidates]), radius[candidates], rank)
    return kept


def _behind(
    rows: Table,
    tile: npt.NDArray[np.int64],
    responsible: npt.NDArray[np.int64],
    footprints: Sequence[Footprint | None],
    asked: BoolArray,
) -> FloatArray:
    """Return how much deeper than in its own tile a detection lies in the one that owns it, in arcsec."""
    result = np.zeros(len(rows))
    ra, dec = np.asarray(rows["ra"], dtype=np.float64), np.asarray(rows["dec"], dtype=np.float64)
    for sign, which in ((-1.0, tile), (1.0, responsible)):
        for number in np.unique(which[asked]):
            footprint, here = footprints[number], asked & (which == number)
            depth = -np.inf if footprint is None else _depth_arcsec(footprint, ra[here], dec[here])
            result[here] += sign * depth
    return result


def _depth_arcsec(footprint: Footprint, ra: FloatArray, dec: FloatArray) -> FloatArray:
    depth = footprint.depth(*footprint.pixels(ra, dec)) * footprint.pixel_arcsec
    return np.nan_to_num(depth, nan=-np.inf)


def _vectors(ra: FloatArray, dec: FloatArray) -> FloatArray:
    """Return points ``(n, 3)`` whose distances are those on the sky in arcsec, to 1e-4 within 3 degrees."""
    return ARCSEC_PER_RADIAN * unit_vectors(ra, dec)
