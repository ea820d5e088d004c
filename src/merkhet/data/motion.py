"""Motions of the pixel grid, and how each kind of entry of a batch follows them.

A motion takes the pixel position ``old`` to ``new = matrix @ (old - center) + center + shift``, positions being
(x, y), 0-based, at pixel centers. Only the last two axes of an array, (y, x), ever move: cubes move plane by plane.

A sample moves alike, to the last bit, in every batch. Sums of products are therefore written out, and transcendental
functions taken in float64 and rounded: vectorized ones may differ in the last bit with the length of the vector.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional

from merkhet.data.sample import Batch, Target

INVALID_SHARE = 1e-3
"""Smallest weight with which an invalid pixel spoils an interpolated one. Pixel positions are rounded to about
``1e-7`` of the image's width, which must not spread invalid pixels where a motion hits the grid."""


class Motion(ABC):
    """One motion per sample, of an image ``(height, width)``.

    A subclass moves pixels; positions and angles follow here.

    Attributes
    ----------
    matrix
        float32 ``(B, 2, 2)``: rotations and reflections.
    shift
        float32 ``(B, 2)``, in pixels.
    shape
        Height and width.
    """

    def __init__(self, matrix: Tensor, shift: Tensor, *, shape: tuple[int, int]) -> None:
        self.matrix, self.shift, self.shape = matrix, shift, shape

    @abstractmethod
    def pixels(self, values: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Move floats ``(B, ..., H, W)`` with their mask; values come out NaN where the mask comes out False."""

    @abstractmethod
    def mask(self, mask: Tensor) -> Tensor:
        """Move booleans ``(B, ..., H, W)``; False comes in from outside."""

    def points(self, xy: Tensor) -> Tensor:
        """Move positions ``(B, n, 2)``, those that leave the image as well."""
        height, width = self.shape
        center = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64, device=xy.device)
        dx, dy = (xy - center).tensor_split(2, dim=-1)
        moved = self.matrix[:, None, :, 0] * dx + self.matrix[:, None, :, 1] * dy
        return (moved + center + self.shift[:, None]).to(xy)

    def angles(self, angle: Tensor) -> Tensor:
        """Turn angles ``(B, ...)``, radians from +x towards +y. They are not brought back into one turn."""
        (a, b), (c, d) = (row.double().unbind(1) for row in self.matrix.unbind(1))
        turn, mirror = torch.atan2(c, a), torch.sign(a * d - b * c)
        return align(turn, angle).to(angle) + align(mirror, angle).to(angle) * angle


class Turns(Motion):
    """The eight symmetries of a square: ``element`` int64 ``(B,)`` in 0..7.

    Bit 4 exchanges x and y (square images only), then bit 1 reverses x and bit 2 reverses y.
    """

    def __init__(self, element: Tensor, *, shape: tuple[int, int]) -> None:
        self._element = element
        exchange, sign_x, sign_y = element // 4, 1 - 2 * (element % 2), 1 - 2 * (element // 2 % 2)
        rows = [
            torch.stack([sign_x * (1 - exchange), sign_x * exchange], dim=1),
            torch.stack([sign_y * exchange, sign_y * (1 - exchange)], dim=1),
        ]
        matrix = torch.stack(rows, dim=1).float()
        super().__init__(matrix, torch.zeros_like(matrix[:, 0]), shape=shape)

    def pixels(self, values: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Move pixels without changing one of them."""
        return self._permute(values), self._permute(valid)

    def mask(self, mask: Tensor) -> Tensor:
        """Move a mask."""
        return self._permute(mask)

    def _permute(self, planes: Tensor) -> Tensor:
        moved = torch.empty_like(planes, memory_format=torch.contiguous_format)
        for element in range(8):
            (rows,) = torch.nonzero(self._element == element, as_tuple=True)
            if len(rows):
                part = planes[rows].transpose(-1, -2) if element & 4 else planes[rows]
                moved[rows] = part.flip([axis for bit, axis in ((1, -1), (2, -2)) if element & bit])
        return moved


class Translation(Motion):
    """Shifts by whole pixels: ``shift`` int64 ``(B, 2)`` of (x, y)."""

    def __init__(self, shift: Tensor, *, shape: tuple[int, int]) -> None:
        super().__init__(torch.eye(2, device=shift.device).expand(len(shift), 2, 2), shift.float(), shape=shape)
        self._whole = shift
        self._reach = int(shift.abs().max()) if len(shift) else 0

    def pixels(self, values: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Move pixels without changing one of them; NaN comes in from outside."""
        return self._cut(values, fill=math.nan), self._cut(valid, fill=False)

    def mask(self, mask: Tensor) -> Tensor:
        """Move a mask."""
        return self._cut(mask, fill=False)

    def _cut(self, planes: Tensor, *, fill: float) -> Tensor:
        """Cut the shifted window out of a padded image; `windows` is a view, so only what is cut is copied."""
        padded = functional.pad(planes, [self._reach] * 4, value=fill)
        windows = padded.unfold(-2, planes.shape[-2], 1).unfold(-2, planes.shape[-1], 1)
        x, y = (self._reach - self._whole).unbind(1)
        batch = torch.arange(len(planes), device=planes.device)
        return windows.movedim((-4, -3), (1, 2))[batch, y, x]


class Resampling(Motion):
    """Rotations by ``angle`` (radians, ``(B,)``, +x towards +y) and shifts ``(B, 2)`` by parts of a pixel."""

    def __init__(self, angle: Tensor, shift: Tensor, *, shape: tuple[int, int]) -> None:
        cos, sin = angle.double().cos().float(), angle.double().sin().float()
        matrix = torch.stack([torch.stack([cos, -sin], dim=1), torch.stack([sin, cos], dim=1)], dim=1)
        super().__init__(matrix, shift, shape=shape)
        self._grid = self._sources()

    def pixels(self, values: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Interpolate between the four nearest pixels, all of them valid; otherwise the result is not."""
        filled, weight = self._planes(torch.where(valid, values, 0.0)), self._planes(valid)
        moved, weight = self._sample(torch.cat([filled, weight], dim=1), "bilinear").tensor_split([filled.shape[1]], 1)
        valid = (weight > 1 - INVALID_SHARE).view_as(valid)
        return torch.where(valid, moved.reshape_as(values), torch.nan), valid

    def mask(self, mask: Tensor) -> Tensor:
        """Take the nearest pixel."""
        return self._sample(self._planes(mask), "nearest").bool().view_as(mask)

    def _planes(self, values: Tensor) -> Tensor:
        """View ``(B, ..., H, W)`` as float32 planes ``(B, n, H, W)``."""
        return values.reshape(len(values), -1, *self.shape).to(self._grid)

    def _sample(self, planes: Tensor, mode: str) -> Tensor:
        return functional.grid_sample(planes, self._grid, mode=mode, align_corners=False)

    def _sources(self) -> Tensor:
        """Return where each pixel comes from, ``(B, H, W, 2)``, in grid_sample's units: -1 to 1 across the image."""
        height, width = self.shape
        x, y = (torch.arange(n, device=self.shift.device) - (n - 1) / 2 for n in (width, height))
        dx, dy = x - self.shift[:, :1], y - self.shift[:, 1:]
        grid = self.shift.new_empty(len(self.shift), height, width, 2)
        for axis, size in enumerate((width, height)):
            # The inverse of a rotation is its transpose.
            towards = self.matrix[:, :, axis] * (2 / size)
            torch.add((towards[:, :1] * dx)[:, None, :], (towards[:, 1:] * dy)[:, :, None], out=grid[..., axis])
        return grid


def align(values: Tensor, other: Tensor) -> Tensor:
    """View the leading axes ``(B,)`` or ``(B, C)`` so that they broadcast to ``other``, ``(B, C, ...)``."""
    return values.reshape(*values.shape, *[1] * (other.ndim - values.ndim))


def move(batch: Batch, motion: Motion) -> Batch:
    """Return the batch with image, mask of valid pixels and targets moved.

    Raises
    ------
    ValueError
        An image or mask among the targets has not the height and width of the image.
    """
    valid = batch["valid"].expand(*batch["valid"].shape[:-2], *motion.shape)
    image, valid = motion.pixels(batch["image"], valid)
    target = {name: _move_target(name, target, motion) for name, target in batch["target"].items()}
    return {**batch, "image": image, "valid": valid, "target": target}


def _move_target(name: str, target: Target, motion: Motion) -> Target:
    value = target.value
    if target.kind in ("image", "mask") and value.shape[-2:] != motion.shape:
        raise ValueError(f"target {name} is {tuple(value.shape[-2:])}; it needs the size of the image, {motion.shape}")
    match target.kind:
        case "image":
            return target.with_value(motion.pixels(value, value.isfinite())[0])
        case "mask":
            return target.with_value(motion.mask(value))
        case "objects":
            return target.with_value(torch.cat([motion.points(value[..., :2]), value[..., 2:]], dim=-1))
        case "angle":
            return target.with_value(motion.angles(value))
        case _:
            return target
