"""Number of parameters."""

import torch

from merkhet.config.base import build
from merkhet.config.models import Architecture
from merkhet.models.blocks import VectorNetwork


def unstored(config: Architecture, *, channels: int = 1, dims: int = 2) -> VectorNetwork:
    """Build a network without storage for its weights."""
    with torch.device("meta"):
        network: VectorNetwork = build(config, channels=channels, dims=dims, shape=None)
    return network


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
