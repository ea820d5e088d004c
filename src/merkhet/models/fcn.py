"""A fully convolutional network: features of every place of an image of any size, computed once."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from merkhet.config import models as schemas
from merkhet.errors import ConfigError
from merkhet.models.blocks import conv_block, initialize
from merkhet.models.masks import every, every_band


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
        inside = _inside(x)
        # In training the question would have the processor wait for a GPU.
        if not (torch.is_grad_enabled() or _traced() or x.is_meta) and every(inside):
            return self.whole(x)
        inside = inside.to(x.dtype)
        for level in self.levels:
            inside = F.max_pool2d(inside, 2, ceil_mode=True)
            x = level(x, inside)
        return x

    def whole(self, x: Tensor) -> Tensor:
        """Return the same of an image without holes, every pixel of which lies inside; quicker."""
        for level in self.levels:
            x = level(x, None)
        return x


class _Level(nn.Module):
    """Convolutions of one resolution, the first of which halves the image."""

    def __init__(self, inputs: int, outputs: int, *, convolutions: int, config: schemas.FCN) -> None:
        super().__init__()
        self.steps = nn.ModuleList()
        for number in range(convolutions):
            self.steps.append(nn.Sequential(*_convolution(inputs, outputs, halve=number == 0, config=config)))
            inputs = outputs

    def forward(self, x: Tensor, inside: Tensor | None) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, outputs, h, w)``, half as many rounded up.

        It is zero where ``inside`` ``(B, 1, h, w)`` is; without that, every pixel is.
        """
        if _traced() or x.shape[2] % 2 or x.shape[3] % 2:
            x = F.pad(x, (0, 1, 0, 1))  # of an even number of pixels the first convolution does not reach the last
        for step in self.steps:
            x = step(x)
            if inside is not None:
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
    mask = every_band(valid).view(torch.uint8)  # of which the largest is found ten times as fast
    height, width = (-n % stride for n in mask.shape[1:])
    if height or width:
        mask = F.pad(mask, (0, width, 0, height))
    size, height, width = mask.shape
    rows = mask.view(size, height // stride, stride, width).amax(dim=2)
    return rows.view(size, height // stride, width // stride, stride).amax(dim=3) > 0


def has_holes(x: Tensor) -> bool:
    """Tell whether any pixel of images ``(B, C, H, W)`` has channels that are all zero."""
    return not every(_inside(x))


def _inside(x: Tensor) -> Tensor:
    """Return which pixels ``(B, 1, H, W)`` have a channel that is not zero."""
    return x.abs().amax(dim=1, keepdim=True) > 0


def _traced() -> bool:
    """Tell whether what is done is written down, to be done with other images."""
    return torch.jit.is_tracing()  # type: ignore[attr-defined, no-any-return, no-untyped-call]
