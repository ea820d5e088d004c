"""Attention over a set of telescopes."""

import torch
from torch import Tensor, nn

from merkhet.config import array_models as schemas


class Attention(nn.Module):
    """Layers of self-attention (Vaswani et al. 2017) over telescopes and one learned place that stands for the event.

    There is no order among the telescopes (Lee et al. 2019, arXiv:1810.00825): any permutation of them gives the same
    vector, and those that did not trigger are not looked at. Without any, the event has a vector that is learned.

    Parameters
    ----------
    config
        Its schema.
    features
        Length of a telescope's vector, and of the event's.
    """

    def __init__(self, config: schemas.Attention, *, features: int) -> None:
        super().__init__()
        self.out_features = features
        self.event = nn.Parameter(torch.zeros(features))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                features,
                config.heads,
                dim_feedforward=2 * features,
                dropout=config.dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(features)

    def forward(self, vectors: Tensor, *, present: Tensor, size: Tensor) -> Tensor:
        """Map ``(B, S, F)`` to ``(B, F)``."""
        event, _ = self.look(vectors, present=present)
        return event

    def look(self, vectors: Tensor, *, present: Tensor, event: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return a vector for each event ``(B, F)``, and one for each telescope ``(B, S, F)``.

        Parameters
        ----------
        vectors, present
            ``(B, S, F)`` and bool ``(B, S)``.
        event
            What is known of each event before, ``(B, F)``.
        """
        first = self.event.to(vectors.dtype).expand(len(vectors), -1)
        x = torch.cat([(first if event is None else first + event)[:, None], vectors], dim=1)
        absent = torch.cat([torch.zeros_like(present[:, :1]), ~present], dim=1) if present.shape[1] else None
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=absent)
        x = self.norm(x)
        return x[:, 0], x[:, 1:]
