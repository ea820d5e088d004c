"""Memory for results as large as an image."""

import numpy as np
import torch
from torch import Tensor


def empty_like(image: Tensor) -> Tensor:
    """Return a tensor of the same shape and type whose values are yet to be written.

    On a processor its memory comes from NumPy, which asks the system for large pages. PyTorch takes small ones, each of
    which the system clears when it is first written to: of an image of 4000 x 4000 px, that takes ten times as long as
    a division.
    """
    if not image.is_cpu or image.dtype != torch.float32:
        return torch.empty_like(image)
    return torch.from_numpy(np.empty(image.shape, dtype=np.float32))


def quotient(image: Tensor, scale: Tensor) -> Tensor:
    """Return ``image / scale``, of the image's shape: in memory of :func:`empty_like`, unless there are gradients."""
    if torch.is_grad_enabled() and (image.requires_grad or scale.requires_grad):
        return image / scale
    return torch.div(image, scale, out=empty_like(image))
