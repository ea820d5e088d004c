"""The inverse hyperbolic sine of tensors."""

from torch import Tensor


def asinh(x: Tensor) -> Tensor:
    """Return the inverse hyperbolic sine, as exact for small numbers; in float32 of such below 1.8e19.

    PyTorch's own takes a processor ten times as long. ``x^2 / (1 + sqrt(1 + x^2))`` is ``sqrt(1 + x^2) - 1`` without
    the difference of numbers that are nearly equal.
    """
    size = x.abs()
    square = size.square()
    return (square / ((1 + square).sqrt_() + 1)).add_(size).log1p_().copysign_(x)
