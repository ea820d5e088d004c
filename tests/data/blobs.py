"""Elongated blobs of known position and angle, and how to measure them in pixels."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Blob:
    """Position, position angle (radians from +x towards +y, modulo pi) and flux, ``(B,)`` each."""

    x: Tensor
    y: Tensor
    angle: Tensor
    flux: Tensor


def render(blob: Blob, *, shape: tuple[int, int], axes: tuple[float, float] = (4.0, 2.0)) -> Tensor:
    """Return Gaussians ``(B, 1, H, W)`` of the given sigmas in pixels along and across the angle."""
    y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in shape), indexing="ij")
    dx, dy = x - blob.x[:, None, None], y - blob.y[:, None, None]
    cos, sin = blob.angle.cos()[:, None, None], blob.angle.sin()[:, None, None]
    along, across = (dx * cos + dy * sin) / axes[0], (dy * cos - dx * sin) / axes[1]
    value = torch.exp(-(along**2 + across**2) / 2)
    return (value * (blob.flux / value.sum(dim=(1, 2)))[:, None, None])[:, None].float()


def measure(image: Tensor) -> Blob:
    """Return the moments of each image ``(B, 1, H, W)``; invalid pixels count as zero."""
    image = image[:, 0].double().nan_to_num(0.0)
    y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in image.shape[1:]), indexing="ij")
    flux = image.sum(dim=(1, 2))

    def mean(values: Tensor) -> Tensor:
        return (image * values).sum(dim=(1, 2)) / flux

    cx, cy = mean(x), mean(y)
    xx, yy, xy = mean(x * x) - cx**2, mean(y * y) - cy**2, mean(x * y) - cx * cy
    return Blob(cx, cy, 0.5 * torch.atan2(2 * xy, xx - yy), flux)


def angle_between(a: Tensor, b: Tensor) -> Tensor:
    """Return the difference of two axes, in [-pi/2, pi/2)."""
    return torch.remainder(a - b + torch.pi / 2, torch.pi) - torch.pi / 2
