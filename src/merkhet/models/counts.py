"""Normalization of photon counts that stand beside their exposure and background."""

import torch
from torch import Tensor

from merkhet.config import normalize as schemas
from merkhet.data.sample import Batch
from merkhet.models.asinh import asinh
from merkhet.models.masks import every_band
from merkhet.models.normalize import Normalizer

ANSCOMBE = 3 / 8
FAINTEST = 1e-4  # counts per pixel: a background below that is none
FINEST_ARCSEC = 1.0  # the logarithm of the pixel scale starts here; finer pixels pass for such ones


class Counts(Normalizer):
    """Bands counts, exposure and background to excess, background and pixel scale; see the schema.

    A pixel without exposure, or where one of the bands is not valid, is zero in all three. The third is never zero
    inside: so a network can tell which pixels there are.
    """

    def __init__(self, config: schemas.Counts) -> None:
        super().__init__()

    def normalize(self, image: Tensor, good: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``(x, scale, offset)``; :meth:`denormalize` needs the bands as they were, which are the offset.

        Raises
        ------
        ValueError
            The image has not three bands.
        """
        if image.shape[1] != 3:
            raise ValueError(f"normalize.kind=counts takes counts, exposure and background; got {image.shape[1]} bands")
        counts, exposure, background = image.unbind(dim=1)
        seen = (every_band(good) & (exposure > 0)).float()
        # A mask is multiplied with, for where() takes several times as long; in place where no gradient is lost.
        counts, background = (band.nan_to_num(0, 0, 0).clamp_(min=0).mul_(seen) for band in (counts, background))
        width = torch.log2(batch["scale"].to(image) / FINEST_ARCSEC).nan_to_num(2.0).clamp(min=0) / 4 + 0.25
        sky = torch.log10(background + FAINTEST).div_(2).mul_(seen)
        excess = (counts.add_(ANSCOMBE).sqrt_() - background.add_(ANSCOMBE).sqrt_()).mul_(2)
        # The excess of what was not seen is 0 by itself.
        x = torch.stack([asinh(excess), sky, seen * width[:, None, None]], dim=1)
        return x, torch.ones_like(width)[:, None, None, None], image

    def denormalize(self, y: Tensor, *, scale: Tensor, offset: Tensor) -> Tensor:
        """Return counts from excess; exposure and background as they were."""
        _, exposure, background = offset.unbind(dim=1)
        counts = (torch.sinh(y[:, 0].float()) / 2 + (background.clamp(min=0) + ANSCOMBE).sqrt()).square() - ANSCOMBE
        return torch.stack([counts, exposure, background], dim=1)
