"""VGG."""

import pytest
import torch
from pydantic import ValidationError

from merkhet.config.base import build
from merkhet.config.models import VGG
from merkhet.errors import ConfigError
from tests.models.counts import count, unstored


@pytest.mark.parametrize(
    ("depths", "published"),
    [((1, 1, 2, 2, 2), 9_220_480), ((2, 2, 2, 2, 2), 9_404_992), ((2, 2, 3, 3, 3), 14_714_688)],
    ids=["VGG-11", "VGG-13", "VGG-16"],
)
def test_parameters_of_the_published_convolutions(depths, published):
    assert count(unstored(VGG(depths=depths, norm="none"), channels=3).levels) == published


def test_parameters_of_the_whole_published_network():
    # VGG-11 has 132,863,336 with its last layer of 1000 classes.
    network = unstored(VGG(norm="none", pooled_size=7, hidden=(4096, 4096)), channels=3)
    assert count(network) + 4096 * 1000 + 1000 == 132_863_336


def test_parameters_of_lenet_5():
    # 61,706 with its last layer of 10 classes, its layer C3 connected to all maps; images of 28 px there keep their
    # size in the first convolution and shrink by 4 in the second, so that 5 x 5 are left; here all keep it.
    network = unstored(
        VGG(depths=(1, 1), block_sizes=(6, 16), kernel_size=5, norm="none", pooled_size=5, hidden=(120, 84))
    )
    assert count(network) + 84 * 10 + 10 == 61_706


def test_parameters_of_the_published_halo_network():
    # The task's last layer adds one weight per feature and a bias.
    config = VGG(
        depths=(2, 2, 2, 2), block_sizes=(32, 64, 128, 256), hidden=(128, 64), hidden_norm="batch", conv_bias=True
    )
    assert count(unstored(config)) + 64 + 1 == 1_215_201


def test_three_dimensions_by_formula():
    network = unstored(VGG(depths=(1, 2), block_sizes=(4, 6), pooled_size=2, hidden=(5,)), dims=3)
    convolutions = 27 * (1 * 4 + 4 * 6 + 6 * 6) + 2 * (4 + 6 + 6)
    assert count(network) == convolutions + 6 * 2**3 * 5 + 5


@pytest.mark.parametrize(("pooled_size", "features"), [(1, 8), (3, 72)])
def test_without_hidden_layers_the_pooled_features_are_the_output(pooled_size, features):
    config = VGG(depths=(1,), block_sizes=(8,), hidden=(), pooled_size=pooled_size)
    network = build(config, channels=1, dims=2, shape=None)
    assert network.out_features == features
    assert network(torch.zeros(2, 1, 17, 20)).shape == (2, features)


def test_every_level_is_pooled():
    config = VGG(depths=(1, 1), block_sizes=(2, 2))
    network = build(config, channels=1, dims=2, shape=None).eval()
    assert network.features(torch.zeros(1, 1, 32, 19)).shape == (1, 2, 8, 4)


def test_levels_must_agree():
    with pytest.raises(ValidationError, match="depths has 2 levels, block_sizes 5"):
        VGG(depths=(1, 1))


def cnngleam(**changes):
    return VGG.model_validate(
        {
            "depths": (1, 1, 1),
            "block_sizes": (16, 32, 32),
            "kernel_size": (15, 9, 5),
            "pool": 3,
            "pooled_size": None,
            "norm": "none",
            "hidden": (100, 50),
            "dropout": (0.1, 0.0),
        }
        | changes
    )


@pytest.mark.parametrize(("side", "grid"), [(4000, 148), (2000, 74), (8000, 296), (512, 18), (27, 1)])
def test_without_pooling_the_first_full_layer_sees_the_grid(side, grid):
    with torch.device("meta"):
        network = build(cnngleam(), channels=1, dims=2, shape=(side, side))
    layer = next(module for module in network.head if isinstance(module, torch.nn.Linear))
    assert layer.in_features == 32 * grid**2
    if side == 4000:
        assert layer.in_features == 700_928
        assert count(network) + 50 * 4 + 4 == 70_168_906


def test_without_pooling_other_shapes_and_an_open_one_are_refused():
    with pytest.raises(ConfigError, match=r"pooled_size=null: .* needs input\.shape"):
        build(cnngleam(), channels=1, dims=2, shape=None)
    with pytest.raises(ConfigError, match="needs 27 px or more"):
        build(cnngleam(), channels=1, dims=2, shape=(26, 40))
    network = build(cnngleam(), channels=1, dims=2, shape=(54, 81))
    assert network(torch.zeros(2, 1, 54, 81)).shape == (2, 50)


def test_kernels_differ_by_level_and_keep_the_size():
    network = build(cnngleam(), channels=1, dims=2, shape=(54, 54))
    assert [level[0].kernel_size for level in network.levels] == [(15, 15), (9, 9), (5, 5)]
    assert [
        tuple(level[:-1](torch.zeros(1, c, 54, 54)).shape[2:])
        for level, c in zip(network.levels, (1, 16, 32), strict=True)
    ] == [(54, 54)] * 3


def test_each_hidden_layer_may_have_its_dropout():
    network = build(cnngleam(), channels=1, dims=2, shape=(54, 54))
    assert [module.p for module in network.head if isinstance(module, torch.nn.Dropout)] == [0.1, 0.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernel_size": (15, 9)}, "kernel_size has 2 levels, block_sizes 3"),
        ({"kernel_size": (15, 9, 4)}, "kernel_size is 4; it must be odd"),
        ({"dropout": (0.1,)}, "dropout has 1 numbers for 2 hidden layers"),
        ({"dropout": (0.1, 1.0)}, "less than 1"),
        ({"pool": 1}, "greater than or equal to 2"),
    ],
)
def test_lists_that_do_not_fit_the_levels_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        cnngleam(**changes)
