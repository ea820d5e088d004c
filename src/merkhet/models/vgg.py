"""VGG."""

import math

from torch import nn

from merkhet.config import models as schemas
from merkhet.errors import ConfigError
from merkhet.models.blocks import ADAPTIVE_POOL, MAX_POOL, VectorNetwork, conv_block, hidden_layers


class VGG(VectorNetwork):
    """VGG: levels of convolutions, each closed by max-pooling, then fully connected layers.

    Simonyan & Zisserman 2015 (arXiv:1409.1556, table 1): the default depths are their configuration A (VGG-11),
    ``[2, 2, 3, 3, 3]`` is D (VGG-16). As published it has ``norm: none``, ``pooled_size: 7`` and
    ``hidden: [4096, 4096]``; the mean over the features to ``pooled_size`` makes it independent of the image size, and
    without it the first fully connected layer grows with the image.

    Parameters
    ----------
    config
        Its schema; see :class:`merkhet.config.models.VGG`.
    channels
        Bands of the image.
    dims
        2 for images, 3 for cubes.
    shape
        Spatial shape of the image, to refuse at once what is too small; None where it is open. A network without
        ``pooled_size`` must know it.

    Raises
    ------
    ConfigError
        The image is too small, or there is neither ``pooled_size`` nor a shape.
    """

    def __init__(self, config: schemas.VGG, *, channels: int, dims: int, shape: tuple[int, ...] | None) -> None:
        levels = []
        for depth, width, kernel_size in zip(config.depths, config.block_sizes, config.kernel_sizes, strict=True):
            layers: list[nn.Module] = []
            for _ in range(depth):
                layers += conv_block(
                    channels,
                    width,
                    dims=dims,
                    norm=config.norm,
                    activation=config.activation,
                    kernel_size=kernel_size,
                    bias=config.conv_bias,
                )
                channels = width
            levels.append(nn.Sequential(*layers, MAX_POOL[dims](config.pool)))
        grid, pool = _grid(config, dims=dims, shape=shape)
        hidden, out_features = hidden_layers(
            channels * math.prod(grid),
            config.hidden,
            activation=config.activation,
            dropout=config.dropout,
            norm=config.hidden_norm,
        )
        super().__init__(
            levels,
            nn.Sequential(*pool, nn.Flatten(), *hidden),
            out_features=out_features,
            smallest=config.pool ** len(levels),
            activation=config.activation,
            shape=shape,
        )


def _grid(config: schemas.VGG, *, dims: int, shape: tuple[int, ...] | None) -> tuple[tuple[int, ...], list[nn.Module]]:
    """Return the grid of features that the fully connected layers see, and what brings them to it."""
    if config.pooled_size is not None:
        return (config.pooled_size,) * dims, [ADAPTIVE_POOL[dims](config.pooled_size)]
    if shape is None:
        raise ConfigError("model.pooled_size=null: the first fully connected layer needs input.shape; give one of them")
    shrunk = (n // config.pool ** len(config.block_sizes) for n in shape)
    return tuple(max(n, 1) for n in shrunk), []  # the base class refuses what leaves no pixel
