"""Blocks and heads of the published array model, by their old names."""

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor, nn

from merkhet.models.blocks import GlobalPool


def alexnet_block(channels: int) -> nn.Module:
    """Return AlexNet's convolutions: 96 of 11 x 11 at every other pixel, 256 of 5 x 5, 384, 384 and 256 of 3 x 3."""
    return nn.Sequential(
        *_active(nn.Conv2d(channels, 96, 11, stride=2, padding=5)),
        nn.MaxPool2d(3, stride=2, padding=1),
        *_active(nn.Conv2d(96, 256, 5, padding=2)),
        nn.MaxPool2d(3, stride=2, padding=1),
        *_active(nn.Conv2d(256, 384, 3, padding=1)),
        *_active(nn.Conv2d(384, 384, 3, padding=1)),
        *_active(nn.Conv2d(384, 256, 3, padding=1)),
        nn.MaxPool2d(3, stride=2, padding=1),
    )


def mobilenet_block(channels: int) -> nn.Module:
    """Return MobileNet's first layers: 8 channels at every other pixel, then separable ones of 16 to 64.

    An image of 120 x 120 becomes 15 x 15 x 64.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(channels, 8, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
    ]
    inputs = 8
    for outputs, stride in [(16, 1), (16, 2), (32, 1), (32, 2), *[(64, 1)] * 6]:
        layers += _separable(inputs, outputs, stride=stride)
        inputs = outputs
    return nn.Sequential(*layers)


def resnet_block(channels: int) -> nn.Module:
    """Return ResNet-18 with pre-activation and a last max-pooling of 5 x 5 at every third pixel."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False),
        nn.MaxPool2d(3, stride=2, padding=1),
    ]
    inputs = 64
    for number, width in enumerate((64, 128, 256, 512)):
        layers += [PreActivation(inputs, width, stride=2 if number else 1), PreActivation(width, width, stride=1)]
        inputs = width
    return nn.Sequential(*layers, *_norm_relu(512), nn.MaxPool2d(5, stride=3, padding=2))


class PreActivation(nn.Module):
    """A residual block whose norms and activations stand in front of its convolutions (He et al. 2016, figure 4e)."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(*_norm_relu(inputs))
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
            *_norm_relu(outputs),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        )
        self.shortcut = (
            None if stride == 1 and inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add the branch to its shortcut."""
        active = self.first(x)
        result: Tensor = self.body(active) + (x if self.shortcut is None else self.shortcut(active))
        return result


def alexnet_head(channels: int, cells: int) -> tuple[nn.Module, int]:
    """Return two layers of 4,096 with dropout, on a vector or on all cells of a feature map."""
    layers = [nn.Linear(channels * cells, 4096), nn.ReLU(), nn.Dropout(0.5)]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5)), 4096


def mobilenet_head(channels: int, cells: int) -> tuple[nn.Module, int]:
    """Return separable convolutions of 512, 512, 512 and 1,024 channels, and their mean over the map."""
    layers: list[nn.Module] = []
    for outputs in (512, 512, 512, 1024):
        layers += _separable(channels, outputs, stride=1)
        channels = outputs
    return nn.Sequential(*layers, GlobalPool(), nn.Dropout(0.1)), 1024


def resnet_head(channels: int, cells: int) -> tuple[nn.Module, int]:
    """Return four residual blocks of 128 channels, and their mean over the map."""
    blocks = [PreActivation(channels if not number else 128, 128, stride=1) for number in range(4)]
    return nn.Sequential(*blocks, *_norm_relu(128), GlobalPool()), 128


def resnet_vector_head(features: int, cells: int) -> tuple[nn.Module, int]:
    """Return two layers of 512 on a vector."""
    return nn.Sequential(nn.Linear(features, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU()), 512


HeadMaker: TypeAlias = Callable[[int, int], tuple[nn.Module, int]]

BLOCKS: dict[str, Callable[[int], nn.Module]] = {
    "alexnet": alexnet_block,
    "mobilenet": mobilenet_block,
    "resnet": resnet_block,
}
"""From channels of an image to its block."""

HEADS: dict[str, HeadMaker] = {
    "alexnet": alexnet_head,
    "mobilenet": mobilenet_head,
    "resnet": resnet_head,
    "resnet_vector": resnet_vector_head,
}
"""From channels and cells of a map, or features and 1, to a head and the length of its vector."""


def _active(convolution: nn.Module) -> list[nn.Module]:
    return [convolution, nn.ReLU()]


def _norm_relu(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU()]


def _separable(inputs: int, outputs: int, *, stride: int) -> list[nn.Module]:
    """Return a convolution of each channel alone, then one over channels, both with norm and activation."""
    return [
        nn.Conv2d(inputs, inputs, 3, stride=stride, padding=1, groups=inputs, bias=False),
        *_norm_relu(inputs),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        *_norm_relu(outputs),
    ]
