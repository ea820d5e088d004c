"""Positions on the sky as unit vectors in ICRS: offsets, coordinates, and two rotated systems."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Floats = float | FloatArray

ARCSEC = np.pi / 180 / 3600
OBLIQUITY = np.deg2rad(23.4392911)  # IAU 1976, J2000.0
GALACTIC_POLE = (192.85948, 27.12825)  # right ascension and declination, degrees (Hipparcos catalog, vol. 1, 1.5.3)


def unit_vectors(ra_deg: npt.ArrayLike, dec_deg: npt.ArrayLike) -> FloatArray:
    """Return unit vectors ``(..., 3)`` of positions in degrees."""
    ra, dec = np.deg2rad(ra_deg), np.deg2rad(dec_deg)
    return np.stack(np.broadcast_arrays(np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)), axis=-1)


def ra_dec(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return right ascension (0 to 360) and declination, in degrees, of vectors ``(..., 3)``."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.rad2deg(np.arctan2(y, x)) % 360, np.rad2deg(np.arctan2(z, np.hypot(x, y)))


def frame(center: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the unit vectors towards east and north at a position ``(..., 3)`` that is not a pole."""
    east = np.stack([-center[..., 1], center[..., 0], np.zeros_like(center[..., 0])], axis=-1)
    east = east / np.linalg.norm(east, axis=-1, keepdims=True)
    return east, np.cross(center, east)


def offset(centers: FloatArray, offsets_arcsec: FloatArray) -> FloatArray:
    """Move along great circles.

    Parameters
    ----------
    centers
        Unit vectors ``(3,)`` or ``(n, 3)``.
    offsets_arcsec
        ``(n, 2)``: towards east and north; their length is the angular distance, their direction the position angle.

    Returns
    -------
    ndarray
        Unit vectors ``(n, 3)``.
    """
    east, north = frame(centers)
    distance = np.hypot(*offsets_arcsec.T)[:, None] * ARCSEC
    step = (offsets_arcsec[:, :1] * east + offsets_arcsec[:, 1:] * north) * ARCSEC
    return np.asarray(np.cos(distance) * centers + np.sinc(distance / np.pi) * step)


def ecliptic(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return ecliptic longitude in degrees (0 to 360) and the cosine of ecliptic latitude of vectors ``(..., 3)``."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    along = np.cos(OBLIQUITY) * y + np.sin(OBLIQUITY) * z
    return np.rad2deg(np.arctan2(along, x)) % 360, np.hypot(x, along)


def sin_galactic_latitude(vectors: FloatArray) -> FloatArray:
    """Return the sine of Galactic latitude of vectors ``(..., 3)``."""
    return np.asarray(vectors @ unit_vectors(*GALACTIC_POLE))
