"""A network that is equivariant to quarter turns and reflections."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from merkhet.config import models as schemas
from merkhet.errors import ConfigError
from merkhet.models.blocks import ACTIVATION, Residual, SqueezeExcite, VectorNetwork
from merkhet.models.group_convolution import ORDER, GroupConvolution, recording


class Equivariant(VectorNetwork):
    """Levels of group convolutions with max-pooling between them, and a mean over pixels and orientations at the end.

    A turned or reflected image gives turned or reflected fields at every level, and the same vector at the end: for
    all eight elements of the group with ``d4``, for the four quarter turns with ``c4``, whatever the weights and the
    size of the image. Only the rounding of sums taken in another order remains. The convolutions are those of
    Cohen & Welling 2016 (arXiv:1602.07576); Scaife & Porter 2021 (MNRAS 503, 2369) classified radio galaxies with such
    networks.

    Parameters
    ----------
    config
        Its schema; see :class:`merkhet.config.models.Equivariant`.
    channels
        Bands of the image. A reflection leaves their values as they are: right for brightness, wrong for Stokes Q, U.
    dims
        2; there is no such network for cubes.
    shape
        Spatial shape of the image, to refuse at once what is too small; None where it is open.

    Raises
    ------
    ConfigError
        ``dims`` is not 2.
    """

    def __init__(self, config: schemas.Equivariant, *, channels: int, dims: int, shape: tuple[int, ...] | None) -> None:
        if dims not in config.dims:
            raise ConfigError(
                f"model.kind=equivariant is for images (input.dims=2), but input.dims={dims}. Choose another model.kind"
            )
        levels = []
        for number, width in enumerate(config.widths):
            levels.append(_level(config, channels, width, first=number == 0))
            channels = width
        super().__init__(
            levels,
            nn.Sequential(FieldPool(ORDER[config.group]), nn.Dropout(config.dropout)),
            out_features=channels,
            smallest=2 ** (len(levels) - 1),
            activation=config.activation,
            shape=shape,
        )


class SymmetricMaxPool(nn.Module):
    """Max-pooling that halves, ``(B, C, H, W) -> (B, C, H // 2, W // 2)``, and commutes with the group for any size.

    Windows of 2 pixels tile an even axis. On an odd one they would leave out the last pixel and, once the image is
    reversed, the first; windows of 3 at every second pixel overlap by one, reach both ends, and are mapped onto each
    other.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the largest value of each window."""
        height, width = x.shape[-2:]
        if recording():  # the same windows, whatever the size
            return functional.adaptive_max_pool2d(x, (height // 2, width // 2))
        return functional.max_pool2d(x, (2 + height % 2, 2 + width % 2), stride=2)


class OnFields(nn.Sequential):
    """Layers for ``(B, C, *S)`` applied to fields, orientations being one more axis: ``(B, F, order, H, W)``.

    What treats all places of an image alike then treats all orientations alike.
    """

    def __init__(self, layers: Iterable[nn.Module], *, order: int) -> None:
        super().__init__(*layers)
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, F * order, H, W)`` to as many fields."""
        fields = torch.unflatten(x, 1, (-1, self.order))
        for layer in self:
            fields = layer(fields)
        return fields.flatten(1, 2)


class FieldPool(nn.Module):
    """The mean of each field over pixels and orientations: ``(B, F * order, H, W) -> (B, F)``."""

    def __init__(self, order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        """Return what no element of the group changes."""
        return torch.unflatten(x, 1, (-1, self.order)).flatten(2).mean(dim=2)


def _level(config: schemas.Equivariant, inputs: int, width: int, *, first: bool) -> nn.Sequential:
    """Return a level of ``width`` fields: the first lifts the image to fields, the others pool."""
    order = ORDER[config.group]

    def convolution(inputs: int, *, kernel_size: int = config.kernel_size, lifting: bool = False) -> GroupConvolution:
        norm = config.norm == "batch"
        return GroupConvolution(inputs, width, order=order, kernel_size=kernel_size, norm=norm, lifting=lifting)

    def activation() -> nn.Module:
        return ACTIVATION[config.activation]()

    reduction = config.squeeze_excite
    excite: list[nn.Module] = [OnFields([SqueezeExcite(width, reduction=reduction)], order=order)] if reduction else []
    layers: list[nn.Module] = [SymmetricMaxPool()]
    count = config.convs_per_level
    if first:
        layers = [convolution(inputs, lifting=True), activation()]
        inputs, count = width, count - 1
    body: list[nn.Module] = []
    for position in range(count):
        body += [convolution(width if position else inputs), activation()]
    if config.residual and body:
        shortcut = [] if inputs == width else [convolution(inputs, kernel_size=1)]
        layers.append(Residual(body[:-1], shortcut=shortcut, excite=excite, activation=config.activation))
    else:
        layers += body + excite
    return nn.Sequential(*layers)
