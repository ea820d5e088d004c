"""The network that is equivariant to quarter turns and reflections."""

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from merkhet.config.base import build
from merkhet.config.models import CNN, Equivariant
from merkhet.errors import ConfigError
from merkhet.models.blocks import Residual, VectorNetwork
from merkhet.models.equivariant import SymmetricMaxPool
from merkhet.models.group_convolution import ORDER, GroupConvolution, transform
from tests.models.counts import count, unstored
from tests.models.symmetries import transform_fields

SMALL = {"widths": (2, 3, 4)}
CONFIGS = {
    "d4": Equivariant(**SMALL),
    "c4": Equivariant(**SMALL, group="c4"),
    "residual": Equivariant(**SMALL, residual=True, squeeze_excite=2, activation="silu"),
    "c4 residual": Equivariant(**SMALL, residual=True, convs_per_level=1, group="c4", squeeze_excite=1),
    "no norm": Equivariant(**SMALL, norm="none", kernel_size=5, activation="tanh", squeeze_excite=1),
}
SIZES = [(21, 21), (20, 20), (23, 18), (16, 30), (15, 27), (4, 5)]


def make(config: Equivariant | CNN, *, steps: int = 0) -> VectorNetwork:
    """Return a network after a few steps of training on noise, in evaluation mode."""
    torch.manual_seed(1)
    network: VectorNetwork = build(config, channels=2, dims=2, shape=None)
    head = nn.Linear(network.out_features, 1)
    optimizer = torch.optim.SGD([*network.parameters(), *head.parameters()], lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        (head(network(torch.randn(8, 2, 13, 14))) - torch.randn(8, 1)).square().mean().backward()
        optimizer.step()
    return network.eval()


def spread(network: VectorNetwork, image: torch.Tensor, elements: range) -> float:
    """Return the largest difference between the answers for all orientations, in units of the largest answer."""
    answers = torch.stack([network(transform(image, element)) for element in elements]).detach()
    assert answers.abs().max() > 1e-3
    return ((answers - answers[0]).abs().max() / answers.abs().max()).item()


@pytest.fixture(scope="module")
def trained() -> VectorNetwork:
    return make(CONFIGS["residual"], steps=2).double()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("steps", [0, 4])
@pytest.mark.parametrize("name", CONFIGS)
def test_no_orientation_changes_the_answer(name, steps, size):
    config = CONFIGS[name]
    elements = range(ORDER[config.group])
    network, image = make(config, steps=steps), torch.randn(2, 2, *size)
    with torch.no_grad():
        assert spread(network, image, elements) < 1e-5
    assert spread(network, image, elements) < 1e-5
    assert spread(network.double(), image.double(), elements) < 1e-10
    assert spread(network.train(), image.double(), elements) < 1e-10


@settings(max_examples=40)
@given(
    height=st.integers(4, 40),
    width=st.integers(4, 40),
    element=st.integers(0, 7),
    scale=st.floats(1e-3, 1e3),
)
def test_no_size_changes_that(trained, height, width, element, scale):
    image = scale * torch.randn(1, 2, height, width, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(trained(transform(image, element)), trained(image), rtol=1e-10, atol=1e-12)


def test_a_plain_network_and_other_symmetries_do_depend_on_orientation():
    image = torch.randn(2, 2, 21, 21)
    assert spread(make(CNN(widths=(4, 8), convs_per_level=2)), image, range(4)) > 1e-3
    assert spread(make(CONFIGS["c4"], steps=4), image, range(8)) > 1e-3
    smeared = make(CONFIGS["d4"], steps=4)
    assert (smeared(image) - smeared(image.roll(5, dims=-1))).abs().max() > 1e-3


@pytest.mark.parametrize("name", CONFIGS)
def test_features_move_with_the_image(name):
    config = CONFIGS[name]
    order = ORDER[config.group]
    network, image = make(config, steps=2).double(), torch.randn(1, 2, 19, 22, dtype=torch.float64)
    features = network.features(image)
    assert features.shape == (1, 4 * order, 4, 5)
    for g in range(order):
        moved = network.features(transform(image, g))
        torch.testing.assert_close(moved, transform_fields(features, g, order=order), rtol=1e-10, atol=1e-12)


class TestSymmetricMaxPool:
    @pytest.mark.parametrize("height", range(2, 12))
    @pytest.mark.parametrize("width", [6, 7])
    def test_is_adaptive_pooling_to_half_the_size(self, height, width):
        x = torch.randn(2, 3, height, width)
        expected = functional.adaptive_max_pool2d(x, (height // 2, width // 2))
        assert torch.equal(SymmetricMaxPool()(x), expected)

    @pytest.mark.parametrize("size", [(8, 8), (9, 9), (8, 9), (2, 3)])
    def test_commutes_with_the_group(self, size):
        x, pool = torch.randn(2, 3, *size), SymmetricMaxPool()
        for g in range(8):
            assert torch.equal(pool(transform(x, g)), transform(pool(x), g))

    def test_plain_max_pooling_does_not(self):
        x, pool = torch.randn(1, 1, 9, 9), nn.MaxPool2d(2)
        assert not torch.equal(pool(transform(x, 1)), transform(pool(x), 1))

    def test_a_traced_graph_holds_for_other_sizes(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(SymmetricMaxPool(), torch.randn(1, 1, 9, 8))
        x = torch.randn(1, 1, 10, 13)
        assert torch.equal(traced(x), SymmetricMaxPool()(x))
        # OpenVINO, for one, takes no windows that depend on the size.
        assert "aten::max_pool2d" not in str(traced.graph)


def test_a_trace_gives_the_same_answers():
    network = make(CONFIGS["residual"], steps=2)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network, torch.randn(2, 2, 12, 13))
        x = torch.randn(3, 2, 11, 16)
        torch.testing.assert_close(traced(x), network(x))


@pytest.mark.parametrize("group", ORDER)
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_parameters_by_formula(group, kernel_size):
    order, area = ORDER[group], kernel_size**2
    config = Equivariant(group=group, widths=(5, 7), convs_per_level=2, kernel_size=kernel_size)
    convolutions = 3 * 5 * area + order * area * (5 * 5 + 5 * 7 + 7 * 7)
    assert count(unstored(config, channels=3)) == convolutions + 2 * (5 + 5 + 7 + 7)
    without = config.model_copy(update={"norm": "none"})
    assert count(unstored(without, channels=3)) == convolutions + (5 + 5 + 7 + 7)
    excited = config.model_copy(update={"squeeze_excite": 2})
    assert count(unstored(excited, channels=3)) == convolutions + 2 * (5 + 5 + 7 + 7) + 2 * (5 * 2 + 7 * 3)
    residual = config.model_copy(update={"residual": True})
    shortcut = 5 * 7 * order + 2 * 7
    assert count(unstored(residual, channels=3)) == convolutions + 2 * (5 + 5 + 7 + 7) + shortcut


def test_runs_the_convolutions_of_a_plain_network_of_as_many_channels():
    config = Equivariant(widths=(2, 3), convs_per_level=2)
    network = make(config)
    plain = unstored(CNN(widths=(16, 24), convs_per_level=2), channels=2)
    ours = [m._plain().weight.shape for m in network.modules() if isinstance(m, GroupConvolution)]
    assert ours == [m.weight.shape for m in plain.modules() if isinstance(m, nn.Conv2d)]


def test_without_norm_the_signal_keeps_its_size_through_many_levels():
    torch.manual_seed(0)
    config = Equivariant(widths=(8,), convs_per_level=12, kernel_size=1, norm="none")
    network = build(config, channels=4, dims=2, shape=None)
    with torch.no_grad():
        # Twelve factors near one: a gain that ignores the eight orientations would be off by 8 to the 12th.
        assert 0.2 < 2 * network.features(torch.randn(4, 4, 24, 24)).square().mean().item() < 5


def test_residual_blocks_start_as_the_identity():
    for norm in ("batch", "none"):
        network = build(Equivariant(widths=(3, 3), residual=True, norm=norm), channels=1, dims=2, shape=None)
        pool, block = network.levels[1].children()
        assert isinstance(block, Residual)
        assert len(block.shortcut) == 0
        x = torch.randn(2, 24, 8, 8)
        assert torch.equal(block(pool(x)), pool(x).relu())


def test_the_first_level_is_one_convolution_where_levels_have_one():
    network = unstored(Equivariant(widths=(2, 3), convs_per_level=1, residual=True))
    first, second = ([type(layer) for layer in level.children()] for level in network.levels)
    assert first == [GroupConvolution, nn.ReLU]
    assert second == [SymmetricMaxPool, Residual]


def test_too_small_an_image_is_refused():
    build(Equivariant(), channels=1, dims=2, shape=(8, 8))
    with pytest.raises(ConfigError, match=r"needs 8 px .* has 7 x 9"):
        build(Equivariant(), channels=1, dims=2, shape=(7, 9))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": 4}, "kernel_size is 4; it must be odd"),
        ({"widths": (8, 4), "squeeze_excite": 5}, "squeeze_excite is 5; the narrowest level has only 4"),
        ({"group": "c8"}, "'c4' or 'd4'"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        Equivariant(**options)
