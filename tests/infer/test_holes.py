"""A network in two forms: each image goes through the one that fits, and the answers are the network's."""

import torch
from torch import nn

from merkhet.config import models as schemas
from merkhet.config.base import build
from merkhet.infer.holes import InTwoForms, WithoutHoles
from merkhet.models.fcn import FCN

SMALL = schemas.FCN(widths=(4, 6), convolutions=(2, 1))


class Remembers(nn.Module):
    """Counts what goes through a network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.times = network, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.times += 1
        answer: torch.Tensor = self.network(x)
        return answer


def test_images_without_holes_take_the_quicker_form(rng):
    torch.manual_seed(0)
    network: FCN = build(SMALL, channels=2, dims=2, shape=None)
    network.eval()
    general, quick = Remembers(network), Remembers(WithoutHoles(network))
    both = InTwoForms(general, quick)
    x = torch.from_numpy(rng.uniform(0.5, 1, (1, 2, 21, 30))).float()
    holed = x.clone()
    holed[..., 8:12, :3] = 0
    for image, times in ((x, (0, 1)), (holed, (1, 1))):
        expected = network(image)  # with gradients it masks always
        with torch.inference_mode():
            torch.testing.assert_close(both(image), expected.detach(), atol=1e-6, rtol=1e-6)
        assert (general.times, quick.times) == times
