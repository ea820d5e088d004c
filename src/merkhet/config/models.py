"""Schemas of the architectures: the model registry. One class here, one file in ``merkhet.models``."""

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from merkhet.config.base import Component

Activation = Literal["relu", "leaky_relu", "gelu", "silu", "selu", "tanh"]
Norm = Literal["batch", "group", "none"]
HiddenNorm = Literal["batch", "none"]
Symmetry = Literal["c4", "d4"]
Evidence = Literal["pixels", "fourier"]
Share = Annotated[float, Field(ge=0, lt=1)]


class Architecture(Component):
    """Base of every architecture's schema.

    ``output`` says what the network returns: ``vector`` ``(B, features)`` for tasks that put a head on pooled
    features, ``map`` ``(B, out_channels, *S)`` for image-to-image tasks. ``dims`` are the numbers of dimensions that
    it can be built for: 2 for images, 3 for cubes. ``evidence`` says what it looks at: pixels, or their Fourier plane.
    """

    evidence: ClassVar[Evidence] = "pixels"
    output: ClassVar[Literal["vector", "map"]] = "vector"
    dims: ClassVar[tuple[int, ...]] = (2, 3)


class CNN(Architecture):
    """A plain convolutional network: levels of (convolution, norm, activation) with max-pooling between them.

    `dropout` follows each of the `hidden` fully connected layers, or the mean over the image where there is none.
    `hidden_norm` puts a batch norm into each of these layers, before its activation. `conv_bias` gives convolutions a
    bias even where a norm takes it away again, as published weights may have it. `squeeze_excite` closes each level
    with a squeeze-and-excitation block (Hu et al. 2018) of that reduction.
    """

    target: ClassVar[str] = "merkhet.models.cnn:CNN"
    kind: Literal["cnn"] = "cnn"
    widths: tuple[PositiveInt, ...] = Field((16, 32, 64, 128), min_length=1)
    convs_per_level: PositiveInt = 1
    kernel_size: PositiveInt = 3
    norm: Norm = "batch"
    activation: Activation = "relu"
    hidden: tuple[PositiveInt, ...] = ()
    hidden_norm: HiddenNorm = "none"
    conv_bias: bool = False
    dropout: NonNegativeFloat = Field(0.0, lt=1)
    squeeze_excite: PositiveInt | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _check_centered(self.kernel_size)
        _check_reduction(self.squeeze_excite, self.widths)
        return self


class VGG(Architecture):
    """VGG (Simonyan & Zisserman 2015): `depths` convolutions a level, then fully connected layers.

    `kernel_size` is one number, or one per level; `pool` is by how much a level shrinks the image. The grid of features
    is pooled to `pooled_size` before the fully connected layers, so any image size works; without (`pooled_size: null`)
    they see the whole grid, and take images of `input.shape` alone. `dropout` follows each of the `hidden` layers; or
    give one number for each. `hidden_norm` puts a batch norm into each of these layers, before its activation.
    `conv_bias` gives convolutions a bias even where a norm takes it away again, as published weights may have it.
    Depths of (1, 1), block sizes of (6, 16), kernels of 5 and hidden layers of (120, 84) make LeNet-5 (LeCun et al.
    1998).
    """

    target: ClassVar[str] = "merkhet.models.vgg:VGG"
    kind: Literal["vgg"] = "vgg"
    depths: tuple[PositiveInt, ...] = (1, 1, 2, 2, 2)
    block_sizes: tuple[PositiveInt, ...] = (64, 128, 256, 512, 512)
    kernel_size: PositiveInt | tuple[PositiveInt, ...] = 3
    pool: PositiveInt = Field(2, ge=2)
    norm: Norm = "batch"
    activation: Activation = "relu"
    pooled_size: PositiveInt | None = 1
    hidden: tuple[PositiveInt, ...] = (512,)
    hidden_norm: HiddenNorm = "none"
    conv_bias: bool = False
    dropout: Share | tuple[Share, ...] = 0.5

    @model_validator(mode="after")
    def _levels(self) -> Self:
        _check_levels(self.depths, self.block_sizes)
        _check_levels(self.kernel_sizes, self.block_sizes, names=("kernel_size", "block_sizes"))
        for size in self.kernel_sizes:
            _check_centered(size)
        if isinstance(self.dropout, tuple) and len(self.dropout) != len(self.hidden):
            raise ValueError(f"dropout has {len(self.dropout)} numbers for {len(self.hidden)} hidden layers")
        return self

    @property
    def kernel_sizes(self) -> tuple[int, ...]:
        """Width of the kernels of each level."""
        sizes = self.kernel_size
        return sizes if isinstance(sizes, tuple) else (sizes,) * len(self.block_sizes)


class ResNet(Architecture):
    """Residual network (He et al. 2016): [2, 2, 2, 2] basic is ResNet-18, [3, 4, 6, 3] bottleneck is ResNet-50.

    `squeeze_excite` puts a squeeze-and-excitation block (Hu et al. 2018) of that reduction into every residual block.
    """

    target: ClassVar[str] = "merkhet.models.resnet:ResNet"
    kind: Literal["resnet"] = "resnet"
    block: Literal["basic", "bottleneck"] = "basic"
    depths: tuple[PositiveInt, ...] = (2, 2, 2, 2)
    block_sizes: tuple[PositiveInt, ...] = (64, 128, 256, 512)
    stem: Literal["wide", "small"] = "small"
    norm: Norm = "batch"
    activation: Activation = "relu"
    dropout: NonNegativeFloat = Field(0.0, lt=1)
    squeeze_excite: PositiveInt | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _check_levels(self.depths, self.block_sizes)
        _check_reduction(self.squeeze_excite, [width * self.expansion for width in self.block_sizes])
        return self

    @property
    def expansion(self) -> int:
        """Channels that leave a block per channel of its `block_sizes` (He et al. 2016, section 4.1)."""
        return 4 if self.block == "bottleneck" else 1


class Equivariant(Architecture):
    """A convolutional network whose answer no quarter turn (`c4`), and no reflection either (`d4`), can change.

    Group convolutions after Cohen & Welling 2016. `widths` counts fields per level; a field has one channel for every
    element of the group, so `widths` of 4 with `d4` cost what 32 channels of a plain network cost, with an eighth of
    their parameters. `residual` adds a shortcut around the convolutions of each level, `squeeze_excite` closes them
    with a squeeze-and-excitation block over fields. Images only: a cube has no quarter turns between sky and frequency.
    """

    target: ClassVar[str] = "merkhet.models.equivariant:Equivariant"
    dims: ClassVar[tuple[int, ...]] = (2,)
    kind: Literal["equivariant"] = "equivariant"
    group: Symmetry = "d4"
    widths: tuple[PositiveInt, ...] = Field((4, 8, 16, 24), min_length=1)
    convs_per_level: PositiveInt = 2
    kernel_size: PositiveInt = 3
    residual: bool = False
    norm: Literal["batch", "none"] = "batch"
    activation: Activation = "relu"
    dropout: NonNegativeFloat = Field(0.0, lt=1)
    squeeze_excite: PositiveInt | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _check_centered(self.kernel_size)
        _check_reduction(self.squeeze_excite, self.widths)
        return self


class FCN(Architecture):
    """A fully convolutional network (Long et al. 2015) for images of any size: one vector per cell of the image.

    Each level halves the image and has so many `convolutions`; a cell is 2 to the power of the number of levels wide.
    """

    target: ClassVar[str] = "merkhet.models.fcn:FCN"
    output: ClassVar[Literal["vector", "map"]] = "map"
    dims: ClassVar[tuple[int, ...]] = (2,)
    kind: Literal["fcn"] = "fcn"
    widths: tuple[PositiveInt, ...] = Field((16, 32, 64, 96), min_length=1)
    convolutions: tuple[PositiveInt, ...] = (2, 2, 3, 3)
    norm: Norm = "batch"
    activation: Activation = "relu"

    @model_validator(mode="after")
    def _levels(self) -> Self:
        _check_levels(self.convolutions, self.widths, names=("convolutions", "widths"))
        return self

    @property
    def stride(self) -> int:
        """Width of a cell in pixels."""
        return 1 << len(self.widths)

    @property
    def context(self) -> int:
        """How many pixels around a cell its vector depends on, rounded up to whole cells.

        A kernel of 4 that halves a level of pixel size p reaches 1.5 p beyond the middle of its cell, one of 3 behind
        it 2 p.
        """
        reach = sum((1 << level) * (1.5 + 2 * (n - 1)) for level, n in enumerate(self.convolutions))
        return self.stride * math.ceil((reach - 0.5 * (self.stride - 1)) / self.stride)


class Spectral(Architecture):
    """The Fourier plane of an image of any size, for what fills it: stripes, fringes, ripples.

    Power is averaged over tiles of `tile` x `tile` pixels and resampled to `radii` x `angles` polar cells, which pass a
    convolution of each of `plane_widths`, and to means over `rings` of them, which pass one of each of
    `direction_widths` along the angle; the resolution is halved between them. It goes with `normalize.kind: noise`.
    """

    target: ClassVar[str] = "merkhet.models.spectral:Spectral"
    evidence: ClassVar[Evidence] = "fourier"
    dims: ClassVar[tuple[int, ...]] = (2,)
    kind: Literal["spectral"] = "spectral"
    tile: PositiveInt = Field(512, ge=32, multiple_of=8)
    radii: PositiveInt = Field(96, ge=16)
    angles: PositiveInt = Field(256, ge=16)
    rings: PositiveInt = 6
    plane_widths: tuple[PositiveInt, ...] = Field((12, 24, 32, 48), min_length=1, max_length=4)
    direction_widths: tuple[PositiveInt, ...] = Field((24, 32, 48), min_length=1, max_length=4)
    norm: Norm = "batch"
    activation: Activation = "relu"
    dropout: NonNegativeFloat = Field(0.0, lt=1)


def _check_centered(kernel_size: int) -> None:
    if kernel_size % 2 == 0:
        raise ValueError(f"kernel_size is {kernel_size}; it must be odd, so that a pixel stays in its place")


def _check_reduction(reduction: int | None, widths: Sequence[int]) -> None:
    if reduction is not None and reduction > min(widths):
        raise ValueError(f"squeeze_excite is {reduction}; the narrowest level has only {min(widths)} to reduce")


def _check_levels(
    depths: tuple[int, ...], sizes: tuple[int, ...], *, names: tuple[str, str] = ("depths", "block_sizes")
) -> None:
    if len(depths) != len(sizes) or not depths:
        raise ValueError(f"{names[0]} has {len(depths)} levels, {names[1]} {len(sizes)}; they must match")


Model = Annotated[CNN | VGG | ResNet | Equivariant | FCN | Spectral, Field(discriminator="kind")]
