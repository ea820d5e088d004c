"""The photons around a position of a tile, by their distance from it: sources that do not belong there are left out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import pdtrc

from merkhet.scan.images import SkyTile
from merkhet.scan.pyramid import block_sum
from merkhet.scan.sliding import Windows, dilated, window_sums

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

BINS_PER_PIXEL = 4
MOST_PX = 600  # farther out pixels are summed in blocks: an object of a degree has no details of arcseconds
SOURCE_BOX_ARCSEC = 28.0  # side of the box that counts are compared in: holds two thirds of a point source of eROSITA
SOURCE_CHANCE = 1e-5  # per box
STRIP_PX = 128  # rows of an image that are searched for sources together: they stay in a processor's caches
MASK_MARGIN_ARCSEC = 20.0  # around each box that stands out: brighter sources stand out farther from their middle
CENTROID_STEPS = 3
CENTER_ARCSEC = 60.0  # nothing is left out within this: what stands out here is what was asked for


@dataclass(frozen=True, eq=False)
class Rings:
    """What lies at each distance from a position; all arrays ``(rings,)``, from the inside out.

    Attributes
    ----------
    radius_arcsec
        Mean distance of the pixels.
    counts
        Photons.
    background
        Expected photons without any source.
    exposure
        Sum over pixels of the exposure, relative to the largest one around: an area in pixels.
    pixels
        Number of pixels that were used.
    pixel_arcsec
        Their side.
    """

    radius_arcsec: FloatArray
    counts: FloatArray
    background: FloatArray
    exposure: FloatArray
    pixels: FloatArray
    pixel_arcsec: float

    def summed(self, values: FloatArray, edges_arcsec: FloatArray) -> FloatArray:
        """Return the sums ``(n,)`` of values ``(rings,)`` between ``n + 1`` radii."""
        place = np.searchsorted(edges_arcsec, self.radius_arcsec, side="right") - 1
        inside = (place >= 0) & (place < len(edges_arcsec) - 1)
        return np.asarray(
            np.bincount(place[inside], weights=values[inside], minlength=len(edges_arcsec) - 1), dtype=np.float64
        )


@dataclass(frozen=True, eq=False)
class _Cutout:
    """A square of a tile: arrays ``(y, x)``, distances of the pixels from the position, ``(x, y)`` of the first."""

    counts: npt.NDArray[np.floating]
    exposure: npt.NDArray[np.floating]
    background: npt.NDArray[np.floating]
    valid: BoolArray
    radius_arcsec: FloatArray
    first: tuple[int, int]
    pixel_arcsec: float


def rings_around(tile: SkyTile, x: float, y: float, *, reach_arcsec: float, background_scale: float = 1.0) -> Rings:
    """Sort the pixels around a position by their distance.

    Compact sources away from the middle are left out: boxes whose counts stand out of the mean at that distance.

    Parameters
    ----------
    tile
        Its pixel scale must be known.
    x, y
        Pixel coordinates; the position may lie off the tile.
    reach_arcsec
        How far to go.
    background_scale
        Factor to the tile's background map.
    """
    block = max(1, int(np.ceil(reach_arcsec / tile.pixel_arcsec / MOST_PX)))
    cut = _cutout(tile, x, y, reach_arcsec=reach_arcsec, block=block)
    used = cut.valid & (cut.radius_arcsec < reach_arcsec)
    used &= ~_strangers(cut)
    width = cut.pixel_arcsec / BINS_PER_PIXEL
    bins, number = (cut.radius_arcsec[used] / width).astype(np.intp), int(reach_arcsec / width) + 1
    largest = float(cut.exposure[used].max(initial=0.0)) or 1.0

    def total(values: npt.NDArray[Any]) -> FloatArray:
        return np.asarray(np.bincount(bins, weights=values[used], minlength=number), dtype=np.float64)

    pixels = np.bincount(bins, minlength=number).astype(np.float64)
    some = pixels > 0
    return Rings(
        radius_arcsec=total(cut.radius_arcsec)[some] / pixels[some],
        counts=total(cut.counts)[some],
        background=total(cut.background)[some] * background_scale,
        exposure=total(cut.exposure)[some] / largest,
        pixels=pixels[some],
        pixel_arcsec=cut.pixel_arcsec,
    )


def recentered(tile: SkyTile, x: float, y: float, *, shift_arcsec: float) -> tuple[float, float]:
    """Return the middle of the brightest compact source near a position, or the position where none stands out.

    Parameters
    ----------
    tile
        Its pixel scale must be known.
    x, y
        Pixel coordinates.
    shift_arcsec
        How far it may lie from there.
    """
    cut = _cutout(tile, x, y, reach_arcsec=2 * shift_arcsec)
    near = cut.valid & (cut.radius_arcsec < shift_arcsec)
    if not near.any():
        return x, y
    level = np.where(cut.valid, cut.counts[cut.valid].mean(), 0.0)
    side = _box_side(tile.pixel_arcsec)
    sums = window_sums(cut.counts, side)
    found = near & sources_above(cut.counts, level, pixel_arcsec=tile.pixel_arcsec)
    if not found.any():
        return x, y
    dy, dx = np.indices(cut.counts.shape)
    brightest = np.argmax(np.where(found, sums, -1.0))
    column, row = float(dx.flat[brightest]), float(dy.flat[brightest])
    for _ in range(CENTROID_STEPS):
        weight = np.where(np.hypot(dx - column, dy - row) <= side / 2, cut.counts, 0.0)
        column, row = (float((weight * at).sum() / weight.sum()) for at in (dx, dy))
    return column + cut.first[0], row + cut.first[1]


def _box_side(pixel_arcsec: float) -> int:
    """Return the odd number of pixels, three at least, that is closest to the box of a compact source."""
    return max(2 * round((SOURCE_BOX_ARCSEC / pixel_arcsec - 1) / 2) + 1, 3)


def _cutout(tile: SkyTile, x: float, y: float, *, reach_arcsec: float, block: int = 1) -> _Cutout:
    """Cut out a square, its pixels summed in blocks of ``block x block``."""
    height, width = tile.counts.shape
    reach = reach_arcsec / tile.pixel_arcsec
    columns, rows = (
        _whole_blocks(np.clip([np.floor(middle - reach), np.ceil(middle + reach) + 1], 0, length), block)
        for middle, length in ((x, width), (y, height))
    )
    pixel = tile.pixel_arcsec * block
    dy, dx = (
        (np.arange(part.start, part.stop, block) + 0.5 * (block - 1) - middle) / block
        for part, middle in ((rows, y), (columns, x))
    )
    valid = tile.valid[rows, columns]
    counts, exposure, background = (
        values[rows, columns] if block == 1 else block_sum(np.where(valid, values[rows, columns], 0), block)
        for values in (tile.counts, tile.exposure, tile.background)
    )
    return _Cutout(
        counts=counts,
        exposure=exposure,
        background=background,
        valid=valid if block == 1 else block_sum(valid.astype(np.float32), block) > 0.5 * block**2,
        radius_arcsec=np.hypot(dx[None, :], dy[:, None]) * pixel,
        first=(columns.start, rows.start),
        pixel_arcsec=pixel,
    )


def _whole_blocks(edges: npt.NDArray[Any], block: int) -> slice:
    """Return the part of an axis between two edges, cut at the end to a whole number of blocks."""
    start, stop = (int(edge) for edge in edges)
    return slice(start, start + (stop - start) // block * block)


def _strangers(cut: _Cutout) -> BoolArray:
    """Return which pixels belong to compact sources away from the middle."""
    if not cut.valid.any():
        return np.zeros(cut.valid.shape, dtype=np.bool_)
    # The level at each distance, in steps of a tenth: fine enough for a cusp, coarse enough for few photons.
    place = (10 * np.log1p(cut.radius_arcsec / CENTER_ARCSEC * 2)).astype(np.intp)
    pixels = np.bincount(place[cut.valid])
    level = np.bincount(place[cut.valid], weights=cut.counts[cut.valid]) / np.maximum(pixels, 1)
    level = np.append(level, np.zeros(max(int(place.max()) + 1 - len(level), 0)))
    out = sources_above(cut.counts, np.where(cut.valid, level[place], 0.0), pixel_arcsec=cut.pixel_arcsec)
    margin = 2 * round(MASK_MARGIN_ARCSEC / cut.pixel_arcsec) + 1
    return dilated(out & (cut.radius_arcsec > CENTER_ARCSEC), margin)


def sources_above(counts: npt.NDArray[Any], expected: npt.NDArray[Any], *, pixel_arcsec: float) -> BoolArray:
    """Return the middles ``(y, x)`` of boxes with more counts than chance gives.

    Parameters
    ----------
    counts, expected
        ``(y, x)``; pixels outside the footprint are 0 in both.
    pixel_arcsec
        Side of a pixel.
    """
    side = _box_side(pixel_arcsec)
    found = np.empty(counts.shape, dtype=np.bool_)
    for start in range(0, len(counts), STRIP_PX):
        first, last = max(start - side // 2, 0), start + STRIP_PX
        strip = slice(first, last + side // 2)
        found[start:last] = _stand_out(counts[strip], expected[strip], side=side)[start - first :][:STRIP_PX]
    return found


def _stand_out(counts: npt.NDArray[Any], expected: npt.NDArray[Any], *, side: int) -> BoolArray:
    """Return the middles of boxes of ``side`` pixels with more counts than chance gives."""
    seen = window_sums(np.asarray(counts, dtype=np.float32), side)
    mean = Windows(np.asarray(expected, dtype=np.float32), side)
    # The tail is costly and hardly a box is worth it: below this many counts its chance is above 1e-4 anywhere.
    place = np.flatnonzero(seen > _least(mean.lower_bound))
    seen, expected = seen.ravel()[place], mean.at(place)
    found = np.zeros(counts.shape, dtype=np.bool_)
    worth = seen > _least(expected)
    place = place[worth]
    found.flat[place] = pdtrc(np.rint(seen[worth]) - 1, expected[worth]) < SOURCE_CHANCE
    return found


def _least(mean: Any) -> Any:
    """Return the counts above which a box may be worth the tail of its distribution."""
    return mean + 3 * np.sqrt(mean) + 1.5
