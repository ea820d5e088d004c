"""Schemas of the architectures: the model registry. One class here, one file in ``merkhet.models``."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from merkhet.config.base import Component

Activation = Literal["relu", "leaky_relu", "gelu", "silu", "selu", "tanh"]
Norm = Literal["batch", "group", "none"]


class Architecture(Component):
    """Base of every architecture's schema.

    ``output`` says what the network returns: ``vector`` ``(B, features)`` for tasks that put a head on pooled
    features, ``map`` ``(B, out_channels, *S)`` for image-to-image tasks.
    """

    output: ClassVar[Literal["vector", "map"]] = "vector"


class CNN(Architecture):
    """A plain convolutional network: levels of (convolution, norm, activation) with max-pooling between them.

    `dropout` follows each of the `hidden` fully connected layers, or the mean over the image where there is none.
    """

    target: ClassVar[str] = "merkhet.models.cnn:CNN"
    kind: Literal["cnn"] = "cnn"
    widths: tuple[PositiveInt, ...] = Field((16, 32, 64, 128), min_length=1)
    convs_per_level: PositiveInt = 1
    kernel_size: PositiveInt = 3
    norm: Norm = "batch"
    activation: Activation = "relu"
    hidden: tuple[PositiveInt, ...] = ()
    dropout: NonNegativeFloat = Field(0.0, lt=1)

    @model_validator(mode="after")
    def _centered(self) -> Self:
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {self.kernel_size}; it must be odd, so that a pixel stays in its place")
        return self


class VGG(Architecture):
    """VGG (Simonyan & Zisserman 2015): `depths` convolutions a level, then fully connected layers.

    The grid of features is pooled to `pooled_size` before the fully connected layers, so any image size works.
    """

    target: ClassVar[str] = "merkhet.models.vgg:VGG"
    kind: Literal["vgg"] = "vgg"
    depths: tuple[PositiveInt, ...] = (1, 1, 2, 2, 2)
    block_sizes: tuple[PositiveInt, ...] = (64, 128, 256, 512, 512)
    norm: Norm = "batch"
    activation: Activation = "relu"
    pooled_size: PositiveInt = 1
    hidden: tuple[PositiveInt, ...] = (512,)
    dropout: NonNegativeFloat = Field(0.5, lt=1)

    @model_validator(mode="after")
    def _levels(self) -> Self:
        _check_levels(self.depths, self.block_sizes)
        return self


class ResNet(Architecture):
    """Residual network (He et al. 2016): [2, 2, 2, 2] basic is ResNet-18, [3, 4, 6, 3] bottleneck is ResNet-50."""

    target: ClassVar[str] = "merkhet.models.resnet:ResNet"
    kind: Literal["resnet"] = "resnet"
    block: Literal["basic", "bottleneck"] = "basic"
    depths: tuple[PositiveInt, ...] = (2, 2, 2, 2)
    block_sizes: tuple[PositiveInt, ...] = (64, 128, 256, 512)
    stem: Literal["wide", "small"] = "small"
    norm: Norm = "batch"
    activation: Activation = "relu"
    dropout: NonNegativeFloat = Field(0.0, lt=1)

    @model_validator(mode="after")
    def _levels(self) -> Self:
        _check_levels(self.depths, self.block_sizes)
        return self


def _check_levels(depths: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    if len(depths) != len(sizes) or not depths:
        raise ValueError(f"depths has {len(depths)} levels, block_sizes {len(sizes)}; they must match")


Model = Annotated[CNN | VGG | ResNet, Field(discriminator="kind")]
