"""Blocks shared by the architectures."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm
from torch import nn

from merkhet.config import models as schemas
from merkhet.config.base import build
from merkhet.errors import ConfigError
from merkhet.models.blocks import ACTIVATION, GlobalPool, SqueezeExcite, conv_block, hidden_layers, initialize


def test_weights_have_the_variance_of_he_2015():
    layer = nn.Conv2d(32, 128, 5)
    initialize(layer, activation="relu")
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / (32 * 25)), rel=0.02)
    assert layer.bias is not None
    assert layer.bias.abs().max() == 0


@pytest.mark.parametrize("activation", list(ACTIVATION))
def test_weights_keep_the_mean_square_of_the_signal(activation):
    def integrand(z: float) -> float:
        return float(ACTIVATION[activation]()(torch.tensor(z, dtype=torch.float64)) ** 2 * norm.pdf(z))

    layer = nn.Linear(1000, 2000)
    initialize(layer, activation=activation)
    # inputs f(z) of a layer, z of unit variance, must give outputs of unit variance
    mean_square = quad(integrand, -8, 0)[0] + quad(integrand, 0, 8)[0]
    assert layer.weight.square().mean().item() * 1000 * mean_square == pytest.approx(1, rel=5e-3)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(("kind", "layer"), [("batch", nn.modules.batchnorm._BatchNorm), ("group", nn.GroupNorm)])
def test_norm_follows_a_convolution_without_bias(dims, kind, layer):
    convolution, normalization, activation = conv_block(4, 32, dims=dims, norm=kind, activation="silu")
    assert convolution.bias is None
    assert isinstance(normalization, layer)
    assert isinstance(activation, nn.SiLU)
    assert normalization(convolution(torch.randn(2, 4, *(5,) * dims))).shape == (2, 32, *(5,) * dims)


def test_a_bias_beside_a_norm_is_there_where_it_is_asked_for():
    convolution = conv_block(4, 32, dims=2, norm="batch", activation=None, bias=True)[0]
    assert convolution.bias is not None


def test_the_norm_of_a_hidden_layer_stands_before_its_activation():
    layers, out_features = hidden_layers(8, (6, 4), activation="relu", dropout=0.3, norm="batch")
    assert [type(layer) for layer in layers] == 2 * [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout]
    assert out_features == 4


def test_without_norm_the_convolution_has_a_bias():
    (convolution,) = conv_block(4, 8, dims=2, norm="none", activation=None)
    assert convolution.bias is not None


@pytest.mark.parametrize(("channels", "groups"), [(64, 4), (16, 1), (24, 1), (7, 1)])
def test_groups_have_sixteen_channels(channels, groups):
    layer = conv_block(1, channels, dims=2, norm="group", activation=None)[1]
    assert isinstance(layer, nn.GroupNorm)
    assert layer.num_groups == groups


def test_global_pool_is_the_mean():
    x = torch.randn(2, 3, 4, 5, 6)
    torch.testing.assert_close(GlobalPool()(x), x.mean(dim=(2, 3, 4)))


@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 5)])
def test_squeeze_and_excitation_by_its_formula(shape):
    block, x = SqueezeExcite(7, reduction=3), torch.randn(2, 7, *shape)
    squeeze, excite = (p.detach().numpy() for p in block.parameters())
    assert squeeze.shape == (2, 7)
    squeezed = np.maximum(x.flatten(2).mean(2).numpy() @ squeeze.T, 0)
    weight = expit(squeezed @ excite.T)
    expected = x.numpy() * weight.reshape(2, 7, *[1] * len(shape))
    np.testing.assert_allclose(block(x).detach(), expected, rtol=1e-5)


@pytest.mark.parametrize("config", [schemas.CNN(squeeze_excite=4), schemas.ResNet(squeeze_excite=4, depths=(1,) * 4)])
def test_squeeze_and_excitation_takes_cubes(config):
    with torch.device("meta"):
        network = build(config, channels=2, dims=3, shape=(16, 16, 16))
        assert network(torch.empty(2, 2, 16, 16, 16)).shape == (2, network.out_features)
    assert sum(isinstance(module, SqueezeExcite) for module in network.modules()) == 4


@pytest.mark.parametrize(
    ("schema", "widths", "narrowest"),
    [(schemas.CNN, {"widths": (8, 16)}, 8), (schemas.ResNet, {"block": "bottleneck", "block_sizes": (2,) * 4}, 8)],
)
def test_nothing_is_squeezed_to_nothing(schema, widths, narrowest):
    schema(squeeze_excite=narrowest, **widths)
    with pytest.raises(ValidationError, match=f"squeeze_excite is {narrowest + 1}; the narrowest level has only 8"):
        schema(squeeze_excite=narrowest + 1, **widths)


def test_hidden_layers_end_in_the_last_width():
    layers, width = hidden_layers(10, (7, 5), activation="relu", dropout=0.1)
    assert width == 5
    assert nn.Sequential(*layers)(torch.zeros(3, 10)).shape == (3, 5)
    layers, width = hidden_layers(10, (), activation="relu", dropout=0.1)
    assert width == 10
    assert [type(layer) for layer in layers] == [nn.Dropout]


@pytest.mark.parametrize(("config", "smallest"), [(schemas.CNN(), 8), (schemas.VGG(block_sizes=(4,) * 5), 32)])
def test_too_small_an_image_is_refused_with_the_size_it_needs(config, smallest):
    build(config, channels=1, dims=2, shape=(smallest, smallest))
    with pytest.raises(ConfigError, match=rf"needs {smallest} px .* has {smallest - 1} x 64"):
        build(config, channels=1, dims=2, shape=(smallest - 1, 64))
    network = build(config, channels=1, dims=2, shape=None).eval()
    assert network(torch.zeros(1, 1, smallest, smallest)).isfinite().all()
    with pytest.raises(ConfigError, match=f"needs {smallest} px"):
        network(torch.zeros(1, 1, 64, smallest - 1))


def test_cubes_need_the_size_along_every_axis():
    with pytest.raises(ConfigError, match="has 4 x 64 x 64"):
        build(schemas.CNN(), channels=1, dims=3, shape=(4, 64, 64))
