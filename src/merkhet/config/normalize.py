"""Schemas of the normalizations that stand in front of a network. Fitted numbers are stored in the bundle."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from merkhet.config.base import Component


class AsinhNoise(Component):
    """``asinh(image / (softening * noise))``: linear near the noise, logarithmic for bright sources."""

    target: ClassVar[str] = "merkhet.models.normalize:AsinhNoise"
    kind: Literal["asinh"] = "asinh"
    softening: PositiveFloat = 1.0


class NoiseUnits(Component):
    """``image / noise``, clipped to ``+-clip``: bright sources weigh no more than that; faster than `asinh`."""

    target: ClassVar[str] = "merkhet.models.normalize:NoiseUnits"
    kind: Literal["noise"] = "noise"
    clip: PositiveFloat | None = None


class ImageStandard(Component):
    """``(image - mean) / std`` of each image and band: the published radio quality classifier's preprocessing."""

    target: ClassVar[str] = "merkhet.models.normalize:ImageStandard"
    kind: Literal["image"] = "image"


class Robust(Component):
    """``(image - median) / (1.4826 MAD)`` of each image and band, clipped to ``+-clip``."""

    target: ClassVar[str] = "merkhet.models.normalize:Robust"
    kind: Literal["robust"] = "robust"
    clip: PositiveFloat | None = None


class DatasetStandard(Component):
    """``(image - mean) / std`` per band, with statistics of the training rows: fitted before training if absent."""

    target: ClassVar[str] = "merkhet.models.normalize:DatasetStandard"
    kind: Literal["dataset"] = "dataset"
    mean: tuple[float, ...] | None = None
    std: tuple[PositiveFloat, ...] | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std belong together: give both, or neither to have them fitted")
        if self.mean is not None and self.std is not None and len(self.mean) != len(self.std):
            raise ValueError(f"mean has {len(self.mean)} numbers, std {len(self.std)}; each needs one per band")
        return self


class LogMinMax(Component):
    """``ln(1 + max(image, 0))`` scaled to [0, 1] in each image and band: the published halo models' preprocessing."""

    target: ClassVar[str] = "merkhet.models.normalize:LogMinMax"
    kind: Literal["log_minmax"] = "log_minmax"


class Counts(Component):
    """Photons beside what was expected, for images of the bands counts, exposure and background (counts per pixel).

    In their place come the variance-stabilized excess ``asinh(2 sqrt(n + 3/8) - 2 sqrt(b + 3/8))`` (Anscombe 1948), the
    logarithm of the background, and the logarithm of the pixel scale: a point source is a few pixels wide, or one.
    """

    target: ClassVar[str] = "merkhet.models.counts:Counts"
    kind: Literal["counts"] = "counts"


Normalization = Annotated[
    AsinhNoise | NoiseUnits | ImageStandard | Robust | DatasetStandard | LogMinMax | Counts, Field(discriminator="kind")
]
