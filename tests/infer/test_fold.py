"""Folding of batch norms: what is folded, what is left, and that no answer changes."""

import pytest
import torch
from torch import nn

from merkhet.infer.fold import fold_batch_norm, norms_left
from tests.infer.networks import set_norms

LAYERS = {
    "linear": (nn.Linear(3, 5), nn.BatchNorm1d(5), (4, 3)),
    "1-D": (nn.Conv1d(3, 5, 3), nn.BatchNorm1d(5), (4, 3, 9)),
    "2-D": (nn.Conv2d(3, 5, 3, bias=False), nn.BatchNorm2d(5), (4, 3, 9, 8)),
    "grouped": (nn.Conv2d(4, 6, 3, stride=2, groups=2), nn.BatchNorm2d(6), (4, 4, 9, 8)),
    "3-D": (nn.Conv3d(3, 5, 3, padding=1), nn.BatchNorm3d(5), (4, 3, 5, 6, 7)),
    "not affine": (nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5, affine=False), (4, 3, 9, 8)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_layer_takes_over_its_norm(name):
    layer, norm, shape = LAYERS[name]
    network = set_norms(nn.Sequential(layer, norm, nn.ReLU()))
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    folded = fold_batch_norm(network)
    assert norms_left(network) == 1
    assert norms_left(folded) == 0
    torch.testing.assert_close(folded(x), network(x), rtol=1e-5, atol=1e-5)


def test_the_network_that_was_given_stays_as_it_is():
    network = set_norms(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fold_batch_norm(network)
    assert network.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


class Branches(nn.Module):
    """A layer whose output goes to a norm and past it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)

    def forward(self, x):
        y = self.layer(x)
        return y + self.norm(y)


class Backwards(nn.Sequential):
    """A container that does not run its layers in order."""

    def forward(self, x):
        for layer in reversed(self):
            x = layer(x)
        return x


class Scaled(nn.Conv2d):
    """A layer that does more than its parent."""

    def forward(self, x):
        return super().forward(x) ** 2


def used_twice() -> nn.Module:
    layer = nn.Conv2d(2, 2, 1)
    return nn.Sequential(nn.Sequential(layer, nn.BatchNorm2d(2)), nn.ReLU(), layer)


def hooked() -> nn.Module:
    network = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))
    network[0].register_forward_hook(lambda module, inputs, output: output**2)
    return network


UNFOLDABLE = {
    "branches": lambda: nn.Sequential(nn.Conv2d(2, 1, 1), Branches()),
    "other order": lambda: Backwards(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)),
    "norm first": lambda: nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1)),
    "activation between": lambda: nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU(), nn.BatchNorm2d(2)),
    "statistics of the batch": lambda: nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2, track_running_stats=False)),
    "subclass": lambda: nn.Sequential(Scaled(2, 2, 1), nn.BatchNorm2d(2)),
    "used twice": used_twice,
    "hooked": hooked,
}


@pytest.mark.parametrize("name", UNFOLDABLE)
def test_what_is_not_certain_is_left_and_counted(name):
    network = set_norms(UNFOLDABLE[name]())
    folded = fold_batch_norm(network)
    assert norms_left(folded) == 1
    x = torch.randn(4, 2, 9, 8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(folded(x), network(x))
