"""A recurrent network over telescopes in the order of their images."""

import torch
from torch import Tensor, nn

from merkhet.config import array_models as schemas


class Recurrent(nn.Module):
    """A long short-term memory (Hochreiter & Schmidhuber 1997) over telescopes, the largest image first.

    The published successor of the array model: what it holds after the last telescope that triggered is the event's
    vector; without any it is zero.

    Parameters
    ----------
    config
        Its schema.
    features
        Length of a telescope's vector, and of the event's.
    """

    def __init__(self, config: schemas.Recurrent, *, features: int) -> None:
        super().__init__()
        self.out_features = features
        self.memory = nn.LSTM(features, features, num_layers=config.layers, batch_first=True)

    def forward(self, vectors: Tensor, *, present: Tensor, size: Tensor) -> Tensor:
        """Map ``(B, S, F)`` to ``(B, F)``."""
        count = present.sum(dim=1)
        longest = max(int(count.max()) if len(count) else 0, 1)
        order = torch.where(present, size, -torch.inf).argsort(dim=1, descending=True, stable=True)[:, :longest]
        states, _ = self.memory(vectors.gather(1, order[..., None].expand(-1, -1, vectors.shape[2])))
        last = (count - 1).clamp(min=0)
        state: Tensor = states[torch.arange(len(states), device=states.device), last]
        return state * (count > 0)[:, None]
