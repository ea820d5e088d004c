"""One image of a survey: counts with their exposure and background maps, read and checked."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.wcs import WCS

from merkhet.errors import InputError
from merkhet.io.catalog import Flag
from merkhet.io.fits import ImageInfo, read_image
from merkhet.io.reading import quiet_astropy
from merkhet.io.wcs import clean_header
from merkhet.scan.background import estimate_background
from merkhet.scan.listing import TileFiles, list_tiles
from merkhet.scan.pyramid import STRIP_PX, Layers

__all__ = ["SkyTile", "TileFiles", "list_tiles", "read_tile"]

FloatImage = npt.NDArray[np.float32]
BoolImage = npt.NDArray[np.bool_]

WCS_TOLERANCE_PX = 0.5
"""How far a map's world coordinates may be from those of the counts."""

_OF_PIXELS = frozenset(
    ["BITPIX", "BSCALE", "BZERO", "BLANK", "BUNIT", "DATAMIN", "DATAMAX", "CHECKSUM", "DATASUM", "DATE", "OBJECT"]
)
"""Cards that say nothing of where an image lies."""

_WHOLE = 1e-3  # how far from a whole number a count may be, in a file of floats
_RATE = re.compile(r".*(/s(ec(ond)?)?|s(ec)?(\^|\*\*)?-1)", re.IGNORECASE)  # a unit per second


@dataclass(frozen=True, eq=False)
class SkyTile:
    """One image of a survey. Arrays are ``(y, x)`` of the same shape.

    Attributes
    ----------
    id, path
        Name and file of the counts.
    counts
        float32, 0 where not valid.
    exposure
        Seconds, float32, 0 where not valid; 1 wherever valid if no map is known.
    background
        Expected counts per pixel without sources, float32, 0 where not valid; estimated where no map is given.
    valid
        bool: counts were taken here.
    wcs
        World coordinates, or None.
    pixel_arcsec
        Side of a pixel; NaN where not known.
    flags
        Those of :class:`merkhet.io.catalog.Flag` that hold for the whole tile.
    header
        That of the counts, for maps written with the same world coordinates.
    """

    id: str
    path: Path
    counts: FloatImage
    exposure: FloatImage
    background: FloatImage
    valid: BoolImage
    wcs: WCS | None
    pixel_arcsec: float
    flags: int
    header: fits.Header

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.counts.shape
        return rows, columns

    def layers(self) -> Layers:
        """Return level 0 of the pyramid; its arrays are the tile's own."""
        return Layers(self.counts, self.exposure, self.background, self.valid)


def read_tile(files: TileFiles, *, hdu: int | str | None = None) -> SkyTile:
    """Read a tile with its maps.

    A pixel is valid where its count is a number, its exposure is above 0 and its expected background is a number.
    Some processing subtracts a small expected number of misplaced photons: counts between -1 and 0 are what is left
    where there was none, and are taken for 0; -1 and less stands for no count at all, and the pixel is not valid.
    Both, and fractions of photons, set ``BAD_COUNTS``.

    Without an exposure map the exposure is taken to be the same everywhere (``NO_EXPOSURE``); without a background
    map the background is estimated (:func:`merkhet.scan.background.estimate_background`, ``ESTIMATED_BACKGROUND``).

    Parameters
    ----------
    files
        The tile's name and files.
    hdu
        Index or name of the HDU of the counts; the first image where absent.

    Raises
    ------
    InputError
        A file is missing, damaged or no image; the image is no plane, holds rates instead of counts, or has no valid
        pixel; a map has another shape than the counts or lies elsewhere on the sky.
    """
    counts, info = read_image(files.image, hdu=hdu)
    _check_counts(counts, info)
    flags = Flag(0)
    exposure = _read_map(files.exposure, like=info)
    if exposure is None:
        flags |= Flag.NO_EXPOSURE
        exposure = np.ones_like(counts)
    background = _read_map(files.background, like=info)
    valid, odd = _clean(counts, exposure, background)
    if odd:
        flags |= Flag.BAD_COUNTS
    if not valid.any():
        raise InputError(files.image, "has no valid pixel: everywhere the counts are no numbers or the exposure is 0")
    if background is None:
        flags |= Flag.ESTIMATED_BACKGROUND
        background = estimate_background(counts, exposure=exposure)
        np.copyto(background, 0, where=~valid)
    if info.wcs is None:
        flags |= Flag.NO_WCS
    return SkyTile(
        id=files.id,
        path=files.image,
        counts=counts,
        exposure=exposure,
        background=background,
        valid=valid,
        wcs=info.wcs,
        pixel_arcsec=np.nan if info.pixel_scale_arcsec is None else info.pixel_scale_arcsec,
        flags=int(flags),
        header=clean_header(info.header),
    )


def _check_counts(image: FloatImage, info: ImageInfo) -> None:
    if image.ndim != 2:
        raise InputError(info.path, f"the image is {image.ndim}-D {image.shape}", expected="2-D (y, x)")
    if info.unit and _RATE.fullmatch(info.unit.replace(" ", "")):
        raise InputError(
            info.path,
            f"holds rates (BUNIT = {info.unit!r})",
            expected="counts",
            action="Give the counts image, and the exposure as a map of its own",
        )


def _clean(counts: FloatImage, exposure: FloatImage, background: FloatImage | None) -> tuple[BoolImage, bool]:
    """Set all to 0 in place where any is not valid; return where they are valid, and whether counts were odd."""
    valid, odd = np.empty(counts.shape, dtype=np.bool_), False
    for start in range(0, len(counts), STRIP_PX):  # a few rows at a time stay in a processor's caches
        rows = slice(start, start + STRIP_PX)
        here, odd_here = _clean_counts(counts[rows])
        here &= exposure[rows] > 0  # NaN is not
        if background is not None:
            here &= background[rows] >= 0
        if not here.all():
            for image in (counts, exposure) if background is None else (counts, exposure, background):
                np.copyto(image[rows], 0, where=~here)
        valid[rows], odd = here, odd or odd_here
    return valid, odd


def _clean_counts(counts: FloatImage) -> tuple[BoolImage, bool]:
    """Set counts to 0 in place where they are none; return where they are some, and whether any was odd."""
    valid = counts > -1
    valid &= counts < np.inf
    if not valid.all():
        np.copyto(counts, 0, where=~valid & ~(counts < 0))  # what is below 0 is not yet: it is odd
    odd = bool(counts.min() < 0)
    if odd:
        np.maximum(counts, 0, out=counts)
    whole = np.rint(counts)
    if not np.array_equal(counts, whole):
        odd = odd or bool(np.any(np.abs(counts - whole) > _WHOLE))
    return valid, odd


def _read_map(path: Path | None, *, like: ImageInfo) -> FloatImage | None:
    """Read a map that must lie on the pixels of the counts."""
    if path is None:
        return None
    image, info = read_image(path)
    if image.shape != like.shape:
        raise InputError(
            path, f"the map is {image.shape} (y, x)", expected=f"{like.shape}, the shape of {like.path.name}"
        )
    if not _same_place(info.header, like.header) and info.wcs is not None and like.wcs is not None:
        offset = _largest_offset(info.wcs, like.wcs, like.shape)
        if not offset <= WCS_TOLERANCE_PX:
            raise InputError(
                path,
                f"lies up to {offset:.4g} pixels from {like.path.name} on the sky",
                expected=f"the same world coordinates to {WCS_TOLERANCE_PX:g} pixel",
            )
    return image


def _same_place(header: fits.Header, other: fits.Header) -> bool:
    """Tell whether two headers differ in nothing that could place their images elsewhere, without building a WCS."""
    cards, others = (
        {card.keyword: card.value for card in clean_header(one).cards if card.keyword not in _OF_PIXELS}
        for one in (header, other)
    )
    return cards == others


def _largest_offset(wcs: WCS, other: WCS, shape: tuple[int, ...]) -> float:
    """Return the largest distance in pixels between where two headers put the corners and the center of an image."""
    rows, columns = shape[0] - 1, shape[1] - 1
    x, y = np.array([0, 0, columns, columns, columns / 2]), np.array([0, rows, 0, rows, rows / 2])
    with quiet_astropy:
        try:
            there = wcs.world_to_pixel(other.pixel_to_world(x, y))
        except Exception:  # frames that astropy cannot name or transform raise nearly anything
            return np.nan
    return float(np.max(np.hypot(there[0] - x, there[1] - y)))
