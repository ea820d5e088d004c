"""From the pixels of telescopes in physical units to numbers near one: the normalization of arrays."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from merkhet.config import arrays as schemas
from merkhet.data.sample import Batch

ADDITIVE = ("charge", "cleaned_charge")
"""Channels that add up: a mapping conserves their sum. Others are averaged."""

LATEST = 10.0
"""Times are cut off at this many times ``time_scale_ns``."""


class Images(NamedTuple):
    """The images of one telescope type in a batch, of those telescopes only that triggered: N of the B x T.

    Attributes
    ----------
    pixels
        float32 ``(N, C, P)``: the channels, zero where a pixel is not finite.
    event, slot
        int64 ``(N,)``: which event of the batch, and which place on its axis of telescopes.
    position
        float32 ``(N, 3)``: x, y, z of the telescope from the center of the array, m.
    size
        float32 ``(N,)``: the charge of the image in photo-electrons, of cleaned pixels where these are read.
    events, slots
        B and T.
    """

    pixels: Tensor
    event: Tensor
    slot: Tensor
    position: Tensor
    size: Tensor
    events: int
    slots: int


class Pixels(nn.Module):
    """Makes the channels of every image; see :class:`merkhet.config.arrays.Pixels`.

    What did not trigger is left out, so that it costs nothing and moves no statistics: the cost is that of the images
    that there are.
    """

    def __init__(self, config: schemas.Pixels) -> None:
        super().__init__()
        self.config = config

    def forward(self, batch: Batch) -> dict[str, Images]:
        """Return the images of each telescope type of ``batch["telescopes"]``."""
        return {name: self._images(arrays) for name, arrays in batch["telescopes"].items()}

    def _images(self, arrays: dict[str, Tensor]) -> Images:
        trigger = arrays["trigger"]
        event, slot = trigger.nonzero(as_tuple=True)
        charge = arrays["charge"][event, slot].float().nan_to_num(0.0, 0.0, 0.0)
        mask = (
            arrays["mask"][event, slot] if "mask" in self.config.fields else torch.ones_like(charge, dtype=torch.bool)
        )
        values = {"charge": charge / self.config.charge_scale, "log_charge": charge.sign() * charge.abs().log1p()}
        if "time" in self.config.fields:
            values["time"] = self._relative(arrays["time"][event, slot].float(), charge=charge, mask=mask)
        channels = [
            values[name.removeprefix("cleaned_")] * (mask if name.startswith("cleaned_") else 1)
            for name in self.config.channels
        ]
        position = arrays["position"][event, slot].float()
        return Images(torch.stack(channels, dim=1), event, slot, position, (charge * mask).sum(dim=1), *trigger.shape)

    def _relative(self, time: Tensor, *, charge: Tensor, mask: Tensor) -> Tensor:
        """Return times after their mean, weighted by charge; zero throughout where no pixel has any."""
        weight = charge.clamp(min=0) * mask * time.isfinite()
        total = weight.sum(dim=1, keepdim=True)
        time = time.nan_to_num(0.0, 0.0, 0.0)
        mean = (weight * time).sum(dim=1, keepdim=True) / total.clamp(min=1e-6)
        return ((time - mean) / self.config.time_scale_ns).clamp(-LATEST, LATEST) * (total > 0)
