"""Direction and core of showers from the axes of their images, without learning.

The axis of an image passes through the point of the sky that the shower comes from, and the plane of that axis and the
telescope holds the shower's axis in space (Hofmann et al. 1999, Astropart. Phys. 12, 135). Here all images of an event
are intersected at once, by weighted least squares, each with the errors of its own axis.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merkhet.evaluate.cherenkov.images import FloatArray, ImageTable, IntArray
from merkhet.io.cherenkov.axis_errors import (
    FIRST_DISTANCE_DEG,
    LEAKAGE_ERROR,
    MIN_CROSSING,
    PIXEL_ERROR_DEG,
    ROUNDS,
)
from merkhet.io.cherenkov.direction import to_altaz


@dataclass(frozen=True, eq=False)
class StereoGeometry:
    """What the axes of the images say of each event ``(n,)``; NaN where they do not cross.

    Attributes
    ----------
    lon, lat
        Direction, deg from the pointing.
    core_x, core_y
        Core, m north and west.
    height_max
        Height of the shower maximum above the telescopes along the axis, m.
    images
        Number of images that were used.
    """

    lon: FloatArray
    lat: FloatArray
    core_x: FloatArray
    core_y: FloatArray
    height_max: FloatArray
    images: IntArray

    @property
    def is_valid(self) -> npt.NDArray[np.bool_]:
        """Whether direction and core are known."""
        return np.isfinite(self.lon) & np.isfinite(self.core_x)


def reconstruct(table: ImageTable) -> StereoGeometry:
    """Intersect the axes of the usable images of each event."""
    used = table.take(table.usable)
    count = np.bincount(used.event, minlength=table.events)
    lon, lat = _on_sky(used)
    core = _on_ground(used, lon=lon, lat=lat)
    enough = (count >= 2) & np.isfinite(core).all(axis=1)
    lon, lat = np.where(enough, lon, np.nan), np.where(enough, lat, np.nan)
    core = np.where(enough[:, None], core, np.nan)
    height_max = _height(used, lon=lon, lat=lat, core=core)
    return StereoGeometry(lon, lat, core[:, 0], core[:, 1], height_max, count)


def impact_distance(table: ImageTable, *, lon: FloatArray, lat: FloatArray, core: FloatArray) -> FloatArray:
    """Return the distance ``(k,)``, m, of each image's telescope from the axis of its shower.

    Parameters
    ----------
    lon, lat
        Direction of each event, deg from the pointing, ``(n,)``.
    core
        ``(n, 2)``, m.
    """
    axis = sky_vector(np.stack([lon, lat], axis=1), table.pointing)[table.event]
    flat = np.column_stack([core, np.zeros(len(core))])[table.event]
    return np.asarray(np.linalg.norm(np.cross(table.position - flat, axis), axis=1))


def sky_vector(offset: FloatArray, pointing: FloatArray) -> FloatArray:
    """Return unit vectors ``(n, 3)``, north, west, up, of offsets ``(n, 2)``, deg, from pointings ``(n, 2)``, rad."""
    alt, az = to_altaz(offset, pointing).T
    return np.stack([np.cos(alt) * np.cos(az), -np.cos(alt) * np.sin(az), np.sin(alt)], axis=1)


def _on_sky(used: ImageTable) -> tuple[FloatArray, FloatArray]:
    """Intersect axes on the sky; errors grow with the distance from an image, so that this takes some rounds."""
    psi = np.deg2rad(used["hillas_psi"])
    normal = np.stack([-np.sin(psi), np.cos(psi)], axis=1)
    offset = normal[:, 0] * used["hillas_fov_lon"] + normal[:, 1] * used["hillas_fov_lat"]
    distance = np.full(len(used), FIRST_DISTANCE_DEG)
    for _ in range(ROUNDS):
        variance = _center_variance(used) * (1 + (distance / used["hillas_length"]) ** 2) + PIXEL_ERROR_DEG**2
        point = _crossing(normal, offset, weight=1 / variance, event=used.event, events=used.events)
        distance = np.hypot(
            point[used.event, 0] - used["hillas_fov_lon"], point[used.event, 1] - used["hillas_fov_lat"]
        )
        distance = np.where(np.isfinite(distance), distance, FIRST_DISTANCE_DEG)
    return point[:, 0], point[:, 1]


def _on_ground(used: ImageTable, *, lon: FloatArray, lat: FloatArray) -> FloatArray:
    """Intersect with the ground, and each other, the planes that hold telescopes, their images' axes and the source."""
    psi = np.deg2rad(used["hillas_psi"])
    center = np.stack([used["hillas_fov_lon"], used["hillas_fov_lat"]], axis=1)
    along = np.stack([np.cos(psi), np.sin(psi)], axis=1)
    # The end of the image that lies away from the source: the longer the lever, the better the plane.
    source = np.stack([lon, lat], axis=1)[used.event]
    side = np.where(((center - source) * along).sum(axis=1) < 0, -1.0, 1.0)
    far = center + along * (side * used["hillas_length"])[:, None]
    pointing = used.pointing[used.event]
    normal = np.cross(sky_vector(source, pointing), sky_vector(far, pointing))
    flat = normal[:, :2]
    size = np.maximum(np.linalg.norm(flat, axis=1), 1e-12)
    offset = (normal * used.position).sum(axis=1) / size
    lever = np.hypot(*(far - source).T)
    variance = (_center_variance(used) + PIXEL_ERROR_DEG**2) / np.maximum(lever, 0.05) ** 2
    weight = np.where(np.isfinite(offset), 1 / variance, 0.0)
    flat, offset = np.nan_to_num(flat / size[:, None]), np.nan_to_num(offset)
    return _crossing(flat, offset, weight=weight, event=used.event, events=used.events)


def _center_variance(used: ImageTable) -> FloatArray:
    """Return the variance, deg2, of an axis across itself at the center of the image."""
    truncated = 1 + LEAKAGE_ERROR * used["leakage_intensity_width_2"]
    return used["hillas_width"] ** 2 / used["hillas_intensity"] * truncated**2


def _crossing(
    normal: FloatArray, offset: FloatArray, *, weight: FloatArray, event: IntArray, events: int
) -> FloatArray:
    """Return the points ``(n, 2)`` nearest to the lines ``normal . p = offset`` of each event; NaN where parallel."""

    def total(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(event, weight * values, minlength=events), dtype=np.float64)

    a, b, c = total(normal[:, 0] ** 2), total(normal[:, 0] * normal[:, 1]), total(normal[:, 1] ** 2)
    u, v = total(normal[:, 0] * offset), total(normal[:, 1] * offset)
    determinant, trace = a * c - b**2, a + c
    crosses = determinant > MIN_CROSSING / 4 * trace**2
    with np.errstate(invalid="ignore", divide="ignore"):
        point = np.stack([(c * u - b * v) / determinant, (a * v - b * u) / determinant], axis=1)
    return np.where((crosses & (trace > 0))[:, None], point, np.nan)


def _height(used: ImageTable, *, lon: FloatArray, lat: FloatArray, core: FloatArray) -> FloatArray:
    """Return where the axis passes the middle of the images: impact over the tangent of their distance."""
    distance = np.deg2rad(np.hypot(used["hillas_fov_lon"] - lon[used.event], used["hillas_fov_lat"] - lat[used.event]))
    impact = impact_distance(used, lon=lon, lat=lat, core=core)
    with np.errstate(invalid="ignore", divide="ignore"):
        slant = impact / np.tan(distance)
        weight = np.where(np.isfinite(slant), used["hillas_intensity"] * distance, 0.0)
        mean = np.bincount(used.event, weight * np.nan_to_num(slant, posinf=0.0), minlength=used.events) / np.bincount(
            used.event, weight, minlength=used.events
        )
    return np.asarray(np.clip(mean, 0, 50_000))
