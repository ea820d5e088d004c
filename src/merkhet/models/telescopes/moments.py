"""Hillas' moments of the images of a camera as a layer: where on the sky an image lies, its axis and its shape."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from merkhet.config.arrays import CameraPixels
from merkhet.errors import ConfigError
from merkhet.io.cherenkov.direction import camera_to_offset
from merkhet.io.cherenkov.hillas import border_pixels
from merkhet.models.cameras.lattice import FloatArray, find_lattice

SHAPES = 20
"""Numbers that describe an image for a network."""

FEWEST_PIXELS = 3
_LARGEST = 5.0


class Moments(NamedTuple):
    """What the cleaned pixels of each image say, float32.

    Attributes
    ----------
    center
        ``(N, 2)``: longitude and latitude of the center of charge, deg from the pointing.
    axis
        ``(N, 2)``: unit vector along the image, towards its longer tail; (1, 0) where it has none.
    length, width
        ``(N,)``: root mean square extents, deg.
    size
        ``(N,)``: charge, photo-electrons.
    leakage
        ``(N,)``: share of the charge in the two outermost rings of pixels.
    usable
        ``(N,)``: 1 for an image of three pixels and some width, else 0.
    shape
        ``(N, SHAPES)``: these and others as numbers near one.
    """

    center: Tensor
    axis: Tensor
    length: Tensor
    width: Tensor
    size: Tensor
    leakage: Tensor
    usable: Tensor
    shape: Tensor


class HillasMoments(nn.Module):
    """Moments of whole batches of images, on the device where they are; those of :mod:`merkhet.io.cherenkov.hillas`.

    Parameters
    ----------
    camera
        Pixels of the camera, and the focal length that puts them on the sky.

    Raises
    ------
    ConfigError
        The focal length is not known.
    """

    def __init__(self, camera: CameraPixels) -> None:
        super().__init__()
        lattice = find_lattice(camera.positions, camera.pixel_shape, name=camera.camera)
        sides = lattice.neighbors()[:, : 6 if camera.pixel_shape == "hexagonal" else 4]
        border = np.stack([border_pixels(sides, width=width) for width in (1, 2)], axis=1)
        sky = sky_of_camera(camera.positions, camera)
        self.pitch_deg = float(np.rad2deg(lattice.pitch / _focal_length(camera)))
        self.register_buffer("sky", torch.from_numpy(sky.T.copy()).float(), persistent=False)
        self.register_buffer("border", torch.from_numpy(border).float(), persistent=False)
        self.sky: Tensor
        self.border: Tensor

    @torch.no_grad()
    def forward(self, charge: Tensor, time: Tensor) -> Moments:
        """Return the moments of images ``(N, P)``: cleaned charges in photo-electrons, times in ns after any zero.

        Images without charge have zeros throughout.
        """
        with torch.autocast(charge.device.type, enabled=False):
            return self._moments(charge.float().clamp(min=0), time.float())

    def _moments(self, charge: Tensor, time: Tensor) -> Moments:
        size = charge.sum(dim=1)
        weight = charge / size.clamp(min=1e-6)[:, None]
        center = weight @ self.sky.T
        offset = self.sky - center[:, :, None]  # (N, 2, P)
        axis, length, width = _ellipse(weight, offset)
        along, across = _turn(offset, axis)
        skewness = (weight * along**3).sum(dim=1) / length.clamp(min=1e-3) ** 3
        # The longer tail shows one way in all images: half of the orientations are enough to learn from.
        side = torch.where(skewness < 0, -1.0, 1.0)
        axis, along, across = axis * side[:, None], along * side[:, None], across * side[:, None]
        kurtosis = (weight * along**4).sum(dim=1) / length.clamp(min=1e-3) ** 4
        slope, deviation = _timing(weight, time, along, variance=length.square())
        leakage = weight @ self.border
        pixels = (charge > 0).sum(dim=1)
        inside = (along / length.clamp(min=1e-3)[:, None]) ** 2 + (across / width.clamp(min=1e-3)[:, None]) ** 2 <= 1
        near = along**2 + across**2 < self.pitch_deg**2
        usable = (pixels >= FEWEST_PIXELS) & (width > 0)
        logs = [
            values.clamp(min=floor).log10()
            for values, floor in ((size, 1.0), (length, 0.01), (width, 0.01), (pixels.float(), 1.0))
        ]
        shape = [
            logs[0] - 2, logs[1] + 0.7, logs[2] + 1.2, logs[3] - 1, logs[0] - logs[1] - logs[2] - 4,
            center[:, 0] / 2, center[:, 1] / 2, center.norm(dim=1) / 2, axis[:, 0], axis[:, 1],
            (center * axis).sum(dim=1) / 2, skewness.abs(), kurtosis - 3, slope / 10, deviation.log1p(),
            leakage[:, 0], leakage[:, 1], (weight * near).sum(dim=1), (weight * inside).sum(dim=1),
            weight.amax(dim=1),
        ]  # fmt: skip
        numbers = torch.stack(shape, dim=1).clamp(-_LARGEST, _LARGEST) * (size > 0)[:, None]
        return Moments(center, axis, length, width, size, leakage[:, 1], usable.float(), numbers)


def sky_of_camera(positions: FloatArray, camera: CameraPixels) -> FloatArray:
    """Return longitude and latitude, deg from the pointing, ``(K, 2)``, of positions in a camera in m.

    Raises
    ------
    ConfigError
        The focal length is not known.
    """
    x, y = positions.T
    return camera_to_offset(x, y, focal_length_m=_focal_length(camera), camera_rotation_deg=camera.camera_rotation_deg)


def _focal_length(camera: CameraPixels) -> float:
    if camera.focal_length_m is None:
        raise ConfigError(
            f"the data do not say the focal length of {camera.type}, which a shower_array needs; "
            "take model.kind=telescope_array"
        )
    return camera.focal_length_m


def _ellipse(weight: Tensor, offset: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the long axis ``(N, 2)``, and the extents along and across it ``(N,)``, of weights ``(N, P)``."""
    x, y = offset.unbind(dim=1)
    xx, yy, xy = (weight * x * x).sum(dim=1), (weight * y * y).sum(dim=1), (weight * x * y).sum(dim=1)
    spread = torch.hypot(xx - yy, 2 * xy)
    angle = torch.atan2(2 * xy, xx - yy) / 2
    length, width = (((xx + yy + sign * spread) / 2).clamp(min=0) for sign in (1, -1))
    # A variance below this is the rounding of single precision: one pixel, or a straight line of them.
    width = torch.where(width > 1e-6, width, 0.0)
    return torch.stack([angle.cos(), angle.sin()], dim=1), length.sqrt(), width.sqrt()


def _turn(offset: Tensor, axis: Tensor) -> tuple[Tensor, Tensor]:
    """Return offsets ``(N, 2, P)`` along and across an axis."""
    x, y = offset.unbind(dim=1)
    u, v = axis[:, :1], axis[:, 1:]
    return x * u + y * v, y * u - x * v


def _timing(weight: Tensor, time: Tensor, along: Tensor, *, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return the slope of times along the axis, ns/deg, and what is left of their spread, ns."""
    late = time - (weight * time).sum(dim=1, keepdim=True)
    covariance = (weight * late * along).sum(dim=1)
    slope = covariance / variance.clamp(min=1e-4)
    rest = (weight * late * late).sum(dim=1) - slope * covariance
    return slope, rest.clamp(min=0).sqrt()
