"""Residual networks."""

from torch import nn

from merkhet.config import models as schemas
from merkhet.models.blocks import MAX_POOL, GlobalPool, Residual, SqueezeExcite, VectorNetwork, conv_block


class ResNet(VectorNetwork):
    """Residual network: a stem, then levels of residual blocks, the first block of each but the first halving.

    He et al. 2016 (arXiv:1512.03385): depths ``[2, 2, 2, 2]`` of basic blocks are ResNet-18, ``[3, 4, 6, 3]`` of
    bottlenecks ResNet-50. As in the networks in common use, a bottleneck strides in its 3 x 3 convolution, and the
    last norm of each block starts at zero, so that each block starts as the identity (Goyal et al. 2017,
    arXiv:1706.02677, section 5.1). Without norm the last convolution starts at zero (Zhang et al. 2019,
    arXiv:1901.09321).

    The ``wide`` stem is the published one, a 7 x 7 convolution and max-pooling that shrink the image by 4;
    the ``small`` one is a 3 x 3 convolution at full resolution, for images of tens of pixels.

    Parameters
    ----------
    config
        Its schema; see :class:`merkhet.config.models.ResNet`.
    channels
        Bands of the image.
    dims
        2 for images, 3 for cubes.
    shape
        Spatial shape of the image; strided convolutions leave a pixel of any image, so none is too small.
    """

    def __init__(self, config: schemas.ResNet, *, channels: int, dims: int, shape: tuple[int, ...] | None) -> None:
        levels: list[nn.Module] = [_stem(config, channels=channels, dims=dims)]
        inputs = config.block_sizes[0]
        for number, (depth, width) in enumerate(zip(config.depths, config.block_sizes, strict=True)):
            blocks = []
            for position in range(depth):
                stride = 2 if number and not position else 1
                blocks.append(residual_block(config, inputs, width, stride=stride, dims=dims))
                inputs = width * config.expansion
            levels.append(nn.Sequential(*blocks))
        super().__init__(
            levels,
            nn.Sequential(GlobalPool(), nn.Dropout(config.dropout)),
            out_features=inputs,
            smallest=1,
            activation=config.activation,
            shape=shape,
        )


def residual_block(config: schemas.ResNet, inputs: int, width: int, *, stride: int, dims: int) -> Residual:
    """Return a block of ``width * config.expansion`` channels, its shortcut a 1 x 1 convolution where shapes differ."""

    def block(inputs: int, outputs: int, kernel_size: int, stride: int, *, active: bool = True) -> list[nn.Module]:
        return conv_block(
            inputs,
            outputs,
            dims=dims,
            norm=config.norm,
            activation=config.activation if active else None,
            kernel_size=kernel_size,
            stride=stride,
        )

    outputs = width * config.expansion
    if config.block == "bottleneck":
        body = block(inputs, width, 1, 1) + block(width, width, 3, stride) + block(width, outputs, 1, 1, active=False)
    else:
        body = block(inputs, width, 3, stride) + block(width, width, 3, 1, active=False)
    same = stride == 1 and inputs == outputs
    reduction = config.squeeze_excite
    return Residual(
        body,
        shortcut=[] if same else block(inputs, outputs, 1, stride, active=False),
        excite=[SqueezeExcite(outputs, reduction=reduction)] if reduction else [],
        activation=config.activation,
    )


def _stem(config: schemas.ResNet, *, channels: int, dims: int) -> nn.Sequential:
    wide = config.stem == "wide"
    layers = conv_block(
        channels,
        config.block_sizes[0],
        dims=dims,
        norm=config.norm,
        activation=config.activation,
        kernel_size=7 if wide else 3,
        stride=2 if wide else 1,
    )
    if wide:
        layers.append(MAX_POOL[dims](3, stride=2, padding=1))
    return nn.Sequential(*layers)
