"""Augmentations: what a sample may undergo without being another one, on whole batches, in physical units.

Every augmentation takes a batch and its draws and returns a new batch; what it was given is left as it was. Pixels are
NaN where invalid, before and after, and never bleed into valid ones. The schemas are in :mod:`merkhet.config.augment`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np
import scipy.fft
import torch
from torch import Tensor

from merkhet.config import augment as schemas
from merkhet.config.base import build
from merkhet.config.inputs import Band, Role
from merkhet.data.arrays import FloatArray
from merkhet.data.draws import Draws
from merkhet.data.motion import Motion, Resampling, Translation, Turns, align, move
from merkhet.data.sample import Batch, Target
from merkhet.data.subset import positives, put, take
from merkhet.errors import ConfigError, InputError

ConfigT = TypeVar("ConfigT", bound=schemas.Step)


class Augmenter:
    """The augmentations of an experiment, one after the other.

    What happens to a sample is a function of (seed, epoch, row, repeat) and nothing else: not of the batch it stands
    in, its place there, or the number of processes and threads.

    Parameters
    ----------
    configs
        Schemas in the order of application.
    seed
        Seed of the experiment, below 2^32.
    bands
        Bands of the image, in order.

    Raises
    ------
    ConfigError
        An augmentation cannot act on these bands.
    """

    def __init__(self, configs: Sequence[schemas.Step], *, seed: int, bands: Sequence[Band]) -> None:
        self._augmentations: list[Augmentation[schemas.Step]] = [
            build(config, bands=tuple(bands)) for config in configs
        ]
        self._seed, self._channels = seed, len(bands)

    def __call__(self, batch: Batch, *, epoch: int, repeat: Tensor | None = None) -> Batch:
        """Return the augmented batch.

        Parameters
        ----------
        batch
            As :mod:`merkhet.data.sample` describes it.
        epoch
            Number of the epoch.
        repeat
            int64 ``(B,)``: how often each row was drawn before in this epoch; never where absent.

        Raises
        ------
        ConfigError
            The batch holds no image, or another number of bands; or it has no classes of which one is positive.
        """
        self._require_image(batch)
        rows = torch.arange(len(batch["index"]))
        for position, augmentation in enumerate(self._augmentations):
            chosen = positives(batch) if augmentation.config.samples == "positive" else rows
            if len(chosen):
                part = batch if len(chosen) == len(rows) else take(batch, chosen)
                again = None if repeat is None else repeat[chosen]
                draws = Draws(part["index"], seed=self._seed, epoch=epoch, repeat=again, position=position)
                part = augmentation(part, draws)
                batch = part if len(chosen) == len(rows) else put(batch, part, rows=chosen)
        return batch

    def _require_image(self, batch: Batch) -> None:
        if "image" not in batch:
            raise ConfigError("augment: these samples hold no image, and only images can be augmented")
        image, valid = batch["image"], batch["valid"]
        if image.shape[1] != self._channels or valid.ndim != image.ndim:
            raise ConfigError(
                f"augment: image {tuple(image.shape)} with valid {tuple(valid.shape)} does not fit "
                f"{self._channels} bands in (batch, band, ..., y, x)"
            )


class Augmentation(ABC, Generic[ConfigT]):
    """Base of the augmentations.

    Attributes
    ----------
    config
        Its schema.
    bands
        Bands of the image.
    """

    def __init__(self, config: ConfigT, *, bands: tuple[Band, ...]) -> None:
        self.config, self.bands = config, bands

    @abstractmethod
    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return the augmented batch."""

    def _channels(self, role: Role) -> list[int]:
        return [channel for channel, band in enumerate(self.bands) if band.role == role]

    def _factors(self, by_role: Mapping[Role, Tensor]) -> Tensor:
        """Return the factor of each sample and band ``(B, C)`` from those of roles ``(B,)``; 1 for other roles."""
        neutral = torch.ones_like(next(iter(by_role.values())))
        return torch.stack([by_role.get(band.role, neutral) for band in self.bands], dim=1)


class Geometric(Augmentation[ConfigT]):
    """Base of the augmentations that move pixels."""

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Draw a motion for each sample and move pixels and targets with it."""
        height, width = batch["image"].shape[-2:]
        return move(batch, self.motion(draws, (height, width)))

    @abstractmethod
    def motion(self, draws: Draws, shape: tuple[int, int]) -> Motion:
        """Draw the motion."""

    def _refuse_beam(self) -> None:
        """Refuse shifts where a band holds a beam, which stays at the center whatever the sky does."""
        if names := [self.bands[channel].name for channel in self._channels("beam")]:
            raise ConfigError(
                f"augment {type(self.config).__name__}: the beam in band {names[0]} cannot be shifted. "
                "Leave shifts out, or the band"
            )


class Dihedral(Geometric[schemas.Dihedral]):
    """Quarter turns and reflections."""

    def motion(self, draws: Draws, shape: tuple[int, int]) -> Motion:
        """Draw one of the eight elements of D4, or of the four that do not exchange the axes."""
        return Turns(draws.integers(0, 8 if shape[0] == shape[1] else 4), shape=shape)


class Affine(Geometric[schemas.Affine]):
    """Rotation and shift in one resampling."""

    def __init__(self, config: schemas.Affine, *, bands: tuple[Band, ...]) -> None:
        super().__init__(config, bands=bands)
        if config.shift_px:
            self._refuse_beam()

    def motion(self, draws: Draws, shape: tuple[int, int]) -> Motion:
        """Draw angle and shift."""
        turn, reach = math.radians(self.config.rotation_deg), self.config.shift_px
        angle = draws.uniform(-turn, turn)
        shift = torch.stack([draws.uniform(-reach, reach), draws.uniform(-reach, reach)], dim=1)
        return Resampling(angle, shift, shape=shape)


class Shift(Geometric[schemas.Shift]):
    """Shift by whole pixels."""

    def __init__(self, config: schemas.Shift, *, bands: tuple[Band, ...]) -> None:
        super().__init__(config, bands=bands)
        self._refuse_beam()

    def motion(self, draws: Draws, shape: tuple[int, int]) -> Motion:
        """Draw the shift along x and y."""
        reach = self.config.max_px
        shift = [draws.integers(-reach, reach + 1) for _ in range(2)]
        return Translation(torch.stack(shift, dim=1), shape=shape)


class FluxScale(Augmentation[schemas.FluxScale]):
    """A common factor on all signal bands."""

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Scale signal bands, their noise, and image targets."""
        # In float64 and rounded, so that the last bit does not depend on the length of the vector.
        factor = (self.config.sigma * draws.normal().double()).exp().float()
        factors = self._factors({"signal": factor})
        return {
            **batch,
            "image": batch["image"] * align(factors, batch["image"]),
            "noise": batch["noise"] * factors,
            "target": _scale_images(batch["target"], factor),
        }


class PoissonNoise(Augmentation[schemas.PoissonNoise]):
    """A shorter observation of the same sky."""

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Thin the counts; scale exposure, background, noise and image targets."""
        share = draws.uniform(self.config.min_exposure, 1)
        image = batch["image"] * align(self._factors({"exposure": share, "background": share}), batch["image"])
        signal = self._channels("signal")
        counts = batch["image"][:, signal].cpu().numpy()
        self._require_counts(counts)
        thinned = np.stack(
            [_thin(one, float(p), rng) for one, p, rng in zip(counts, share, draws.generators, strict=True)]
        )
        image[:, signal] = torch.from_numpy(thinned).to(image)
        roles: dict[Role, Tensor] = {"signal": share.sqrt(), "exposure": share, "background": share}
        return {
            **batch,
            "image": image,
            "noise": batch["noise"] * self._factors(roles),
            "target": _scale_images(batch["target"], share),
        }

    @staticmethod
    def _require_counts(counts: FloatArray) -> None:
        wrong = ~np.isnan(counts) & ((counts < 0) | (counts != np.rint(counts)))
        if wrong.any():
            raise InputError(
                "augment poisson",
                f"a signal band holds {counts[wrong][0]:g}",
                expected="counts: whole numbers from zero up",
                action="Remove this augmentation, or train on unscaled counts (input.bin_mode=sum keeps them)",
            )


class BeamNoise(Augmentation[schemas.BeamNoise]):
    """More noise, correlated over the beam."""

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Add noise to signal bands; bands whose noise is not known (NaN or zero) get none."""
        image, signal = batch["image"], self._channels("signal")
        noise = batch["noise"][:, signal]
        share = draws.uniform(0, self.config.max_sigma)[:, None]
        rms = torch.where(noise > 0, noise * share, 0.0)
        total = (noise.double().square() + rms.double().square()).sqrt().to(noise)
        shape = (len(signal), *image.shape[2:])
        fields = [beam_noise(rng, shape=shape, fwhm_px=self.config.fwhm_px) for rng in draws.generators]
        result = {**batch, "image": image.clone(), "noise": batch["noise"].clone()}
        result["image"][:, signal] += align(rms, image) * torch.from_numpy(np.stack(fields)).to(image)
        result["noise"][:, signal] = torch.where(rms > 0, total, noise)
        return result


def beam_noise(rng: np.random.Generator, *, shape: tuple[int, ...], fwhm_px: float) -> FloatArray:
    """Return Gaussian noise of variance 1 whose autocorrelation in the last two axes is a Gaussian beam.

    With natural weights, the uv cells of a radio image have weight ``w = 1 / variance``, so the noise of the image has
    the power ``w^2 / w = w`` in each: the beam, whose transform ``w`` is, is the autocorrelation of the noise itself,
    and not the kernel that white noise would be convolved with.

    Parameters
    ----------
    rng
        Source of randomness.
    shape
        ``(..., H, W)``; the planes are independent.
    fwhm_px
        Full width at half maximum of the beam in pixels.
    """
    # A margin of two beams, where the autocorrelation is 2e-5, keeps opposite edges independent.
    size = [scipy.fft.next_fast_len(n + math.ceil(2 * fwhm_px), real=True) for n in shape[-2:]]
    white = rng.standard_normal((*shape[:-2], *size), dtype=np.float32)
    rows, columns = (_amplitude(n, fwhm_px) for n in size)
    spectrum = scipy.fft.rfft2(white)
    spectrum *= rows[:, None] * columns[: size[1] // 2 + 1]
    field: FloatArray = scipy.fft.irfft2(spectrum, s=size)
    return field[..., : shape[-2], : shape[-1]]


def _amplitude(n: int, fwhm_px: float) -> FloatArray:
    """Return the square root of the power spectrum along one axis, of mean square 1."""
    sigma = fwhm_px / math.sqrt(8 * math.log(2))
    amplitude = np.exp(-np.square(math.pi * sigma * scipy.fft.fftfreq(n)))
    normalized: FloatArray = (amplitude / np.sqrt(np.mean(amplitude**2))).astype(np.float32)
    return normalized


def _thin(counts: FloatArray, share: float, rng: np.random.Generator) -> FloatArray:
    """Keep each count with probability ``share``; NaN stays."""
    known = np.isfinite(counts)
    thinned = counts.copy()
    thinned[known] = rng.binomial(counts[known].astype(np.int64), share)
    return thinned


def _scale_images(target: Mapping[str, Target], factor: Tensor) -> dict[str, Target]:
    """Multiply the image targets of each sample by its factor ``(B,)``."""
    return {
        name: entry.with_value(entry.value * align(factor, entry.value)) if entry.kind == "image" else entry
        for name, entry in target.items()
    }
