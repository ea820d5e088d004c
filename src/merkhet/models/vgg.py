"""VGG."""

from torch import nn

from merkhet.config import models as schemas
from merkhet.models.blocks import ADAPTIVE_POOL, MAX_POOL, VectorNetwork, conv_block, hidden_layers


class VGG(VectorNetwork):
    """VGG: levels of 3 x 3 convolutions, each closed by max-pooling, then fully connected layers.

    Simonyan & Zisserman 2015 (arXiv:1409.1556, table 1): the default depths are their configuration A (VGG-11),
    ``[2, 2, 3, 3, 3]`` is D (VGG-16). As published it has ``norm: none``, ``pooled_size: 7`` and
    ``hidden: [4096, 4096]``; the mean over the features to ``pooled_size`` makes it independent of the image size.

    Parameters
    ----------
    config
        Its schema; see :class:`merkhet.config.models.VGG`.
    channels
        Bands of the image.
    dims
        2 for images, 3 for cubes.
    shape
        Spatial shape of the image, to refuse at once what is too small; None where it is open.
    """

    def __init__(self, config: schemas.VGG, *, channels: int, dims: int, shape: tuple[int, ...] | None) -> None:
        levels = []
        for depth, width in zip(config.depths, config.block_sizes, strict=True):
            layers: list[nn.Module] = []
            for _ in range(depth):
                layers += conv_block(
                    channels,
                    width,
                    dims=dims,
                    norm=config.norm,
                    activation=config.activation,
                    kernel_size=config.kernel_size,
                    bias=config.conv_bias,
                )
                channels = width
            levels.append(nn.Sequential(*layers, MAX_POOL[dims](2)))
        pooled = channels * config.pooled_size**dims
        hidden, out_features = hidden_layers(
            pooled, config.hidden, activation=config.activation, dropout=config.dropout, norm=config.hidden_norm
        )
        super().__init__(
            levels,
            nn.Sequential(ADAPTIVE_POOL[dims](config.pooled_size), nn.Flatten(), *hidden),
            out_features=out_features,
            smallest=2 ** len(levels),
            activation=config.activation,
            shape=shape,
        )
