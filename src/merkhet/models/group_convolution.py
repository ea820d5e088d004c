"""Convolution over the quarter turns and reflections of an image.

Element ``g`` of the group first reverses x where ``g >= 4``, then turns by ``g % 4`` quarters; ``c4`` are the first
four elements, ``d4`` are all eight. A field has one channel per element; the channels of ``F`` fields stand field by
field in ``(B, F * order, H, W)``. Where the image is transformed by ``g``, every channel is transformed by ``g``, and
channel ``h`` of a field becomes its channel ``g h``: the regular representation of the group.
"""

from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from merkhet.config.models import Symmetry

ORDER: dict[Symmetry, int] = {"c4": 4, "d4": 8}


def recording() -> bool:
    """Tell whether torch records a graph (trace, export, compile), which must hold for other weights and sizes too."""
    return bool(torch.jit.is_tracing()) or torch.compiler.is_compiling()  # type: ignore[attr-defined, no-untyped-call]


def transform(image: Tensor, element: int) -> Tensor:
    """Apply an element of the group to the last two axes, ``(..., y, x)``."""
    mirrored = image.flip(-1) if element >= 4 else image
    return mirrored.rot90(element % 4, (-2, -1))


def quotient(first: int, second: int) -> int:
    """Return the element ``first^-1 second``: followed by ``first`` it is ``second``.

    A reflection turns the sense of the turns that it is exchanged with, ``m r = r^-1 m``.
    """
    turns = second % 4 - first % 4
    mirrored = (first >= 4) != (second >= 4)
    return (turns if first < 4 else -turns) % 4 + 4 * mirrored


def filter_index(order: int, *, kernel_size: int, lifting: bool) -> Tensor:
    """Return where the filters of every output orientation are found among the learned numbers.

    The filter of orientation ``g`` is ``w_g(h, u) = w(g^-1 h, g^-1 u)``, with ``h`` the orientation of the input (an
    image has one only) and ``u`` the pixel.

    Returns
    -------
    Tensor
        int64 ``(order, n)`` with ``n`` input orientations x pixels; each row is a permutation of ``0 ... n - 1``.

    References
    ----------
    Cohen & Welling 2016, arXiv:1602.07576, equations 10 (lifting) and 11.
    """
    size = kernel_size**2
    pixels = torch.arange(size).view(kernel_size, kernel_size)
    rows = []
    for g in range(order):
        orientations = torch.tensor([0] if lifting else [quotient(g, h) for h in range(order)])
        rows.append((size * orientations[:, None] + transform(pixels, g).flatten()).flatten())
    return torch.stack(rows)


class _Plain(NamedTuple):
    """The plain convolution that a layer amounts to, and the stamp of the tensors that it was made of."""

    weight: Tensor
    bias: Tensor | None
    stamp: tuple[tuple[int, int], ...]


class GroupConvolution(nn.Module):
    """Convolution of fields, and the norm behind it: ``(B, inputs * order, H, W) -> (B, outputs * order, H, W)``.

    A layer learns one filter per pair of fields; the filters of all orientations are copies of it, turned and
    reflected. The batch norm has one mean, variance, weight and bias per field, shared by its orientations; without
    norm there is one bias per field.

    In evaluation mode and where no gradient is asked for, the layer is one plain convolution: the filters of all
    orientations, with the norm folded into them, are kept until the weights change.

    Parameters
    ----------
    inputs
        Fields, or bands of the image where `lifting`.
    outputs
        Fields.
    order
        Number of elements of the group, 4 or 8.
    kernel_size
        Pixels along a side, odd; the image is padded with zeros to keep its size.
    norm
        Whether a batch norm follows.
    lifting
        The input is an image, ``(B, inputs, H, W)``: the first layer of a network.

    References
    ----------
    Cohen & Welling 2016, Proc. ICML, PMLR 48, 2990 (arXiv:1602.07576), sections 6 and 7.
    """

    def __init__(
        self, inputs: int, outputs: int, *, order: int, kernel_size: int, norm: bool, lifting: bool = False
    ) -> None:
        super().__init__()
        self.order, self.kernel_size = order, kernel_size
        index = filter_index(order, kernel_size=kernel_size, lifting=lifting)
        self.register_buffer("index", index, persistent=False)
        self.index: Tensor
        # Three axes and not five: `.to(memory_format=channels_last)` is for images and must leave it alone.
        self.weight = nn.Parameter(torch.empty(outputs, inputs, index.shape[1]))
        self.bias = None if norm else nn.Parameter(torch.empty(outputs))
        self.norm = nn.BatchNorm3d(outputs) if norm else None
        self._kept: _Plain | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return the fields."""
        if not self.training and not torch.is_grad_enabled():
            plain = self._plain()
            return self._convolve(x, plain.weight, plain.bias)
        x = self._convolve(x, self._all_orientations(self.weight), self._spread(self.bias))
        if self.norm is None:
            return x
        normalized: Tensor = self.norm(torch.unflatten(x, 1, (-1, self.order)))
        return normalized.flatten(1, 2)

    def train(self, mode: bool = True) -> Self:
        """Switch between training and evaluation, and forget the filters that were kept."""
        self._kept = None
        return super().train(mode)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return functional.conv2d(x, weight, bias, padding=self.kernel_size // 2)

    def _all_orientations(self, weight: Tensor) -> Tensor:
        """Make plain filters ``(outputs * order, inputs * orientations, k, k)`` of the learned ones.

        No two entries of a row are gathered from one place, so that the gradient has the same last bit every time.
        """
        outputs, inputs, n = weight.shape
        shape = (outputs, self.order, inputs, n)
        filters = weight[:, None].expand(shape).gather(3, self.index[None, :, None].expand(shape))
        return filters.reshape(outputs * self.order, -1, self.kernel_size, self.kernel_size)

    def _spread(self, values: Tensor | None) -> Tensor | None:
        return None if values is None else values.repeat_interleave(self.order)

    def _plain(self) -> _Plain:
        """Return the plain convolution, that of the last call where nothing has changed since."""
        if recording() or self.weight.is_inference():  # inference tensors have no versions to compare
            return self._fold(stamp=())
        stamp = tuple((tensor.data_ptr(), tensor._version) for tensor in (*self.parameters(), *self.buffers()))
        if self._kept is None or self._kept.stamp != stamp:
            with torch.inference_mode(False), torch.no_grad():
                self._kept = self._fold(stamp=stamp)
        return self._kept

    def _fold(self, *, stamp: tuple[tuple[int, int], ...]) -> _Plain:
        """Put the norm, ``(y - mean) / sqrt(variance + eps) * weight + bias``, into filters and bias."""
        if self.norm is None:
            return _Plain(self._all_orientations(self.weight), self._spread(self.bias), stamp)
        assert self.norm.running_mean is not None
        assert self.norm.running_var is not None
        scale = self.norm.weight * torch.rsqrt(self.norm.running_var + self.norm.eps)
        bias = self.norm.bias - self.norm.running_mean * scale
        return _Plain(self._all_orientations(self.weight * scale[:, None, None]), self._spread(bias), stamp)
