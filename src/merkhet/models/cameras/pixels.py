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
    pointing
        float32 ``(N, 2)``: altitude and azimuth of the telescopes, rad; NaN where not known.
    charge, time
        float32 ``(N, P)``: photo-electrons, and ns after the mean of the image; zero but for cleaned pixels, where
        these are read.
    size
        float32 ``(N,)``: sum of ``charge``.
    events, slots
        B and T.
    """

    pixels: Tensor
    event: Tensor
    slot: Tensor
    position: Tensor
    pointing: Tensor
    charge: Tensor
    time: Tensor
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
        pointing = batch["pointing"].float()
        return {name: self._images(arrays, pointing=pointing) for name, arrays in batch["telescopes"].items()}

    def _images(self, arrays: dict[str, Tensor], *, pointing: Tensor) -> Images:
        trigger = arrays["trigger"]
        event, slot = trigger.nonzero(as_tuple=True)
        charge = arrays["charge"][event, slot].float().nan_to_num(0.0, 0.0, 0.0)
        mask = (
            arrays["mask"][event, slot] if "mask" in self.config.fields else torch.ones_like(charge, dtype=torch.bool)
        )
        time = torch.zeros_like(charge)
        if "time" in self.config.fields:
            time = _after_mean(arrays["time"][event, slot].float(), charge=charge, mask=mask)
        values = {
            "charge": charge / self.config.charge_scale,
            "log_charge": charge.sign() * charge.abs().log1p(),
            "time": (time / self.config.time_scale_ns).clamp(-LATEST, LATEST),
        }
        channels = [
            values[name.removeprefix("cleaned_")] * (mask if name.startswith("cleaned_") else 1)
            for name in self.config.channels
        ]
        clean, position = charge * mask, arrays["position"][event, slot].float()
        return Images(
            torch.stack(channels, dim=1),
            event,
            slot,
            position,
            pointing[event],
            clean,
            time * mask,
            clean.sum(dim=1),
            *trigger.shape,
        )


def _after_mean(time: Tensor, *, charge: Tensor, mask: Tensor) -> Tensor:
    """Return times after their mean, weighted by charge; zero throughout where no pixel has any."""
    weight = charge.clamp(min=0) * mask * time.isfinite()
    total = weight.sum(dim=1, keepdim=True)
    time = time.nan_to_num(0.0, 0.0, 0.0)
    mean = (weight * time).sum(dim=1, keepdim=True) / total.clamp(min=1e-6)
    return (time - mean) * (total > 0)
