"""The published networks, layer by layer from their description, under the names of their checkpoints."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class Full(nn.Module):
    """Four blocks of two convolutions and max-pooling, a global mean, three fully connected layers."""

    def __init__(self) -> None:
        super().__init__()
        widths = [1, 32, 32, 64, 64, 128, 128, 256, 256]
        for n in range(1, 9):
            setattr(self, f"conv{n}", nn.Conv2d(widths[n - 1], widths[n], 3, padding=1))
            setattr(self, f"bn{n}", nn.BatchNorm2d(widths[n]))
        self.fc1, self.fc2, self.fc3 = nn.Linear(256, 128), nn.Linear(128, 64), nn.Linear(64, 1)
        self.bn_fc1, self.bn_fc2 = nn.BatchNorm1d(128), nn.BatchNorm1d(64)

    def forward(self, x: Tensor) -> Tensor:
        for n in range(1, 9):
            x = F.relu(getattr(self, f"bn{n}")(getattr(self, f"conv{n}")(x)))
            if n % 2 == 0:
                x = F.max_pool2d(x, 2)
        x = x.mean(dim=(2, 3))
        x = F.dropout(F.relu(self.bn_fc1(self.fc1(x))), 0.3, self.training)
        x = F.dropout(F.relu(self.bn_fc2(self.fc2(x))), 0.3, self.training)
        return torch.sigmoid(self.fc3(x))


class Lite(nn.Module):
    """Four convolutions, max-pooling after the first three, a global mean, two fully connected layers."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n, (inputs, outputs) in enumerate([(1, 16), (16, 32), (32, 64), (64, 128)]):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
            layers.append(nn.MaxPool2d(2) if n < 3 else nn.AdaptiveAvgPool2d(1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.classifier(self.features(x)))


class Block(nn.Module):
    """A basic residual block; the shortcut stands first among its layers if that is asked for."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, shortcut_first: bool) -> None:
        super().__init__()
        self.shortcut = nn.Sequential()
        if not shortcut_first:
            self._make_body(inputs, outputs, stride)
            del self.shortcut
        shortcut = [nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)]
        self.shortcut = nn.Sequential(*(shortcut if stride != 1 or inputs != outputs else []))
        if shortcut_first:
            self._make_body(inputs, outputs, stride)

    def _make_body(self, inputs: int, outputs: int, stride: int) -> None:
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.bn1(self.conv1(x)), 0.01)
        return F.leaky_relu(self.bn2(self.conv2(y)) + self.shortcut(x), 0.01)


class ResNet(nn.Module):
    """A 3 x 3 stem, four stages of basic blocks with strides 1, 2, 2, 2, a global mean, one fully connected layer."""

    def __init__(self, widths: tuple[int, ...], blocks: int, dropout: float, *, shortcut_first: bool = False) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]))
        inputs, stages = widths[0], []
        for stage, width in enumerate(widths):
            for number in range(blocks):
                stride = 2 if stage and not number else 1
                stages.append(Block(inputs, width, stride, shortcut_first=shortcut_first))
                inputs = width
        self.stages = nn.Sequential(*stages)
        self.fc = nn.Linear(inputs, 1)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(F.leaky_relu(self.stem(x), 0.01)).mean(dim=(2, 3))
        return torch.sigmoid(self.fc(F.dropout(x, self.dropout, self.training)))


class CnnGleam(nn.Module):
    """Three wide convolutions, each with max-pooling by 3, and three fully connected layers that see all of it."""

    def __init__(self, side_px: int = 4000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 15, padding=7)
        self.conv2 = nn.Conv2d(16, 32, 9, padding=4)
        self.conv3 = nn.Conv2d(32, 32, 5, padding=2)
        self.fc1 = nn.Linear(32 * (side_px // 27) ** 2, 100)
        self.fc2, self.fc3 = nn.Linear(100, 50), nn.Linear(50, 4)

    def forward(self, x: Tensor) -> Tensor:
        for convolution in (self.conv1, self.conv2, self.conv3):
            x = F.max_pool2d(F.relu(convolution(x)), 3)
        x = F.dropout(F.relu(self.fc1(x.flatten(1))), 0.1, self.training)
        return F.softmax(self.fc3(F.relu(self.fc2(x))), dim=1)


PUBLISHED: dict[str, Callable[[], nn.Module]] = {
    "halo_full": Full,
    "halo_lite": Lite,
    "halo_resnet": lambda: ResNet((32, 64, 128, 256), 2, 0.3),
    "halo_resnet_lite": lambda: ResNet((16, 32, 64, 128), 1, 0.2, shortcut_first=True),
    "cnngleam": CnnGleam,
}


def published(name: str, *, seed: int = 0) -> nn.Module:
    """Return a published network in evaluation mode, its weights drawn and its statistics those of some images."""
    torch.manual_seed(seed)
    network = PUBLISHED[name]()
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.2)
            nn.init.normal_(module.bias, 0, 0.2)
            module.momentum = 1.0
    with torch.no_grad():
        network(torch.rand(16, 1, 64, 64) ** torch.linspace(0.2, 8, 16).reshape(-1, 1, 1, 1))
    return network.eval()
