"""Normalizations: the part of a model that takes pixels in physical units and gives numbers near one.

Each is a module without parameters. Called on a batch it returns ``(x, scale, offset)``: ``x`` float32 of the image's
shape, zero where a pixel is invalid or not finite; ``scale`` and ``offset``, which broadcast to ``x`` and with which
``denormalize(y, scale=scale, offset=offset)`` gives physical units back. All is computed in float32, whatever the
precision of the network.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from merkhet.config import normalize as schemas
from merkhet.data.arrays import FloatArray
from merkhet.data.noise import MAD_TO_SIGMA
from merkhet.data.sample import Batch
from merkhet.errors import ConfigError, InputError
from merkhet.models.asinh import asinh
from merkhet.models.masks import all_finite, every
from merkhet.models.memory import quotient

DYNAMIC_RANGE = 1e9
"""Largest ratio of a pixel to the noise that :class:`AsinhNoise` accepts; noise below that is no measurement."""


class Normalizer(nn.Module, ABC):
    """Base of the normalizations: a subclass gives ``x``, ``scale`` and ``offset``; invalid pixels are seen to here."""

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``(x, scale, offset)`` of ``batch["image"]``, shape ``(B, C, *S)``.

        Raises
        ------
        ValueError
            ``batch["valid"]`` has not the axes of the image.
        """
        image, valid = batch["image"], batch["valid"]
        if valid.ndim != image.ndim:
            raise ValueError(f"valid has shape {tuple(valid.shape)}; it needs the axes of {tuple(image.shape)}")
        with torch.autocast(image.device.type, enabled=False):
            image = image.float()
            good = valid if all_finite(image) else valid & (image.abs() < torch.inf)
            x, scale, offset = self.normalize(image, good, batch)
            if not (image.is_cpu and every(good)):
                x = torch.where(good, x, 0.0)
            return (perturb(x, **batch["normalized"]) if "normalized" in batch else x), scale, offset

    @abstractmethod
    def normalize(self, image: Tensor, good: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``(x, scale, offset)`` of a float32 image; ``x`` may hold anything where ``good`` is False."""

    def denormalize(self, y: Tensor, *, scale: Tensor, offset: Tensor) -> Tensor:
        """Return physical units from normalized ones, float32."""
        return y.float() * scale + offset


class AsinhNoise(Normalizer):
    """``asinh(image / scale)`` with ``scale = softening * noise``, ``noise`` the sky sigma ``batch["noise"]``.

    Noise is floored as :func:`usable_noise` says: ``|x|`` never exceeds 22 for a softening of 1.

    References
    ----------
    Lupton, Gunn & Szalay 1999, AJ 118, 1406.
    """

    def __init__(self, config: schemas.AsinhNoise) -> None:
        super().__init__()
        self.softening = config.softening

    def normalize(self, image: Tensor, good: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``(x, scale, offset)``; the offset is zero."""
        scale = self.softening * usable_noise(image, good, batch["noise"])
        return asinh(image / scale), scale, torch.zeros_like(scale)

    def denormalize(self, y: Tensor, *, scale: Tensor, offset: Tensor) -> Tensor:
        """Return ``sinh(y) * scale + offset``."""
        return torch.sinh(y.float()) * scale + offset


class NoiseUnits(Normalizer):
    """``image / noise``, ``noise`` the sky sigma ``batch["noise"]``, floored as :func:`usable_noise` says; clipped.

    Clipped pixels do not come back in physical units.
    """

    def __init__(self, config: schemas.NoiseUnits) -> None:
        super().__init__()
        self.clip = math.inf if config.clip is None else config.clip

    def normalize(self, image: Tensor, good: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``(x, scale, offset)``; the offset is zero."""
        scale = usable_noise(image, good, batch["noise"])
        return quotient(image, scale).clamp_(-self.clip, self.clip), scale, torch.zeros_like(scale)


class ImageStandard(Normalizer):
    """``(image - mean) / std`` over the valid pixels of each image and band; a constant one becomes zeros.

    The standard deviation is that of the pixels, not of a sample of them: its square divides by their number.
    """

    def __init__(self, config: schemas.ImageStandard) -> None:
        super().__init__()

    def normalize(self, image: Tensor, good: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``(x, scale, offset)``; the offset is the mean."""
        number = good.flatten(2).sum(2).clamp(min=1)
        mean = torch.where(good, image, 0.0).flatten(2).sum(2) / number
        deviation = torch.where(good, image - _spread(mean, image), 0.0)
        std = (deviation.square().flatten(2).sum(2) / number).sqrt()
        scale = _spread(torch.where(std > 0, std, 1.0), image)
        return deviation / scale, scale, _spread(mean, image)


class Robust(Normalizer):
    """``(image - median) / (1.4826 MAD)`` over the valid pixels of each image and band.

    Where more than half of the pixels are equal the MAD is zero (sparse counts), and their standard deviation stands
    in; 1 where that is zero too. The median of an even number of pixels is the lower of the two in the middle.
    """

    def __init__(self, config: schemas.Robust) -> None:
        super().__init__()
        self.clip = config.clip

    def normalize(self, image: Tensor, good: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``(x, scale, offset)``; the offset is the median."""
        pixels = torch.where(good, image, torch.nan).flatten(2)
        median = pixels.nanmedian(dim=2, keepdim=True).values.nan_to_num(0.0)
        deviation = pixels - median
        mad = MAD_TO_SIGMA * deviation.abs().nanmedian(dim=2).values
        spread = _nanstd(pixels)
        scale = torch.where(mad > 0, mad, torch.where(spread > 0, spread, 1.0))
        x = deviation.view_as(image) / _spread(scale, image)
        if self.clip is not None:
            x = x.clamp(-self.clip, self.clip)
        return x, _spread(scale, image), _spread(median.squeeze(2), image)


class DatasetStandard(Normalizer):
    """``(image - mean) / std`` per band, with the numbers that :func:`fit_normalization` put into the schema.

    Raises
    ------
    ConfigError
        The schema holds no statistics, or not one per band.
    """

    def __init__(self, config: schemas.DatasetStandard) -> None:
        super().__init__()
        if config.mean is None or config.std is None:
            raise ConfigError("normalize dataset: mean and std are not known; fit them on the training rows")
        # Not persistent: they live in the bundle's schema, and in one place only.
        self.register_buffer("mean", torch.tensor(config.mean), persistent=False)
        self.register_buffer("std", torch.tensor(config.std), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def normalize(self, image: Tensor, good: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``(x, scale, offset)``, the same for every image."""
        if image.shape[1] != len(self.mean):
            raise ConfigError(f"normalize dataset: {len(self.mean)} means for an image of {image.shape[1]} bands")
        scale, offset = _spread(self.std[None], image), _spread(self.mean[None], image)
        return (image - offset) / scale, scale, offset


class LogMinMax(Normalizer):
    """``ln(1 + max(image, 0))``, then each image and band stretched to [0, 1]; a constant one becomes zeros.

    What is invalid, NaN or infinite counts as zero from the start, as in the published halo models.
    """

    def __init__(self, config: schemas.LogMinMax) -> None:
        super().__init__()

    def normalize(self, image: Tensor, good: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``(x, scale, offset)``: range and minimum of the logarithm."""
        logarithm = torch.log1p(torch.where(good, image, 0.0).clamp(min=0.0))
        lowest, highest = torch.aminmax(logarithm.flatten(2), dim=2)
        scale, offset = _spread(highest - lowest, image), _spread(lowest, image)
        return (logarithm - offset) / torch.where(scale > 0, scale, 1.0), scale, offset

    def denormalize(self, y: Tensor, *, scale: Tensor, offset: Tensor) -> Tensor:
        """Return ``exp(y * scale + offset) - 1``; what was negative has become zero."""
        return torch.expm1(super().denormalize(y, scale=scale, offset=offset))


def usable_noise(image: Tensor, good: Tensor, noise: Tensor) -> Tensor:
    """Return ``noise`` ``(B, C)`` as it divides an image ``(B, C, *S)``, with the axes of the image.

    Noise that is not finite, or below ``1e-9`` of the band's brightest valid pixel (zero above all), is replaced by
    that floor, and by 1 where every valid pixel is zero.
    """
    whole = image.is_cpu and every(good)
    pixels = (image if whole else torch.where(good, image, 0.0)).flatten(2)
    # Of an image of 4000 x 4000 px, aminmax() of an axis takes a processor nine times as long as both of these.
    floor = torch.maximum(-pixels.amin(dim=2), pixels.amax(dim=2)) / DYNAMIC_RANGE
    floor = torch.where(floor > 0, floor, 1.0)
    noise = noise.float()
    return _spread(torch.where(noise.isfinite() & (noise > floor), noise, floor), image)


def perturb(x: Tensor, *, noise: Tensor, brightness: Tensor) -> Tensor:
    """Return images between 0 and 1 with noise, then brightness, cut off at 0 and 1 after each: the published order.

    Parameters
    ----------
    x
        Normalized images ``(B, C, *S)``.
    noise
        What is added, of that shape.
    brightness
        Relative change of each image, ``(B,)``.
    """
    factor = 1 + brightness.reshape(-1, *[1] * (x.ndim - 1))
    return ((x + noise).clamp(0, 1) * factor).clamp(0, 1)


def fit_normalization(
    config: schemas.Normalization, rows: Iterable[tuple[FloatArray, npt.NDArray[np.bool_]]]
) -> schemas.Normalization:
    """Return the normalization with every number it needs, from one pass over the training rows.

    Only ``dataset`` without statistics has something to fit: mean and standard deviation of each band over the valid
    pixels of all rows together, merged row by row (Chan, Golub & LeVeque 1983, equation 2.1), so that nothing but a
    row is in memory and large offsets cost no digits. Others are returned as they are and ``rows`` is not read.

    Parameters
    ----------
    config
        The normalization as the experiment asks for it.
    rows
        ``(image, valid)`` pairs: ``(C, *S)`` and a mask that broadcasts to it.

    Raises
    ------
    InputError
        A band has no valid pixel, or one value in all of them.
    """
    if not isinstance(config, schemas.DatasetStandard) or config.mean is not None:
        return config
    count, mean, squares = np.zeros(1), np.zeros(1), np.zeros(1)
    for image, valid in rows:
        n, m, s = _moments(image, valid)
        total = np.maximum(count + n, 1)
        shift = m - mean
        squares = squares + s + shift**2 * count * n / total
        mean = mean + shift * n / total
        count = count + n
    std = np.sqrt(squares / np.maximum(count, 1))
    for band in np.flatnonzero(std == 0):
        seen = "no valid pixel" if count[band] == 0 else "the same value in every valid pixel"
        raise InputError(
            "training rows", f"band {band} has {seen}", action="Leave the band out, or use another normalization"
        )
    return schemas.DatasetStandard(mean=tuple(mean.tolist()), std=tuple(std.tolist()))


def _moments(image: FloatArray, valid: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.float64], ...]:
    """Return per band the number of valid pixels, their mean, and the sum of squared deviations from it."""
    good = (valid & np.isfinite(image)).reshape(len(image), -1)
    pixels = np.where(good, image.reshape(len(image), -1), 0).astype(np.float64)
    count = good.sum(axis=1).astype(np.float64)
    mean = pixels.sum(axis=1) / np.maximum(count, 1)
    squares = np.square(np.where(good, pixels - mean[:, None], 0)).sum(axis=1)
    return count, mean, squares


def _spread(values: Tensor, image: Tensor) -> Tensor:
    """View ``(B, C)`` numbers so that they broadcast to an image ``(B, C, *S)``."""
    return values.reshape(*values.shape, *[1] * (image.ndim - 2))


def _nanstd(pixels: Tensor) -> Tensor:
    """Return the standard deviation of the last axis, NaN left out; NaN where nothing is left."""
    return (pixels - pixels.nanmean(dim=-1, keepdim=True)).square().nanmean(dim=-1).sqrt()
