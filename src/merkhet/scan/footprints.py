"""Where the tiles of a survey lie on the sky, and which of them answers for a position."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.coordinates import ICRS, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame

from merkhet.errors import InputError
from merkhet.io.hdus import each_hdu, holds_image
from merkhet.io.reading import quiet_astropy, read_errors
from merkhet.io.wcs import celestial_wcs, pixel_scale_arcsec
from merkhet.scan.listing import TileFiles
from merkhet.simulate.halos.sphere import unit_vectors

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Footprint:
    """The part of the sky that an image covers.

    Attributes
    ----------
    id
        Name of the tile.
    wcs
        World coordinates of its pixels.
    shape
        Rows and columns.
    """

    id: str
    wcs: WCS
    shape: tuple[int, int]

    @cached_property
    def pixel_arcsec(self) -> float:
        """Side of a pixel."""
        return pixel_scale_arcsec(self.wcs)

    @cached_property
    def center(self) -> SkyCoord:
        """The middle of the image (ICRS)."""
        rows, columns = self.shape
        x, y = self.sky(np.array([(columns - 1) / 2]), np.array([(rows - 1) / 2]))
        return SkyCoord(x, y, unit="deg")[0]

    @cached_property
    def vector(self) -> FloatArray:
        """Unit vector of the center."""
        return unit_vectors(self.center.ra.deg, self.center.dec.deg)

    @cached_property
    def radius_deg(self) -> float:
        """Radius of a circle around the center that holds the image; 180 where its outline is not all on the sky."""
        rows, columns = self.shape
        places = np.array([(x, y) for x in (-0.5, (columns - 1) / 2, columns - 0.5) for y in (-0.5, rows - 0.5)])
        places = np.concatenate([places, [(-0.5, (rows - 1) / 2), (columns - 0.5, (rows - 1) / 2)]])
        outline = SkyCoord(*self.sky(places[:, 0], places[:, 1]), unit="deg")
        distance = self.center.separation(outline).deg
        return float(distance.max()) * 1.001 if np.isfinite(distance).all() else 180.0

    def sky(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return right ascension and declination (ICRS, degrees) of 0-based pixel coordinates; NaN off the sky."""
        if self._is_icrs:
            world = self.wcs.pixel_to_world_values(x, y)
            return world[self.wcs.wcs.lng] % 360, world[self.wcs.wcs.lat]
        with quiet_astropy:
            sky = self.wcs.pixel_to_world(x, y).icrs
        return sky.ra.deg, sky.dec.deg

    def pixels(self, ra: FloatArray, dec: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return 0-based pixel coordinates of positions (ICRS, degrees); NaN where the projection has none."""
        if self._is_icrs:
            x, y = self.wcs.world_to_pixel_values(*((ra, dec) if self.wcs.wcs.lng == 0 else (dec, ra)))
        else:
            with quiet_astropy:
                x, y = self.wcs.world_to_pixel(SkyCoord(ra, dec, unit="deg"))
        return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)

    @cached_property
    def _is_icrs(self) -> bool:
        """Whether numbers need no frame around them, which takes astropy milliseconds each time."""
        return isinstance(wcs_to_celestial_frame(self.wcs), ICRS)

    def depth(self, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> FloatArray:
        """Return how far pixel coordinates are from the nearest edge, in pixels; negative outside the image."""
        rows, columns = self.shape
        across = np.minimum(x + 0.5, columns - 0.5 - x)
        return np.asarray(np.minimum(across, np.minimum(y + 0.5, rows - 0.5 - y)))


def separations_deg(vectors: FloatArray, vector: FloatArray) -> FloatArray:
    """Return the angles between unit vectors ``(n, 3)`` and one more."""
    chord = np.linalg.norm(vectors - vector, axis=-1)  # precise where an arc cosine is not
    return np.asarray(np.rad2deg(2 * np.arcsin(np.minimum(chord / 2, 1))))


def read_footprint(files: TileFiles, *, hdu: int | str | None = None) -> Footprint | None:
    """Return where a tile lies, from the header of its counts alone.

    None where it has no world coordinates or cannot be read: :func:`merkhet.scan.images.read_tile` says why.
    """
    try:
        header, shape = _image_header(files.image, hdu)
    except (InputError, OSError):
        return None
    wcs = celestial_wcs(header)
    if wcs is None or len(shape) < 2:
        return None
    footprint = Footprint(files.id, wcs, (shape[-2], shape[-1]))
    try:
        _ = footprint.center  # fails for frames that do not lead to ICRS
    except Exception:  # astropy has no one class for these
        return None
    return footprint


def _image_header(path: Path, hdu: int | str | None) -> tuple[fits.Header, tuple[int, ...]]:
    with read_errors(path, "FITS"), fits.open(path, memmap=False, lazy_load_hdus=True) as hdus:
        chosen = next(image for _, image in each_hdu(hdus) if holds_image(image)) if hdu is None else hdus[hdu]
        return chosen.header.copy(), tuple(chosen.shape)


def owner(footprints: Sequence[Footprint | None], ra: npt.ArrayLike, dec: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return which tile answers for each position: the one in which it lies farthest from the edge.

    Every position of the survey has exactly one owner, whichever tile it was found on. Of equal ones the first.

    Parameters
    ----------
    footprints
        The tiles of the survey; None for one without a place on the sky.
    ra, dec
        ``(n,)`` ICRS, degrees.

    Returns
    -------
    index
        ``(n,)`` place in ``footprints``; -1 for a position that is on no tile, or is NaN.
    """
    ra, dec = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
    best = np.zeros(ra.shape)
    found = np.full(ra.shape, -1, dtype=np.int64)
    places = unit_vectors(ra, dec)
    for index, footprint in enumerate(footprints):
        if footprint is None:
            continue
        near = np.flatnonzero(separations_deg(places, footprint.vector) <= footprint.radius_deg)  # NaN is not
        if len(near):
            depth = footprint.depth(*footprint.pixels(ra[near], dec[near])) * footprint.pixel_arcsec
            deeper = depth > best[near]  # NaN is not
            best[near[deeper]], found[near[deeper]] = depth[deeper], index
    return found
