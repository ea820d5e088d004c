"""Schemas of the augmentations. They act in physical units, before normalization, on training samples only."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat

from merkhet.config.base import Component


class Dihedral(Component):
    """One of the eight quarter turns and reflections, drawn uniformly."""

    target: ClassVar[str] = "merkhet.data.augment:Dihedral"
    kind: Literal["dihedral"] = "dihedral"


class Affine(Component):
    """Rotation about the centre and shift, by bilinear interpolation, in one resampling.

    The area that comes from outside the image becomes invalid.
    """

    target: ClassVar[str] = "merkhet.data.augment:Affine"
    kind: Literal["affine"] = "affine"
    rotation_deg: NonNegativeFloat = Field(180.0, le=180)
    shift_px: NonNegativeFloat = 0.0


class Shift(Component):
    """A shift by whole pixels, uniform in ``+-max_px`` on each axis; pixels are moved, never interpolated."""

    target: ClassVar[str] = "merkhet.data.augment:Shift"
    kind: Literal["shift"] = "shift"
    max_px: NonNegativeInt = 4


class FluxScale(Component):
    """Multiply signal bands by ``exp(sigma * normal)``; noise estimate and flux-like image targets follow."""

    target: ClassVar[str] = "merkhet.data.augment:FluxScale"
    kind: Literal["flux_scale"] = "flux_scale"
    sigma: PositiveFloat = 0.2


class PoissonNoise(Component):
    """Thin counts to a share drawn from ``[min_exposure, 1]`` by a binomial draw: exact for Poisson data."""

    target: ClassVar[str] = "merkhet.data.augment:PoissonNoise"
    kind: Literal["poisson"] = "poisson"
    min_exposure: PositiveFloat = Field(0.5, le=1)


class BeamNoise(Component):
    """Add Gaussian noise correlated over the beam, with rms uniform in ``[0, max_sigma]`` x the image's noise.

    The noise estimate grows in quadrature. ``fwhm_px`` is the beam's full width at half maximum in pixels.
    """

    target: ClassVar[str] = "merkhet.data.augment:BeamNoise"
    kind: Literal["beam_noise"] = "beam_noise"
    max_sigma: PositiveFloat = 1.0
    fwhm_px: PositiveFloat = 3.0


Augmentation = Annotated[Dihedral | Affine | Shift | FluxScale | PoissonNoise | BeamNoise, Field(discriminator="kind")]
