"""What the architectures share: convolution blocks in two or three dimensions, initialization, the vector network."""

import math
from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from merkhet.config.models import Activation, Norm
from merkhet.errors import ConfigError

CONVOLUTION: dict[int, type[nn.Conv2d] | type[nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
MAX_POOL: dict[int, type[nn.MaxPool2d] | type[nn.MaxPool3d]] = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
ADAPTIVE_POOL: dict[int, type[nn.AdaptiveAvgPool2d] | type[nn.AdaptiveAvgPool3d]] = {
    2: nn.AdaptiveAvgPool2d,
    3: nn.AdaptiveAvgPool3d,
}
BATCH_NORM: dict[int, type[nn.BatchNorm2d] | type[nn.BatchNorm3d]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}

ACTIVATION: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "selu": nn.SELU,
    "tanh": nn.Tanh,
}
# 1 / sqrt(E[f(z)^2]) for a standard normal z: what keeps the mean square of the features from level to level.
_GAIN: dict[Activation, float] = {
    "relu": math.sqrt(2),
    "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
    "gelu": 1.5335,
    "silu": 1.6765,
    "selu": 1.0,
    "tanh": 1.5925,
}


class GlobalPool(nn.Module):
    """The mean over all pixels, so that a network takes images of any size: ``(B, C, *S) -> (B, C)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Average over the spatial axes."""
        return x.flatten(2).mean(dim=2)


class VectorNetwork(nn.Module):
    """Levels of convolutions, then a head that makes one vector of an image.

    Attributes
    ----------
    levels
        The levels in the order the image passes them, the stem first; fine-tuning freezes the first few.
    head
        From the last level's features to the vector.
    out_features
        Length of that vector.

    Raises
    ------
    ConfigError
        An image is too small: a level would be left without a pixel.
    """

    def __init__(
        self,
        levels: Iterable[nn.Module],
        head: nn.Module,
        *,
        out_features: int,
        smallest: int,
        activation: Activation,
        shape: tuple[int, ...] | None,
    ) -> None:
        super().__init__()
        self.levels = nn.ModuleList(levels)
        self.head = head
        self.out_features = out_features
        self._smallest = smallest
        if shape is not None:
            self._require_size(shape)
        initialize(self, activation=activation)

    def features(self, x: Tensor) -> Tensor:
        """Map an image ``(B, C, *S)`` to the last level's features ``(B, F, *S')``."""
        self._require_size(x.shape[2:])
        for level in self.levels:
            x = level(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Map an image ``(B, C, *S)`` to a vector ``(B, out_features)``."""
        vector: Tensor = self.head(self.features(x))
        return vector

    def _require_size(self, shape: Sequence[int]) -> None:
        if min(shape) < self._smallest:
            size = " x ".join(str(n) for n in shape)
            raise ConfigError(
                f"{type(self).__name__} with {len(self.levels)} levels needs {self._smallest} px or more along every "
                f"axis, but the image has {size}. Take fewer levels, or larger images"
            )


def conv_block(
    inputs: int,
    outputs: int,
    *,
    dims: int,
    norm: Norm,
    activation: Activation | None,
    kernel_size: int = 3,
    stride: int = 1,
) -> list[nn.Module]:
    """Return convolution (padded by half the kernel), norm, activation; ``None`` leaves the activation out.

    The convolution has a bias only where no norm follows, which would take it away again.
    """
    padding = kernel_size // 2
    block: list[nn.Module] = [
        CONVOLUTION[dims](inputs, outputs, kernel_size, stride=stride, padding=padding, bias=norm == "none")
    ]
    if norm == "batch":
        block.append(BATCH_NORM[dims](outputs))
    elif norm == "group":
        block.append(nn.GroupNorm(_groups(outputs), outputs))
    if activation is not None:
        block.append(ACTIVATION[activation]())
    return block


def hidden_layers(
    inputs: int, hidden: Iterable[int], *, activation: Activation, dropout: float
) -> tuple[list[nn.Module], int]:
    """Return fully connected layers, each with activation and dropout, and the length of what they give.

    Without hidden layers the dropout acts on the inputs.
    """
    layers: list[nn.Module] = []
    for outputs in hidden:
        layers += [nn.Linear(inputs, outputs), ACTIVATION[activation](), nn.Dropout(dropout)]
        inputs = outputs
    return layers or [nn.Dropout(dropout)], inputs


def initialize(network: nn.Module, *, activation: Activation) -> None:
    """Draw the weights from a normal of variance ``gain^2 / fan_in`` and set biases to zero.

    References
    ----------
    He et al. 2015, arXiv:1502.01852, equation 10, with the gain of the activation in place of that of ReLU.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear):
            fan_in = module.weight[0].numel()
            nn.init.normal_(module.weight, std=_GAIN[activation] / math.sqrt(fan_in))
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _groups(channels: int) -> int:
    """Return how many groups of 16 channels there are (Wu & He 2018, arXiv:1803.08494, table 3), or 1 group of all."""
    return channels // 16 if channels % 16 == 0 else 1
