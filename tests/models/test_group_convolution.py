"""Convolution over quarter turns and reflections."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d
from torch import nn

from merkhet.models.blocks import initialize
from merkhet.models.group_convolution import ORDER, GroupConvolution, filter_index, quotient, transform
from tests.models.symmetries import transform_fields


def make(inputs: int, outputs: int, **options) -> GroupConvolution:
    """Return a layer in which every number matters."""
    torch.manual_seed(0)
    layer = GroupConvolution(inputs, outputs, **{"order": 8, "kernel_size": 3, "norm": True, **options})
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


def test_the_first_four_are_quarter_turns_and_the_others_have_a_mirror():
    image = np.arange(12).reshape(3, 4)
    for element in range(8):
        expected = np.rot90(image[:, ::-1] if element >= 4 else image, element % 4)
        np.testing.assert_array_equal(transform(torch.from_numpy(image), element), expected)


@pytest.mark.parametrize(("first", "second"), [*itertools.product(range(8), repeat=2)])
def test_a_quotient_followed_by_its_divisor_gives_the_dividend(first, second):
    image = torch.arange(9).view(3, 3)
    between = transform(transform(image, quotient(first, second)), first)
    assert torch.equal(between, transform(image, second))


@pytest.mark.parametrize("order", ORDER.values())
def test_every_orientation_has_every_learned_number_once(order):
    for lifting, n in ((True, 25), (False, 25 * order)):
        index = filter_index(order, kernel_size=5, lifting=lifting)
        assert torch.equal(index.sort(dim=1).values, torch.arange(n).expand(order, n))


@pytest.mark.parametrize("lifting", [True, False])
@pytest.mark.parametrize("order", ORDER.values())
def test_is_the_published_sum_over_the_group(order, lifting, rng):
    layer = make(2, 3, order=order, norm=False, lifting=lifting)
    orientations = 1 if lifting else order
    x = rng.normal(size=(2, orientations, 6, 7))
    assert layer.bias is not None
    w, bias = layer.weight.detach().double().view(3, 2, orientations, 3, 3), layer.bias.tolist()
    expected = np.empty((3, order, 6, 7))
    for o, g in itertools.product(range(3), range(order)):
        expected[o, g] = bias[o] + sum(
            correlate2d(x[i, h], transform(w[o, i, 0 if lifting else quotient(g, h)], g).numpy(), mode="same")
            for i, h in itertools.product(range(2), range(orientations))
        )
    result = layer.double()(torch.from_numpy(x).flatten(0, 1)[None])
    np.testing.assert_allclose(result[0].detach(), expected.reshape(3 * order, 6, 7), atol=1e-12)


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("order", ORDER.values())
def test_transformed_fields_give_transformed_fields(order, norm):
    lift = make(2, 3, order=order, norm=norm, lifting=True).double()
    layer = make(3, 4, order=order, norm=norm, kernel_size=5).double()
    image = torch.randn(4, 2, 6, 9, dtype=torch.float64)
    for training in (True, False):
        fields = lift.train(training)(image)
        result = layer.train(training)(fields)
        for g in range(order):
            moved = lift(transform(image, g))
            torch.testing.assert_close(moved, transform_fields(fields, g, order=order))
            torch.testing.assert_close(layer(moved), transform_fields(result, g, order=order))


def test_gradients_are_those_of_finite_differences():
    layer = make(1, 2, order=8, norm=False).double()
    x = torch.randn(1, 8, 3, 4, dtype=torch.float64, requires_grad=True)

    def convolve(x, weight, bias):
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, x)

    assert torch.autograd.gradcheck(convolve, (x, *layer.parameters()))


def test_orientations_of_a_field_share_their_norm():
    layer = make(1, 2, lifting=True)
    fields = layer(torch.randn(4, 1, 9, 9)).unflatten(1, (2, 8))
    assert layer.norm is not None
    torch.testing.assert_close(fields.mean(dim=(0, 2, 3, 4)), layer.norm.bias)
    std = fields.std(dim=(0, 2, 3, 4), correction=0)
    torch.testing.assert_close(std, layer.norm.weight.abs(), rtol=1e-4, atol=0)


def test_number_of_parameters():
    for order, kernel_size, norm in itertools.product((4, 8), (1, 3, 5), (True, False)):
        rest = 6 if norm else 3
        options = {"order": order, "kernel_size": kernel_size, "norm": norm}
        fields, image = make(2, 3, **options), make(2, 3, lifting=True, **options)
        assert sum(p.numel() for p in fields.parameters()) == 2 * 3 * order * kernel_size**2 + rest
        assert sum(p.numel() for p in image.parameters()) == 2 * 3 * kernel_size**2 + rest


@pytest.mark.parametrize("lifting", [True, False])
def test_weights_keep_the_mean_square_of_the_signal(lifting):
    layer = GroupConvolution(16, 64, order=8, kernel_size=3, norm=False, lifting=lifting)
    initialize(layer, activation="relu")
    assert layer.bias is not None
    assert layer.bias.abs().max() == 0
    # Noise with the mean square of rectified noise comes in, without its mean: of 64 drawn channels that scatters by a
    # tenth. Noise of unit variance must come out. The border sees padding.
    out = layer(torch.randn(8, 16 if lifting else 128, 16, 16) / math.sqrt(2))[..., 1:-1, 1:-1]
    assert out.square().mean().item() == pytest.approx(1, rel=0.05)
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / layer.weight[0].numel()), rel=0.05)


class TestEvaluation:
    """Without gradients the layer is one plain convolution with the norm in it."""

    @staticmethod
    def trained(**options) -> GroupConvolution:
        layer = make(2, 3, **options)
        for _ in range(3):
            layer(torch.randn(4, 16, 5, 5))
        return layer.eval()

    @staticmethod
    def check(layer: GroupConvolution) -> None:
        x = torch.randn(2, 16, 7, 6, dtype=layer.weight.dtype)
        expected = layer(x)
        assert expected.requires_grad
        for mode in (torch.no_grad(), torch.inference_mode()):
            with mode:
                torch.testing.assert_close(layer(x), expected.detach(), rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("norm", [True, False])
    def test_agrees_with_convolution_and_norm(self, norm):
        self.check(self.trained(norm=norm))

    @torch.no_grad()
    def test_filters_are_made_once(self, monkeypatch):
        layer = self.trained()
        first = layer(x := torch.randn(1, 16, 5, 5))
        monkeypatch.delattr(GroupConvolution, "_fold")
        assert torch.equal(layer(x), first)

    @pytest.mark.parametrize("name", ["weight", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"])
    def test_what_is_kept_follows_a_change_in_place(self, name):
        layer = self.trained()
        self.check(layer)
        with torch.no_grad():
            layer.state_dict()[name].mul_(2).add_(0.1)
        self.check(layer)

    @pytest.mark.parametrize("assign", [False, True])
    def test_what_is_kept_follows_other_weights(self, assign):
        layer, other = self.trained(), self.trained()
        other(torch.randn(2, 16, 5, 5))
        with torch.no_grad():
            other.weight.neg_()
        self.check(layer)
        layer.load_state_dict(other.state_dict(), assign=assign)
        self.check(layer)

    def test_what_is_kept_follows_precision(self):
        layer = self.trained()
        self.check(layer)
        self.check(layer.double())
        self.check(layer.float())

    def test_what_is_kept_follows_training(self):
        layer = self.trained()
        self.check(layer)
        layer.train()(torch.randn(4, 16, 5, 5) * 9)
        self.check(layer.eval())

    def test_what_is_kept_follows_a_change_that_torch_does_not_count(self):
        layer = self.trained()
        self.check(layer)
        layer.weight.data.neg_()
        self.check(layer.eval())

    def test_weights_get_gradients_in_evaluation_too(self):
        layer = self.trained()
        self.check(layer)
        layer(torch.randn(1, 16, 5, 5)).sum().backward()
        assert layer.weight.grad is not None

    def test_weights_made_in_inference_mode_will_do(self):
        with torch.inference_mode():
            layer = self.trained(norm=False)
            x = torch.randn(1, 16, 5, 5)
            assert torch.equal(layer(x), layer(x))

    def test_channels_last_changes_nothing(self):
        layer = self.trained()
        x = torch.randn(2, 16, 5, 6)
        with torch.inference_mode():
            expected = layer(x)
            layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            out = layer(x.contiguous(memory_format=torch.channels_last))
            assert out.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(out, expected)
