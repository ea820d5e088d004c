"""How fields behave under the group, written down independently of the layers."""

import torch
from torch import Tensor

from merkhet.models.group_convolution import quotient, transform


def transform_fields(fields: Tensor, element: int, *, order: int) -> Tensor:
    """Apply an element to fields ``(B, F * order, H, W)``: channel ``g^-1 k`` becomes channel ``k`` of its field."""
    channels = fields.unflatten(1, (-1, order))
    moved = [transform(channels[:, :, quotient(element, k)], element) for k in range(order)]
    return torch.stack(moved, dim=2).flatten(1, 2)
