"""A plain convolutional network."""

from torch import nn

from merkhet.config import models as schemas
from merkhet.models.blocks import MAX_POOL, GlobalPool, SqueezeExcite, VectorNetwork, conv_block, hidden_layers


class CNN(VectorNetwork):
    """Levels of convolutions with max-pooling between them, a global mean, fully connected layers.

    The simplest network that works, after LeCun et al. 1998 (Proc. IEEE 86, 2278), with the 3 x 3 kernels of
    Simonyan & Zisserman 2015, batch normalization (Ioffe & Szegedy 2015) and a global mean (Lin et al. 2014).

    Parameters
    ----------
    config
        Its schema; see :class:`merkhet.config.models.CNN`.
    channels
        Bands of the image.
    dims
        2 for images, 3 for cubes.
    shape
        Spatial shape of the image, to refuse at once what is too small; None where it is open.
    """

    def __init__(self, config: schemas.CNN, *, channels: int, dims: int, shape: tuple[int, ...] | None) -> None:
        levels = []
        for number, width in enumerate(config.widths):
            layers: list[nn.Module] = [MAX_POOL[dims](2)] if number else []
            for _ in range(config.convs_per_level):
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
            if config.squeeze_excite:
                layers.append(SqueezeExcite(width, reduction=config.squeeze_excite))
            levels.append(nn.Sequential(*layers))
        hidden, out_features = hidden_layers(
            channels,
            config.hidden,
            activation=config.activation,
            dropout=config.dropout,
            norm=config.hidden_norm,
        )
        super().__init__(
            levels,
            nn.Sequential(GlobalPool(), *hidden),
            out_features=out_features,
            smallest=2 ** (len(levels) - 1),
            activation=config.activation,
            shape=shape,
        )
