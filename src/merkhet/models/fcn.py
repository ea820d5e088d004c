"""A fully convolutional network: features of every place of an image of any size, computed once."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from merkhet.config import models as schemas
from merkhet.errors import ConfigError
from merkhet.models.blocks import conv_block, initialize


class FCN(nn.Module):
    """Levels of convolutions, each at half the resolution of the one before: one vector for each cell of the image.

    Fully convolutional after Long et al. 2015 (CVPR, 3431). Convolutions with stride halve the image where others
    take a maximum, for faint extended light is found by adding pixels up.

    Pixels whose channels are all zero lie outside the image, and so do those beyond its edge: after each convolution
    the features of places without a pixel inside are set to zero, as padding does. So a cell has one answer, whether
    a piece of the image is cut out with its context (:attr:`context` pixels on each side) or the whole is evaluated.

    Parameters
    ----------
    config
        Its schema; see :class:`merkhet.config.models.FCN`.
    channels
        Bands of the image.
    dims, shape
        Two dimensions, of any shape.

    Attributes
    ----------
    levels
        The levels in the order the image passes them.
    stride
        Width of a cell in pixels.
    context
        How many pixels around a cell its features depend on, rounded up to whole cells.
    out_features
        Length of a cell's vector.

    Raises
    ------
    ConfigError
        ``dims`` is not 2.
    """

    def __init__(self, config: schemas.FCN, *, channels: int, dims: int, shape: tuple[int, ...] | None) -> None:
        if dims not in config.dims:
            raise ConfigError(
                f"model.kind=fcn is for images (input.dims=2), but input.dims={dims}. Choose another model.kind"
            )
        super().__init__()
        self.levels = nn.ModuleList()
        for width, convolutions in zip(config.widths, config.convolutions, strict=True):
            self.levels.append(_Level(channels, width, convolutions=convolutions, config=config))
            channels = width
        self.stride, self.context = config.stride, config.context
        self.out_features = channels
        initialize(self, activation=config.activation)

    def forward(self, x: Tensor) -> Tensor:
        """Map an image ``(B, C, H, W)`` to features ``(B, out_features, H / stride, W / stride)``, rounded up."""
        x = _whole_cells(x, self.stride)
        inside = (x.abs().amax(dim=1, keepdim=True) > 0).to(x.dtype)
        for level in self.levels:
            inside = F.max_pool2d(inside, 2)
            x = level(x, inside)
        return x


class _Level(nn.Module):
    """Convolutions of one resolution, the first of which halves the image."""

    def __init__(self, inputs: int, outputs: int, *, convolutions: int, config: schemas.FCN) -> None:
        super().__init__()
        self.steps = nn.ModuleList()
        for number in range(convolutions):
            self.steps.append(nn.Sequential(*_convolution(inputs, outputs, halve=number == 0, config=config)))
            inputs = outputs

    def forward(self, x: Tensor, inside: Tensor) -> Tensor:
        """Map ``(B, C, 2 h, 2 w)`` to ``(B, outputs, h, w)``, zero where ``inside`` ``(B, 1, h, w)`` is."""
        for step in self.steps:
            x = step(x)
            x = x * inside if torch.is_grad_enabled() else x.mul_(inside)
        return x


def _convolution(inputs: int, outputs: int, *, halve: bool, config: schemas.FCN) -> list[nn.Module]:
    """Return convolution, norm, activation. Kernels of 4 that halve the image are centered on the cells they make."""
    block = conv_block(inputs, outputs, dims=2, norm=config.norm, activation=config.activation)
    if halve:
        block[0] = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=config.norm == "none")
    if isinstance(block[-1], nn.ReLU):
        block[-1] = nn.ReLU(inplace=True)
    return block


def covered(valid: Tensor, *, stride: int) -> Tensor:
    """Return which cells ``(B, h, w)`` hold a pixel that is valid in each band, of a mask ``(B, C, H, W)``."""
    mask = valid.amin(dim=1, keepdim=True).to(torch.float32)  # all(), ten times as fast
    return F.max_pool2d(_whole_cells(mask, stride), stride)[:, 0] > 0


def _whole_cells(x: Tensor, stride: int) -> Tensor:
    """Return an image ``(B, C, H, W)`` with zeros at the far edges that make it a whole number of cells."""
    height, width = (-n % stride for n in x.shape[-2:])
    if not torch.jit.is_tracing() and height == width == 0:  # type: ignore[attr-defined, no-untyped-call]
        return x  # padding by nothing is a copy; what is traced must hold for other shapes
    return F.pad(x, (0, width, 0, height))
