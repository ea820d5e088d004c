"""The plain convolutional network."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from merkhet.config.base import build
from merkhet.config.models import CNN
from merkhet.models.blocks import SqueezeExcite
from tests.models.counts import count, unstored


def test_parameters_of_the_published_halo_network():
    # The smaller of the two without shortcuts; the task's last layer adds one weight per feature and a bias.
    network = unstored(CNN(widths=(16, 32, 64, 128), hidden=(64,), conv_bias=True, dropout=0.2))
    assert count(network) + 64 + 1 == 105_953


def test_biases_beside_norms_and_norms_in_hidden_layers_by_formula():
    plain = unstored(CNN(widths=(5, 7), convs_per_level=2, hidden=(3, 4)))
    assert count(unstored(CNN(widths=(5, 7), convs_per_level=2, hidden=(3, 4), conv_bias=True))) == count(plain) + 24
    normed = unstored(CNN(widths=(5, 7), convs_per_level=2, hidden=(3, 4), hidden_norm="batch"))
    assert count(normed) == count(plain) + 2 * (3 + 4)


@pytest.mark.parametrize("dims", [2, 3])
def test_parameters_by_formula(dims):
    network = unstored(CNN(widths=(5, 7), kernel_size=5, norm="none", hidden=(3,)), channels=2, dims=dims)
    assert count(network) == (2 * 5**dims * 5 + 5) + (5 * 5**dims * 7 + 7) + (7 * 3 + 3)


def test_names_of_stored_weights_never_change():
    # Bundles in use hold weights under these names.
    network = unstored(CNN(widths=(2, 3), hidden=(4,)))
    weights = {name.removesuffix(".weight") for name in network.state_dict() if name.endswith(".weight")}
    assert weights == {"levels.0.0", "levels.0.1", "levels.1.1", "levels.1.2", "head.1"}


def test_squeeze_and_excitation_closes_each_level():
    config = CNN(widths=(6, 9), convs_per_level=2)
    network = unstored(config.model_copy(update={"squeeze_excite": 2}))
    assert [type([*level.children()][-1]) for level in network.levels] == [SqueezeExcite, SqueezeExcite]
    assert count(network) - count(unstored(config)) == 2 * (6 * 3 + 9 * 4)


def test_levels_are_pooled_between_and_not_after():
    network = build(CNN(), channels=1, dims=2, shape=(64, 48)).eval()
    assert network.features(torch.zeros(1, 1, 64, 48)).shape == (1, 128, 8, 6)


def test_without_norm_it_is_its_layers_in_a_row():
    torch.manual_seed(0)
    network = build(CNN(widths=(2, 3), norm="none", activation="tanh"), channels=1, dims=2, shape=None).eval()
    first, second = (m for m in network.modules() if isinstance(m, nn.Conv2d))
    x = torch.randn(2, 1, 8, 8)
    by_hand = nn.functional.max_pool2d(torch.tanh(first(x)), 2)
    by_hand = torch.tanh(second(by_hand)).mean(dim=(2, 3))
    torch.testing.assert_close(network(x), by_hand)


def test_even_kernels_are_refused():
    with pytest.raises(ValidationError, match="kernel_size is 4; it must be odd"):
        CNN(kernel_size=4)
