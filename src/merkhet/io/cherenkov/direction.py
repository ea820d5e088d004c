"""Directions: from altitude and azimuth to offsets from the pointing and back, and to positions in the camera.

Azimuth is counted from north towards east, in rad, as ctapipe stores it. Offsets are longitude and latitude, in deg, in
a sphere turned so that the pointing is at its origin: latitude grows with altitude, longitude with azimuth, so that
close to the pointing ``lon = cos(alt) * (az - az_0)`` and ``lat = alt - alt_0``. These are ``fov_lon`` and ``fov_lat``
of ctapipe's TelescopeFrame and a SkyOffsetFrame of astropy, exact at any distance, and the inverse always exists.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Angles: TypeAlias = npt.NDArray[np.float64]


def to_offset(alt: npt.ArrayLike, az: npt.ArrayLike, pointing: npt.ArrayLike) -> Angles:
    """Return the offsets of directions from a pointing.

    Parameters
    ----------
    alt, az
        Directions in rad, of any shape ``S``.
    pointing
        Altitude and azimuth in rad, ``(*S, 2)`` or ``(2,)``.

    Returns
    -------
    offset
        float64 ``(*S, 2)``: longitude in (-180, 180] and latitude, deg.
    """
    alt, az, alt_0, az_0 = _angles(alt, az, pointing)
    delta = az - az_0
    # The direction in the axes of the pointing: forward, towards larger azimuth, towards larger altitude.
    forward = np.cos(alt_0) * np.cos(alt) * np.cos(delta) + np.sin(alt_0) * np.sin(alt)
    sideways = np.cos(alt) * np.sin(delta)
    up = np.cos(alt_0) * np.sin(alt) - np.sin(alt_0) * np.cos(alt) * np.cos(delta)
    lon, lat = np.arctan2(sideways, forward), np.arctan2(up, np.hypot(forward, sideways))
    return np.asarray(np.rad2deg(np.stack([lon, lat], axis=-1)))


def to_altaz(offset: npt.ArrayLike, pointing: npt.ArrayLike) -> Angles:
    """Return the directions at offsets from a pointing: the inverse of :func:`to_offset`.

    Parameters
    ----------
    offset
        Longitude and latitude in deg, ``(*S, 2)``.
    pointing
        Altitude and azimuth in rad, ``(*S, 2)`` or ``(2,)``.

    Returns
    -------
    altaz
        float64 ``(*S, 2)``: altitude, and azimuth in [0, 2 pi), rad.
    """
    radians = np.deg2rad(np.asarray(offset, dtype=np.float64))
    lon, lat, alt_0, az_0 = _angles(radians[..., 0], radians[..., 1], pointing)
    forward, sideways, up = np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)
    north = np.cos(alt_0) * forward - np.sin(alt_0) * up
    high = np.sin(alt_0) * forward + np.cos(alt_0) * up
    az = (az_0 + np.arctan2(sideways, north)) % (2 * np.pi)
    az = np.where(az >= 2 * np.pi, 0.0, az)  # the remainder of a tiny negative angle rounds up to the whole circle
    return np.stack([np.arctan2(high, np.hypot(north, sideways)), az], axis=-1)


def separation_deg(alt: npt.ArrayLike, az: npt.ArrayLike, other_alt: npt.ArrayLike, other_az: npt.ArrayLike) -> Angles:
    """Return the angle between directions given in rad, deg, exact for small and large ones (Vincenty's formula)."""
    offset = np.deg2rad(to_offset(alt, az, np.stack(np.broadcast_arrays(other_alt, other_az), axis=-1)))
    lon, lat = offset[..., 0], offset[..., 1]
    across = np.hypot(np.cos(lat) * np.sin(lon), np.sin(lat))
    return np.asarray(np.rad2deg(np.arctan2(across, np.cos(lat) * np.cos(lon))))


def camera_to_offset(
    x: npt.ArrayLike, y: npt.ArrayLike, *, focal_length_m: float, camera_rotation_deg: float = 0.0
) -> Angles:
    """Return the offsets that camera positions look at.

    The plate scale is linear: an offset is a position over the effective focal length, as in ctapipe and
    sim_telarray. The camera's x points to higher altitude, its y to higher azimuth.

    Parameters
    ----------
    x, y
        Positions in the camera in m, of any shape ``S``.
    focal_length_m
        Effective focal length.
    camera_rotation_deg
        Angle that the camera is turned by.

    Returns
    -------
    offset
        float64 ``(*S, 2)``: longitude and latitude, deg.
    """
    position = np.asarray(x, dtype=np.float64) + 1j * np.asarray(y, dtype=np.float64)
    turned = position * np.exp(1j * np.deg2rad(camera_rotation_deg))
    return np.asarray(np.rad2deg(np.stack([turned.imag, turned.real], axis=-1) / focal_length_m))


def offset_to_camera(offset: npt.ArrayLike, *, focal_length_m: float, camera_rotation_deg: float = 0.0) -> Angles:
    """Return the camera positions ``(*S, 2)``, x and y in m, of offsets in deg: inverse of :func:`camera_to_offset`."""
    radians = np.deg2rad(np.asarray(offset, dtype=np.float64))
    turned = (radians[..., 1] + 1j * radians[..., 0]) * focal_length_m
    position = turned * np.exp(-1j * np.deg2rad(camera_rotation_deg))
    return np.stack([position.real, position.imag], axis=-1)


def _angles(first: npt.ArrayLike, second: npt.ArrayLike, pointing: npt.ArrayLike) -> tuple[Angles, ...]:
    origin = np.asarray(pointing, dtype=np.float64)
    return (
        np.asarray(first, dtype=np.float64),
        np.asarray(second, dtype=np.float64),
        origin[..., 0],
        origin[..., 1],
    )
