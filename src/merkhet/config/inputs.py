"""What a network takes: bands, dimensions, shape and pixel scale."""

from typing import Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from merkhet.config.base import Config

Role = Literal["signal", "exposure", "background", "weight", "beam"]


class Band(Config):
    """One plane of the image: its name, its unit and what it means."""

    name: str
    unit: str | None = None
    role: Role = "signal"


class InputSpec(Config):
    """The input of a model, in the file's own units; stored in the bundle.

    Attributes
    ----------
    bands
        One entry per channel of the image, in order.
    dims
        2 for images ``(C, H, W)``, 3 for cubes ``(C, D, H, W)``.
    shape
        Spatial shape ``(H, W)`` or ``(D, H, W)`` in pixels before binning; taken from the data if absent.
    fit
        What happens to an image of another shape: ``exact`` rejects it, ``center`` crops or pads it about its
        centre (padding is marked invalid), ``any`` takes it as it is (for networks that pool), ``resize`` interpolates
        it linearly to ``shape``, invalid pixels counting as zero, as the published halo detector does. It keeps
        neither counts nor the pixel scale, and shrinking throws pixels away: prefer ``bin`` with ``bin_mode: sum``.
    smallest
        Smallest width and height in pixels of an image that is taken; a smaller one is rejected.
    pad_to
        Images narrower than this are padded about their center to it, for ``fit: any``; padding is marked invalid.
    bin
        Average (or sum) blocks of ``bin`` x ``bin`` pixels before the network. Cubes are binned in space only.
    bin_mode
        ``mean`` keeps surface brightness (Jy/beam); ``sum`` keeps counts.
    pixel_scale_arcsec
        Pixel scale of the training data before binning; taken from the data if absent.
    """

    bands: tuple[Band, ...] = Field((Band(name="image"),), min_length=1)
    dims: Literal[2, 3] = 2
    shape: tuple[PositiveInt, ...] | None = None
    fit: Literal["exact", "center", "any", "resize"] = "exact"
    smallest: PositiveInt = 1
    pad_to: PositiveInt = 1
    bin: PositiveInt = 1
    bin_mode: Literal["mean", "sum"] = "mean"
    pixel_scale_arcsec: PositiveFloat | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.shape is not None and len(self.shape) != self.dims:
            raise ValueError(f"shape has {len(self.shape)} numbers, but dims is {self.dims}")
        names = [band.name for band in self.bands]
        if len(set(names)) != len(names):
            raise ValueError(f"band names repeat: {', '.join(names)}")
        if self.shape is not None and min(self.shape[-2:]) < self.bin:
            raise ValueError(f"bin {self.bin} is larger than the image {self.shape}")
        if self.pad_to > 1 and self.fit != "any":
            raise ValueError(f"pad_to is for fit=any, but fit is {self.fit}; fit=center pads to shape")
        return self

    @property
    def channels(self) -> int:
        """Number of bands."""
        return len(self.bands)

    @property
    def network_shape(self) -> tuple[int, ...] | None:
        """Spatial shape that the network sees, after binning; None while the shape is open."""
        if self.shape is None:
            return None
        return (*self.shape[:-2], *(n // self.bin for n in self.shape[-2:]))
