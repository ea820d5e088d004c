"""Residual networks."""

import pytest
import torch

from merkhet.config.base import build
from merkhet.config.models import ResNet
from merkhet.models.blocks import Residual
from tests.models.counts import count, unstored


@pytest.mark.parametrize(
    ("block", "depths", "published"),
    [
        ("basic", (2, 2, 2, 2), 11_176_512),
        ("basic", (3, 4, 6, 3), 21_284_672),
        ("bottleneck", (3, 4, 6, 3), 23_508_032),
        ("bottleneck", (3, 4, 23, 3), 42_500_160),
    ],
    ids=["ResNet-18", "ResNet-34", "ResNet-50", "ResNet-101"],
)
def test_parameters_of_the_published_networks_without_their_last_layer(block, depths, published):
    network = unstored(ResNet(block=block, depths=depths, stem="wide"), channels=3)
    assert count(network) == published
    assert network.out_features == (512 if block == "basic" else 2048)


@pytest.mark.parametrize(
    ("depths", "sizes", "published"),
    [((2, 2, 2, 2), (32, 64, 128, 256), 2_794_721), ((1, 1, 1, 1), (16, 32, 64, 128), 307_377)],
)
def test_parameters_of_the_published_halo_networks(depths, sizes, published):
    network = unstored(ResNet(depths=depths, block_sizes=sizes, activation="leaky_relu"))
    assert count(network) + sizes[-1] + 1 == published


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_parameters_of_squeeze_and_excitation(block):
    # Hu et al. 2018, equation 5: 2 / r times the sum over blocks of the squared number of channels; in SE-ResNet-50
    # "about 2.5 million additional parameters".
    config = ResNet(block=block, depths=(3, 4, 6, 3), stem="wide")
    channels = [width * config.expansion for width in config.block_sizes]
    extra = 2 * sum(n * c**2 for n, c in zip(config.depths, channels, strict=True)) // 16
    excited = unstored(config.model_copy(update={"squeeze_excite": 16}), channels=3)
    assert count(excited) - count(unstored(config, channels=3)) == extra
    if block == "bottleneck":
        assert extra == 2_514_944


def test_names_of_stored_weights_never_change():
    # Bundles in use hold weights under these names.
    network = unstored(ResNet(depths=(1, 1), block_sizes=(2, 4)))
    weights = {name.removesuffix(".weight") for name in network.state_dict() if name.endswith(".weight")}
    blocks = {f"levels.{level}.0.body.{place}" for level in (1, 2) for place in (0, 1, 3, 4)}
    assert weights == {"levels.0.0", "levels.0.1", *blocks, "levels.2.0.shortcut.0", "levels.2.0.shortcut.1"}


@pytest.mark.parametrize("excite", [None, 4])
@pytest.mark.parametrize("norm", ["batch", "group", "none"])
@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_blocks_start_as_the_identity(block, norm, excite):
    config = ResNet(block=block, norm=norm, depths=(2,), block_sizes=(16,), squeeze_excite=excite)
    network = build(config, channels=1, dims=2, shape=None)
    second = network.levels[1][1]
    assert isinstance(second, Residual)
    assert len(second.shortcut) == 0
    x = torch.randn(2, 64 if block == "bottleneck" else 16, 8, 8)
    assert torch.equal(second(x), x.relu())


@pytest.mark.parametrize(("stem", "size"), [("small", (4, 5)), ("wide", (1, 2))])
def test_resolution_halves_at_every_level_but_the_first(stem, size):
    config = ResNet(stem=stem, block_sizes=(2, 2, 2, 2), depths=(1, 1, 1, 1))
    network = build(config, channels=1, dims=2, shape=None).eval()
    assert network.features(torch.zeros(1, 1, 32, 37)).shape == (1, 2, *size)


def test_sixteen_pixels_are_enough_for_the_widest_stem():
    config = ResNet(stem="wide", block_sizes=(4, 4, 4, 4))
    network = build(config, channels=1, dims=3, shape=(16, 16, 16)).eval()
    assert network(torch.randn(1, 1, 16, 16, 16)).isfinite().all()


def test_levels_start_with_the_stem():
    network = unstored(ResNet())
    assert len(network.levels) == 5
    assert count(network.levels[0]) == 9 * 64 + 2 * 64
