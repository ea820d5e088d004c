"""What the architectures share: convolution blocks in two or three dimensions, initialization, the vector network."""

import math
from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from merkhet.config.models import Activation, HiddenNorm, Norm
from merkhet.errors import ConfigError
from merkhet.models.group_convolution import GroupConvolution

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


class SqueezeExcite(nn.Module):
    """Squeeze and excitation: weigh each channel by what the whole image holds, ``(B, C, *S) -> (B, C, *S)``.

    The mean of every channel passes two fully connected layers, the first ``reduction`` times narrower, and a sigmoid
    that gives each channel a weight between 0 and 1.

    References
    ----------
    Hu et al. 2018, arXiv:1709.01507, equations 2 to 4: no biases, so ``2 C (C // reduction)`` parameters.
    """

    def __init__(self, channels: int, *, reduction: int) -> None:
        super().__init__()
        squeezed = channels // reduction
        self.weigh = nn.Sequential(
            GlobalPool(),
            nn.Linear(channels, squeezed, bias=False),
            nn.ReLU(),
            nn.Linear(squeezed, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Multiply every channel by its weight."""
        weight: Tensor = self.weigh(x)
        return x * weight.reshape(*weight.shape, *[1] * (x.ndim - 2))


class Residual(nn.Module):
    """``activation(shortcut(x) + excite(body(x)))``, which starts as ``activation(shortcut(x))``.

    Parameters
    ----------
    body
        Layers of the residual branch, the last without activation.
    shortcut
        Layers that bring ``x`` to the shape of the branch; none where it has it already.
    excite
        A squeeze-and-excitation block that closes the branch (Hu et al. 2018, figure 3), or nothing.
    activation
        Its name.
    """

    def __init__(
        self,
        body: Iterable[nn.Module],
        *,
        shortcut: Iterable[nn.Module],
        excite: Iterable[nn.Module],
        activation: Activation,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)
        self.shortcut = nn.Sequential(*shortcut)
        self.excite = nn.Sequential(*excite)
        self.activation = ACTIVATION[activation]()

    def forward(self, x: Tensor) -> Tensor:
        """Add the branch to its shortcut."""
        result: Tensor = self.activation(self.shortcut(x) + self.excite(self.body(x)))
        return result

    def start_as_identity(self) -> None:
        """Set the last weights of the body to zero: those of its norm, or of its convolution where there is none."""
        weights = [weight for name, weight in self.body.named_parameters() if name.endswith("weight")]
        nn.init.zeros_(weights[-1])


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
        for module in self.modules():
            if isinstance(module, Residual):
                module.start_as_identity()

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
    bias: bool = False,
) -> list[nn.Module]:
    """Return convolution (padded by half the kernel), norm, activation; ``None`` leaves the activation out.

    The convolution has a bias where no norm follows, which would take it away again, and where ``bias`` asks for one.
    """
    padding = kernel_size // 2
    block: list[nn.Module] = [
        CONVOLUTION[dims](inputs, outputs, kernel_size, stride=stride, padding=padding, bias=bias or norm == "none")
    ]
    if norm == "batch":
        block.append(BATCH_NORM[dims](outputs))
    elif norm == "group":
        block.append(nn.GroupNorm(_groups(outputs), outputs))
    if activation is not None:
        block.append(ACTIVATION[activation]())
    return block


def hidden_layers(
    inputs: int,
    hidden: Sequence[int],
    *,
    activation: Activation,
    dropout: float | Sequence[float],
    norm: HiddenNorm = "none",
) -> tuple[list[nn.Module], int]:
    """Return fully connected layers, each with norm, activation and dropout, and the length of what they give.

    ``dropout`` is one number for all of them, or one for each. Without hidden layers it acts on the inputs.
    """
    layers: list[nn.Module] = []
    shares = [dropout] * max(len(hidden), 1) if not isinstance(dropout, Sequence) else list(dropout)
    for outputs, share in zip(hidden, shares, strict=False):
        layers.append(nn.Linear(inputs, outputs))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(outputs))
        layers += [ACTIVATION[activation](), nn.Dropout(share)]
        inputs = outputs
    return layers or [nn.Dropout(share) for share in shares], inputs


def initialize(network: nn.Module, *, activation: Activation) -> None:
    """Draw the weights from a normal of variance ``gain^2 / fan_in`` and set biases to zero.

    References
    ----------
    He et al. 2015, arXiv:1502.01852, equation 10, with the gain of the activation in place of that of ReLU.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear | GroupConvolution):
            fan_in = module.weight[0].numel()
            nn.init.normal_(module.weight, std=_GAIN[activation] / math.sqrt(fan_in))
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _groups(channels: int) -> int:
    """Return how many groups of 16 channels there are (Wu & He 2018, arXiv:1803.08494, table 3), or 1 group of all."""
    return channels // 16 if channels % 16 == 0 else 1
