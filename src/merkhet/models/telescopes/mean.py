"""The mean over telescopes."""

from torch import Tensor, nn

from merkhet.config import array_models as schemas


class Mean(nn.Module):
    """The mean vector of the telescopes that triggered (deep sets: Zaheer et al. 2017, arXiv:1703.06114); or zero.

    Parameters
    ----------
    config
        Its schema.
    features
        Length of a telescope's vector, and of the event's.
    """

    def __init__(self, config: schemas.Mean, *, features: int) -> None:
        super().__init__()
        self.out_features = features
        self.norm = nn.LayerNorm(features)

    def forward(self, vectors: Tensor, *, present: Tensor, size: Tensor) -> Tensor:
        """Map ``(B, S, F)`` to ``(B, F)``; vectors of absent telescopes are zero."""
        mean: Tensor = self.norm(vectors.sum(dim=1) / present.sum(dim=1, keepdim=True).clamp(min=1))
        return mean
