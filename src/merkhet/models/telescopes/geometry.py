"""The axes of the images of an event intersected, as a layer: direction, core and height of its shower.

The same as :mod:`merkhet.evaluate.cherenkov.stereo` in single precision, for whole batches on any device.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from merkhet.io.cherenkov.axis_errors import (
    FIRST_DISTANCE_DEG,
    LEAKAGE_ERROR,
    MIN_CROSSING,
    PIXEL_ERROR_DEG,
    ROUNDS,
)


class Axes(NamedTuple):
    """The axes of the images of events, ``(B, S)`` each but for the vectors.

    Attributes
    ----------
    center, axis
        ``(B, S, 2)``: center in deg from the pointing, and unit vector.
    length, width, size, leakage
        Extents in deg, charge, share of it at the edge of the camera.
    used
        1 where there is an image with an axis, else 0.
    position
        ``(B, S, 3)``: telescope in m, along the pointing, towards larger azimuth, towards larger altitude.
    """

    center: Tensor
    axis: Tensor
    length: Tensor
    width: Tensor
    size: Tensor
    leakage: Tensor
    used: Tensor
    position: Tensor


class Crossing(NamedTuple):
    """What the axes say of each event; zero where they do not cross.

    Attributes
    ----------
    valid
        ``(B,)``: 1 where direction and core are known, else 0.
    direction
        ``(B, 2)``: deg from the pointing.
    core
        ``(B, 2)``: where the shower's axis passes the plane across the pointing through the array's center, m.
    height
        ``(B,)``: distance of the shower's maximum along its axis, m.
    impact
        ``(B, S)``: distance of each telescope from the shower's axis, m.
    """

    valid: Tensor
    direction: Tensor
    core: Tensor
    height: Tensor
    impact: Tensor


@torch.no_grad()
def cross(axes: Axes) -> Crossing:
    """Intersect the axes of each event on the sky and on the plane across the pointing."""
    direction, on_sky = _on_sky(axes)
    core, on_ground = _on_plane(axes, direction)
    valid = on_sky & on_ground & (axes.used.sum(dim=1) >= 2)
    direction, core = direction * valid[:, None], core * valid[:, None]
    flat = torch.cat([torch.zeros_like(core[:, :1]), core], dim=1)
    toward = _sky_vector(direction)[:, None].expand_as(axes.position)
    impact = torch.linalg.cross(axes.position - flat[:, None], toward).norm(dim=2) * valid[:, None]
    distance = torch.deg2rad((axes.center - direction[:, None]).norm(dim=2))
    weight = axes.used * axes.size * distance
    slant = impact / distance.clamp(min=1e-4)
    height = (weight * slant).sum(dim=1) / weight.sum(dim=1).clamp(min=1e-6)
    return Crossing(valid.float(), direction, core, height.clamp(max=5e4), impact)


def in_pointing_frame(position: Tensor, pointing: Tensor) -> Tensor:
    """Turn positions ``(N, 3)``, north, west, up, into the frame of pointings ``(N, 2)``: altitude and azimuth in rad.

    Without a pointing the telescopes are taken to look up.
    """
    known = pointing.isfinite().all(dim=1)
    altitude = torch.where(known, pointing[:, 0], torch.pi / 2)
    azimuth = torch.where(known, pointing[:, 1], 0.0)
    ca, sa, cz, sz = altitude.cos(), altitude.sin(), azimuth.cos(), azimuth.sin()
    north, west, up = position.unbind(dim=1)
    forward = ca * cz * north - ca * sz * west + sa * up
    sideways = -sz * north - cz * west
    higher = -sa * cz * north + sa * sz * west + ca * up
    return torch.stack([forward, sideways, higher], dim=1)


def _on_sky(axes: Axes) -> tuple[Tensor, Tensor]:
    """Return points ``(B, 2)`` and whether there is one; errors grow with the distance, so that this takes rounds."""
    normal = torch.stack([-axes.axis[..., 1], axes.axis[..., 0]], dim=2)
    offset = (normal * axes.center).sum(dim=2)
    distance = torch.full_like(offset, FIRST_DISTANCE_DEG)
    length = axes.length.clamp(min=1e-3)
    for _ in range(ROUNDS):
        variance = _center_variance(axes) * (1 + (distance / length) ** 2) + PIXEL_ERROR_DEG**2
        point, crosses = _crossing(normal, offset, weight=axes.used / variance)
        found = (axes.center - point[:, None]).norm(dim=2)
        distance = torch.where(crosses[:, None], found, FIRST_DISTANCE_DEG)
    return point, crosses


def _on_plane(axes: Axes, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Intersect the planes that hold telescopes, their images' axes and the source with the plane of the array."""
    source = direction[:, None].expand_as(axes.center)
    # The end of the image that lies away from the source: the longer the lever, the better the plane.
    side = torch.where(((axes.center - source) * axes.axis).sum(dim=2) < 0, -1.0, 1.0)
    far = axes.center + axes.axis * (side * axes.length)[..., None]
    normal = torch.linalg.cross(_sky_vector(source), _sky_vector(far))
    flat = normal[..., 1:]
    norm = flat.norm(dim=2).clamp(min=1e-9)
    offset = (normal * axes.position).sum(dim=2) / norm
    lever = (far - source).norm(dim=2).clamp(min=0.05)
    variance = (_center_variance(axes) + PIXEL_ERROR_DEG**2) / lever**2
    return _crossing(flat / norm[..., None], offset, weight=axes.used / variance)


def _center_variance(axes: Axes) -> Tensor:
    """Return the variance, deg2, of an axis across itself at the center of the image."""
    return axes.width**2 / axes.size.clamp(min=1.0) * (1 + LEAKAGE_ERROR * axes.leakage) ** 2


def _crossing(normal: Tensor, offset: Tensor, *, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the points ``(B, 2)`` nearest to lines ``normal . p = offset`` of each event, and whether they cross."""
    # Weights of one size: sums of very different ones would lose digits in single precision.
    weight = weight / weight.amax(dim=1, keepdim=True).clamp(min=1e-12)
    x, y = normal.unbind(dim=2)
    a, b, c = (weight * x * x).sum(dim=1), (weight * x * y).sum(dim=1), (weight * y * y).sum(dim=1)
    u, v = (weight * x * offset).sum(dim=1), (weight * y * offset).sum(dim=1)
    determinant, trace = a * c - b**2, a + c
    crosses = (determinant > MIN_CROSSING / 4 * trace**2) & (trace > 0)
    safe = torch.where(crosses, determinant, 1.0)
    point = torch.stack([(c * u - b * v) / safe, (a * v - b * u) / safe], dim=1)
    return torch.where(crosses[:, None], point, 0.0), crosses


def _sky_vector(offset: Tensor) -> Tensor:
    """Return unit vectors ``(..., 3)``: along the pointing, to larger azimuth, to larger altitude; offsets in deg."""
    lon, lat = torch.deg2rad(offset).unbind(dim=-1)
    return torch.stack([lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()], dim=-1)
