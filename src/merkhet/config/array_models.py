"""Schemas of the networks over telescopes: mappings of camera pixels, combinations, architectures."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from merkhet.config.base import Component, Config
from merkhet.config.models import CNN, Activation, Architecture, ResNet

LatticeMapping = Literal["oversampling", "shifting", "axial"]
GridMapping = Literal["nearest", "bilinear", "bicubic", "rebinning"]


class Mapping(Config):
    """How the pixels of a camera become a square grid.

    Attributes
    ----------
    method
        On the lattice of hexagonal pixels: ``oversampling``, four cells for each pixel; ``shifting``, one, every
        other row shifted by half a pixel; ``axial``, one, the rows sheared. Square pixels are cells already, and all
        three close the gaps between modules. On a square grid in the focal plane: ``nearest`` pixel, ``bilinear``,
        ``bicubic``, or ``rebinning`` by the overlap of areas. Every method conserves charge.
    resolution
        Cells of a grid in the focal plane to the distance between neighboring pixels. The methods on the lattice
        have no choice.
    """

    method: LatticeMapping | GridMapping = "oversampling"
    resolution: PositiveFloat = Field(2.0, le=16)


class HexCNN(Architecture):
    """A convolutional network on hexagonal pixels as they are, without a square grid.

    A convolution sees a pixel and its neighbors up to ``rings`` steps away, one weight for each place. Levels are
    separated by a maximum over a pixel and its neighbors, of which every other one in both directions is kept.
    """

    target: ClassVar[str] = "merkhet.models.cameras.hexagonal:HexCNN"
    kind: Literal["hex_cnn"] = "hex_cnn"
    widths: tuple[PositiveInt, ...] = Field((16, 32, 64, 128), min_length=1)
    convs_per_level: PositiveInt = 2
    rings: PositiveInt = Field(1, le=4)
    activation: Activation = "relu"


Backbone = Annotated[CNN | ResNet | HexCNN, Field(discriminator="kind")]


class Attention(Component):
    """Telescopes look at one another, then an event looks at all of them: any number, in any order."""

    target: ClassVar[str] = "merkhet.models.telescopes.attention:Attention"
    kind: Literal["attention"] = "attention"
    layers: PositiveInt = 2
    heads: PositiveInt = 4
    dropout: NonNegativeFloat = Field(0.0, lt=1)


class Recurrent(Component):
    """A recurrent network over the telescopes from the largest image to the smallest."""

    target: ClassVar[str] = "merkhet.models.telescopes.recurrent:Recurrent"
    kind: Literal["recurrent"] = "recurrent"
    layers: PositiveInt = 1


class Mean(Component):
    """The mean over the telescopes that triggered; of a single one, itself."""

    target: ClassVar[str] = "merkhet.models.telescopes.mean:Mean"
    kind: Literal["mean"] = "mean"


Combination = Annotated[Attention | Recurrent | Mean, Field(discriminator="kind")]


class ArrayArchitecture(Architecture):
    """Base of the networks over telescopes.

    Attributes
    ----------
    position_scale_m
        Distance from the center of the array that counts as one.
    """

    dims: ClassVar[tuple[int, ...]] = (2,)
    mapping: Mapping = Mapping()
    position_scale_m: PositiveFloat = 200.0


class TelescopeArray(ArrayArchitecture):
    """A network for each telescope type, whose vectors are combined over the telescopes that triggered.

    Attributes
    ----------
    backbone
        What makes a vector of an image, with weights that all telescopes of a type share.
    coordinates
        Show the network where in the camera each pixel is; a mean over the image would forget the direction.
    features
        Length of a telescope's vector.
    combination
        How the vectors of telescopes become the vector of an event.
    """

    target: ClassVar[str] = "merkhet.models.telescopes.array:TelescopeArray"
    kind: Literal["telescope_array"] = "telescope_array"
    backbone: Backbone = ResNet(block_sizes=(16, 32, 64, 128), squeeze_excite=8)
    coordinates: bool = True
    features: PositiveInt = 128
    combination: Combination = Attention()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if isinstance(self.combination, Attention):
            _check_heads(self.features, self.combination)
        return self


class ShowerArray(ArrayArchitecture):
    """Each image in the frame of its own axis, the geometry of all axes, and a direction that fuses them.

    It needs the moments of cleaned images: channels with ``cleaned_`` and with times.

    Attributes
    ----------
    backbone
        What makes a vector of a cut-out, with weights that all telescopes of a type share.
    crop
        Cells across and along the axis of an image, each as large as a pixel.
    features
        Length of the vector of a telescope, and of the event.
    combination
        How telescopes look at one another.
    """

    target: ClassVar[str] = "merkhet.models.telescopes.shower:ShowerArray"
    kind: Literal["shower_array"] = "shower_array"
    backbone: Annotated[CNN | ResNet, Field(discriminator="kind")] = ResNet(
        block_sizes=(16, 32, 64), depths=(1, 1, 1), squeeze_excite=8
    )
    crop: tuple[PositiveInt, PositiveInt] = (20, 32)
    features: PositiveInt = 128
    combination: Attention = Attention()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _check_heads(self.features, self.combination)
        return self


class PublishedArray(ArrayArchitecture):
    """The array model of "Deep Learning for CTA Analysis" (2017): blocks, combinations and heads by their old names.

    Attributes
    ----------
    block
        The network of a single telescope.
    combination
        ``vector``, the features of all telescopes in one vector; ``feature_map``, as channels of one image.
    head
        What follows; ``resnet_vector`` takes vectors, ``mobilenet`` and ``resnet`` feature maps, ``alexnet`` both.
    batch_norm_decay
        Share of the running statistics that a batch leaves as it was.
    scale_rate
        Divide the learning rate of a batch by the share of telescopes that triggered, but by no less than 0.1.
    """

    target: ClassVar[str] = "merkhet.models.telescopes.published:PublishedArray"
    kind: Literal["published_array"] = "published_array"
    block: Literal["alexnet", "mobilenet", "resnet"] = "resnet"
    combination: Literal["vector", "feature_map"] = "feature_map"
    head: Literal["alexnet", "mobilenet", "resnet", "resnet_vector"] = "resnet"
    batch_norm_decay: NonNegativeFloat = Field(0.95, lt=1)
    scale_rate: bool = True

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        heads = {"vector": ("alexnet", "resnet_vector"), "feature_map": ("alexnet", "mobilenet", "resnet")}
        if self.head not in heads[self.combination]:
            known = ", ".join(heads[self.combination])
            raise ValueError(f"head {self.head} does not take combination={self.combination}; that takes {known}")
        return self


ArrayModel = Annotated[TelescopeArray | ShowerArray | PublishedArray, Field(discriminator="kind")]


def _check_heads(features: int, attention: Attention) -> None:
    if features % attention.heads:
        raise ValueError(f"features is {features}; {attention.heads} attention heads must divide it")
