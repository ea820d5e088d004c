"""Normalization of photon counts that stand beside their exposure and background."""

import torch
from torch import Tensor

from merkhet.config import normalize as schemas
from merkhet.data.sample import Batch
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
        seen = good.amin(dim=1) & (exposure > 0)  # all(), ten times as fast
        counts, background = (torch.where(seen, band.clamp(min=0), 0.0) for band in (counts, background))
        excess = 2 * ((counts + ANSCOMBE).sqrt() - (background + ANSCOMBE).sqrt())
        width = torch.log2(batch["scale"].to(image) / FINEST_ARCSEC).nan_to_num(2.0).clamp(min=0) / 4 + 0.25
        # The excess of what was not seen is 0 by itself.
        bands = torch.asinh(excess), torch.log10(background + FAINTEST) / 2 * seen, width[:, None, None] * seen
        return torch.stack(bands, dim=1), torch.ones_like(width)[:, None, None, None], image

    def denormalize(self, y: Tensor, *, scale: Tensor, offset: Tensor) -> Tensor:
        """Return counts from excess; exposure and background as they were."""
        _, exposure, background = offset.unbind(dim=1)
        counts = (torch.sinh(y[:, 0].float()) / 2 + (background.clamp(min=0) + ANSCOMBE).sqrt()).square() - ANSCOMBE
        return torch.stack([counts, exposure, background], dim=1)
