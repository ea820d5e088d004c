"""Schemas of the augmentations. They act on training samples only, in physical units, before normalization.

One, which says so in its name, acts after it. Targets follow: images and masks move with the pixels, x and y of objects
move, angles turn. Labels and vectors stay as they are, and so do the further columns of objects: do not scale or thin
fluxes that stand there.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from merkhet.config.base import Component


class Step(Component):
    """Base of every augmentation's schema.

    Attributes
    ----------
    samples
        Which samples it acts on: ``all``, or, in a binary classification, those of the ``positive`` class.
    """

    samples: Literal["all", "positive"] = "all"


class Dihedral(Step):
    """One of the eight quarter turns and reflections, drawn uniformly: pixels are moved, never interpolated.

    Where height and width differ, one of the four that keep the shape: identity, half turn, two reflections.
    """

    target: ClassVar[str] = "merkhet.data.augment:Dihedral"
    kind: Literal["dihedral"] = "dihedral"


class Affine(Step):
    """Rotation about the centre, uniform in ``+-rotation_deg``, and shift, uniform in ``+-shift_px`` on each axis.

    One bilinear resampling does both. The area that comes from outside the image becomes invalid, and so does a pixel
    that would mix in an invalid one. Interpolation correlates and lowers the noise of neighbouring pixels.
    """

    target: ClassVar[str] = "merkhet.data.augment:Affine"
    kind: Literal["affine"] = "affine"
    rotation_deg: NonNegativeFloat = Field(180.0, le=180)
    shift_px: NonNegativeFloat = 0.0


class Shift(Step):
    """A shift by whole pixels, uniform in ``+-max_px`` on each axis; pixels are moved, never interpolated."""

    target: ClassVar[str] = "merkhet.data.augment:Shift"
    kind: Literal["shift"] = "shift"
    max_px: PositiveInt = 4


class FluxScale(Step):
    """Multiply signal bands by ``exp(sigma * normal)``, all by the same; their noise and image targets follow."""

    target: ClassVar[str] = "merkhet.data.augment:FluxScale"
    kind: Literal["flux_scale"] = "flux_scale"
    sigma: PositiveFloat = 0.2


class PoissonNoise(Step):
    """Observe for a share of the time, uniform in ``[min_exposure, 1]``: a binomial draw, exact for Poisson counts.

    Signal bands must hold counts: whole numbers from zero up. Exposure and background bands and image targets (counts
    expected in the full exposure) are multiplied by the share, the noise of signal bands by its square root.
    """

    target: ClassVar[str] = "merkhet.data.augment:PoissonNoise"
    kind: Literal["poisson"] = "poisson"
    min_exposure: PositiveFloat = Field(0.5, le=1)


class BeamNoise(Step):
    """Add Gaussian noise, correlated over the beam, to signal bands: rms uniform in ``[0, max_sigma]`` x their noise.

    The noise estimate grows in quadrature. ``fwhm_px`` is the beam's full width at half maximum in pixels: the
    autocorrelation of the noise is that beam, as in a radio image made with natural weights.
    """

    target: ClassVar[str] = "merkhet.data.augment:BeamNoise"
    kind: Literal["beam_noise"] = "beam_noise"
    max_sigma: PositiveFloat = 1.0
    fwhm_px: PositiveFloat = 3.0


class AfterNormalization(Step):
    """Gaussian noise, then brightness, on images that were normalized to [0, 1], and cut off there again.

    Noise of `noise_sigma`, independent in every pixel; then one factor for the image, uniform in ``1 +- brightness``.
    The last to act, wherever it stands in the list, and only behind ``normalize.kind: log_minmax``.
    """

    target: ClassVar[str] = "merkhet.data.after_normalization:AfterNormalization"
    kind: Literal["after_normalization"] = "after_normalization"
    noise_sigma: NonNegativeFloat = 0.02
    brightness: NonNegativeFloat = Field(0.1, lt=1)


Augmentation = Annotated[
    Dihedral | Affine | Shift | FluxScale | PoissonNoise | BeamNoise | AfterNormalization, Field(discriminator="kind")
]
