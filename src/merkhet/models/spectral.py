"""A network that looks at the Fourier plane of an image: for stripes, fringes and ripples that fill it."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.checkpoint import checkpoint

from merkhet.config import models as schemas
from merkhet.errors import ConfigError
from merkhet.models.blocks import conv_block, initialize

SOURCE = 3.0
"""Pixels above this belong to sources, in units of the noise, as which ``normalize.kind: noise`` gives pixels."""

BLOCK = 4
"""Sources are cut out in blocks of so many pixels, and all blocks that touch these."""

FLOOR = 10.0
"""Power, over its mean in the plane, around which its scale turns from linear to logarithmic.

What fills a measured cell of the uv plane stands far above the mean of the plane, most of which is empty; the logarithm
of what is below would be that of next to nothing.
"""

NEIGHBORHOOD = 21
"""Width in cells of the box whose mean power a cell is compared with."""

LARGEST_FREQUENCY = 0.4
"""Cycles per pixel: no image has fewer than 2.5 pixels across its beam."""


class Spectral(nn.Module):
    """Fourier power of an image of any size, in polar coordinates, seen by convolutions that know no direction.

    Interference is excess power in a few cells of the uv plane of an interferometer, or along one direction; a source
    outside the field leaves power in a strip across it. Both are spread over the whole image, faint in any pixel, and
    stand out in its Fourier plane. So sources are cut out, and the power spectra of square tiles, tapered, averaged
    over the image (Welch 1967, IEEE Trans. Audio Electroacoust. 15, 70). The average, and how far each cell stands out
    from the cells around it, are resampled to polar coordinates, in which a direction is a column, and go

    - through convolutions in both coordinates, periodic in the angle, as mean and largest value of small cells;
    - averaged over rings, through convolutions along the angle, at full resolution.

    Mean and maximum over the plane make the vector: turning the image does not change it, but for the tiles' corners.
    An image of twice the size has the same plane with less noise in it. Only a row of tiles is in work at a time.

    Parameters
    ----------
    config
        Its schema; see :class:`merkhet.config.models.Spectral`.
    channels
        Bands of the image.
    dims, shape
        Two dimensions, of any shape; an image smaller than a tile is padded with zeros about it.

    Attributes
    ----------
    by_tiles
        True: what it does depends on the shape of the image, so no other library can trace it once for all shapes.
    levels
        The convolutions of the plane, then those of the directions; fine-tuning freezes the first or both.
    head
        From what both saw to the vector.
    out_features
        Length of the vector.

    Raises
    ------
    ConfigError
        ``dims`` is not 2.
    """

    by_tiles = True

    def __init__(self, config: schemas.Spectral, *, channels: int, dims: int, shape: tuple[int, ...] | None) -> None:
        if dims not in config.dims:
            raise ConfigError(
                f"model.kind=spectral is for images (input.dims=2), but input.dims={dims}. Choose another model.kind"
            )
        super().__init__()
        self.config = config
        plane = _convolutions(5 * channels + 1, config.plane_widths, config=config, tall=True)
        directions = _convolutions(
            3 * (config.rings + 1) * channels, config.direction_widths, config=config, tall=False
        )
        self.levels = nn.ModuleList([plane, directions])
        self.head = nn.Dropout(config.dropout)
        self.out_features = 2 * (config.plane_widths[-1] + config.direction_widths[-1])
        initialize(self, activation=config.activation)

    def forward(self, x: Tensor) -> Tensor:
        """Map an image ``(B, C, H, W)`` to features ``(B, out_features)``."""
        planes = polar_planes(mean_power(x.float(), side=self.config.tile), self.config)
        dtype = next(self.parameters()).dtype
        seen = [level(plane.to(dtype)).flatten(2) for level, plane in zip(self.levels, planes, strict=True)]
        features: Tensor = self.head(torch.cat([pool for y in seen for pool in (y.mean(dim=2), y.amax(dim=2))], dim=1))
        return features


def mean_power(x: Tensor, *, side: int) -> Tensor:
    """Return the Fourier power of an image ``(B, C, H, W)`` without its sources, averaged over tapered tiles.

    Returns
    -------
    power
        ``(B, C, side, side / 2 + 1)``: the half plane as :func:`torch.fft.rfft2` orders it, 1 in each cell for white
        noise of sigma 1.
    """
    taper = _taper(side, x.device)
    powers, count = [], 0
    for row in rows_of_tiles(x, side):
        # What a gradient with respect to the image needs is computed again rather than kept: 20 times the image.
        powers.append(checkpoint(_power, row, taper, use_reentrant=False) if row.requires_grad else _power(row, taper))
        count += row.shape[1]
    return torch.stack(powers).sum(dim=0) / count


def _power(tiles: Tensor, taper: Tensor) -> Tensor:
    """Return the power of tiles ``(B, T, C, side, side)``, summed over them."""
    cells = torch.view_as_real(torch.fft.rfft2(without_sources(tiles) * taper))
    return cells.square().sum(dim=1).sum(dim=-1)


def without_sources(tiles: Tensor) -> Tensor:
    """Set every block of pixels to zero that holds a source, or touches one that does: ``(..., H, W)``."""
    rows = torch.unflatten(tiles, -2, (-1, BLOCK)).amax(dim=-2)
    brightest = torch.unflatten(rows, -1, (-1, BLOCK)).amax(dim=-1)
    bright = (brightest.flatten(0, -3) > SOURCE).to(tiles.dtype)[:, None]
    dark = 1 - _with_neighbors(bright)
    return tiles * F.interpolate(dark, scale_factor=BLOCK, mode="nearest").view_as(tiles)


def _with_neighbors(bright: Tensor) -> Tensor:
    """Return the largest of each cell and the eight about it, ``(..., y, x)``, none of them negative.

    A processor takes 20 times as long for the same by ``max_pool2d``.
    """
    padded = F.pad(bright, (1, 1, 1, 1))
    columns = torch.maximum(torch.maximum(padded[..., :-2, :], padded[..., 1:-1, :]), padded[..., 2:, :])
    return torch.maximum(torch.maximum(columns[..., :-2], columns[..., 1:-1]), columns[..., 2:])


def polar_planes(power: Tensor, config: schemas.Spectral) -> tuple[Tensor, Tensor]:
    """Return what stands out in Fourier power ``(B, C, side, side / 2 + 1)``, in polar coordinates.

    Returns
    -------
    plane
        ``(B, 5 C + 1, radii, angles)``: contrast with the neighborhood, mean and largest; power above the mean of its
        radius, mean, and power itself, largest; that mean; and the radius.
    profiles
        ``(B, 3 (rings + 1) C, 1, 2 * angles)``: means over radii, by ring and over all, of contrast, power and
        amplitude, above the mean of all directions.
    """
    unit = FLOOR * power.mean(dim=(2, 3), keepdim=True) + torch.finfo(torch.float32).tiny
    level = (power / unit).log1p()
    contrast = level - (_blur(power) / unit).log1p()
    fine, coarse = (_half_plane(config.tile, n * config.radii, n * config.angles, power.device) for n in (2, 1))
    levels, contrasts = _sample(level, fine), _sample(contrast, fine)
    profile = levels.mean(dim=3, keepdim=True)
    means = [F.avg_pool2d(values, 2) for values in (contrasts, levels - profile)]
    # The largest of 5 x 5 cells: no cell lies between two of the coarse polar ones unseen.
    peaks = [_sample(F.max_pool2d(plane, 5, stride=1, padding=2), coarse) for plane in (contrast, level)]
    shape = F.avg_pool2d(profile, (2, 1)).expand_as(means[0])
    radius = torch.linspace(-1, 1, config.radii, device=power.device)[:, None].expand_as(shape[:, :1])
    amplitudes = levels.expm1().clamp(min=0).sqrt()
    profiles = [_rings(values, config.rings) for values in (contrasts, levels, amplitudes)]
    return torch.cat([*means, *(peak - 1.5 for peak in peaks), shape, radius], dim=1), torch.cat(profiles, dim=1)


def _blur(power: Tensor) -> Tensor:
    """Return the mean over a box about each cell of half planes."""
    for kernel in ((NEIGHBORHOOD, 1), (1, NEIGHBORHOOD)):
        margin = (kernel[0] // 2, kernel[1] // 2)
        power = F.avg_pool2d(power, kernel, stride=1, padding=margin, count_include_pad=False)
    return power


def _rings(values: Tensor, rings: int) -> Tensor:
    """Return means over the radii of each ring and over all, ``(B, (rings + 1) C, 1, angle)``, less their own mean."""
    by_ring = F.adaptive_avg_pool2d(values, (rings, values.shape[3]))
    profiles = torch.cat([by_ring, values.mean(dim=2, keepdim=True)], dim=2)
    return 3 * (profiles - profiles.mean(dim=3, keepdim=True)).flatten(1, 2)[:, :, None]


def _sample(plane: Tensor, grid: Tensor) -> Tensor:
    """Resample half planes ``(B, C, side, side / 2 + 1)`` to the cells of a polar grid, linearly."""
    centered = plane.roll(plane.shape[2] // 2, dims=2)
    return F.grid_sample(centered, grid.expand(len(plane), -1, -1, -1), align_corners=True)


# Not buffers: in bfloat16 neither would be good enough.
@lru_cache(maxsize=8)
def _half_plane(side: int, radii: int, angles: int, device: torch.device) -> Tensor:
    """Return where polar cells ``(1, radius, angle, 2)`` lie in a half plane, as ``grid_sample`` counts: x, y.

    Radii grow as a square, so that short baselines, which are the last to be smeared, get their share of the cells.
    """
    with torch.inference_mode(mode=False):
        half = side // 2
        radius = ((torch.arange(radii, device=device) + 0.5) / radii).square() * LARGEST_FREQUENCY * side
        angle = ((torch.arange(angles, device=device) + 0.5) / angles - 0.5) * math.pi
        u, v = radius[:, None] * angle.cos(), radius[:, None] * angle.sin()
        # Columns run from u = 0 to half, rows, when the plane is centered, from v = -half to half - 1.
        return torch.stack([2 * u / half - 1, 2 * (v + half) / (2 * half - 1) - 1], dim=-1)[None]


@lru_cache(maxsize=8)
def _taper(side: int, device: torch.device) -> Tensor:
    """Return a window ``(side, side)`` that falls as a cosine over an eighth of each side, of sum of squares 1."""
    with torch.inference_mode(mode=False):
        edge = side // 8
        rise = torch.sin(torch.arange(1, edge + 1, device=device) * (math.pi / 2 / (edge + 1))).square()
        one = torch.cat([rise, torch.ones(side - 2 * edge, device=device), rise.flip(0)])
        return one[:, None] * one / one.square().sum()


def rows_of_tiles(x: Tensor, side: int) -> Iterator[Tensor]:
    """Yield tiles ``(B, T, C, side, side)`` that cover an image ``(B, C, H, W)`` evenly, row by row."""
    lack = [max(0, side - n) for n in x.shape[-2:]]
    if any(lack):
        x = F.pad(x, (lack[1] // 2, lack[1] - lack[1] // 2, lack[0] // 2, lack[0] - lack[0] // 2))
    left = tile_starts(x.shape[-1], side)
    for top in tile_starts(x.shape[-2], side):
        row = x[..., top : top + side, :]
        yield torch.stack([row[..., start : start + side] for start in left], dim=1)


def tile_starts(size: int, side: int) -> Sequence[int]:
    """Return where the fewest tiles start that cover a length evenly, from its first to its last pixel."""
    count = -(-size // side)
    return [round(number * (size - side) / max(1, count - 1)) for number in range(count)]


def _convolutions(inputs: int, widths: tuple[int, ...], *, config: schemas.Spectral, tall: bool) -> nn.Sequential:
    """Return convolutions that are periodic in the angle, the resolution halved between them.

    ``tall`` ones act in both coordinates, the others along the angle alone.
    """
    layers: list[nn.Module] = []
    for number, width in enumerate(widths):
        block = conv_block(inputs, width, dims=2, norm=config.norm, activation=config.activation)
        block[0] = nn.Conv2d(inputs, width, 3 if tall else (1, 5), bias=config.norm == "none")
        layers += [nn.MaxPool2d((2 if tall else 1, 2))] if number else []
        layers += [Periodic(1 if tall else 2, tall=tall), *block]
        inputs = width
    return nn.Sequential(*layers)


class Periodic(nn.Module):
    """Pad a polar plane ``(B, C, radius, angle)``: periodic in the angle; ``tall``, by its edge in radius as well."""

    def __init__(self, width: int, *, tall: bool) -> None:
        super().__init__()
        self.width, self.tall = width, tall

    def forward(self, x: Tensor) -> Tensor:
        """Return the plane with a margin."""
        x = F.pad(x, (self.width, self.width, 0, 0), mode="circular")
        return F.pad(x, (0, 0, self.width, self.width), mode="replicate") if self.tall else x
