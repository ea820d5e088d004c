"""The schema of what training looked like: with it, a model says which inputs are unlike its training data."""

from typing import Self

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from merkhet.config.base import Config


class FeatureReference(Config):
    """How far from the training data the network's features usually are; see :mod:`merkhet.evaluate.novelty`.

    Attributes
    ----------
    classes
        What the training rows were divided into, in the order of the class means.
    limits
        For each class, the distance from its mean that 99 % of images like its validation rows stay within.
    shrinkage
        Share of the covariance that was replaced by a multiple of the identity.
    train_rows, val_rows
        How many rows gave the means and the covariance, and how many the limits.
    """

    classes: tuple[str, ...]
    limits: tuple[PositiveFloat, ...]
    shrinkage: PositiveFloat
    train_rows: PositiveInt
    val_rows: PositiveInt

    @model_validator(mode="after")
    def _one_limit_each(self) -> Self:
        if not 0 < len(self.classes) == len(self.limits):
            raise ValueError(f"{len(self.limits)} limits for {len(self.classes)} classes")
        return self


class Reference(Config):
    """What the training rows looked like. The means and the whitening of the features are beside the weights.

    Attributes
    ----------
    pixel_scale_arcsec
        Smallest and largest pixel scale, before binning; None where no image says its own.
    noise
        For each band, the range of sky sigma that 98 % of the rows are in (1st to 99th percentile), in the band's
        unit; None for bands that are no signal, and where it was never measured.
    peak
        The same for the brightest pixel over that noise, as the network gets the image (cropped, binned).
    features
        None where the task has no features, or too few rows.
    """

    pixel_scale_arcsec: tuple[PositiveFloat, PositiveFloat] | None = None
    noise: tuple[tuple[NonNegativeFloat, NonNegativeFloat] | None, ...]
    peak: tuple[tuple[NonNegativeFloat, NonNegativeFloat] | None, ...]
    features: FeatureReference | None = None
