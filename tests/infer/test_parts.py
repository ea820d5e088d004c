"""Batches in parts: nothing of an answer depends on how a batch was cut."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from merkhet.infer.parts import CHANNELS_LAST, PIXELS_PER_CORE, InParts, images_per_part


@given(st.lists(st.integers(1, 400), min_size=2, max_size=3), st.integers(1, 64))
def test_a_part_fills_the_caches_and_no_more_unless_one_image_does(shape, cores):
    images = images_per_part(shape, cores=cores)
    pixels = math.prod(shape)
    assert images == 1 or images * pixels <= PIXELS_PER_CORE * cores
    assert (images + 1) * pixels > PIXELS_PER_CORE * cores


class Watched(nn.Module):
    """A network that notes what it was given."""

    def __init__(self, dims: int, *, bands: int = 2) -> None:
        super().__init__()
        self.conv = nn.Conv2d(bands, 3, 3) if dims == 2 else nn.Conv3d(bands, 3, 3)
        self.seen: list[tuple[int, bool]] = []
        self.strides: list[int] = []

    def forward(self, x):
        self.seen.append((len(x), x.is_contiguous(memory_format=CHANNELS_LAST[x.ndim])))
        self.strides.append(x.stride(1))
        return self.conv(x)


@pytest.mark.parametrize("dims", [2, 3])
def test_one_band_counts_as_channels_last_for_every_layer_that_follows(dims):
    network = Watched(dims, bands=1)
    with torch.inference_mode():
        answer = InParts(network, dims=dims)(torch.zeros(4, 1, *(16,) * dims))
    assert network.strides == [1]
    assert answer.is_contiguous(memory_format=CHANNELS_LAST[dims + 2])


@pytest.mark.parametrize(("dims", "side"), [(2, 64), (3, 16)])
def test_the_network_sees_parts_with_channels_last_and_answers_as_before(monkeypatch, dims, side):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    network = Watched(dims)
    x = torch.randn(20, 2, *(side,) * dims, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network.conv(x)
        found = InParts(network, dims=dims)(x)
    assert network.seen == [(8, True), (8, True), (4, True)]
    torch.testing.assert_close(found, expected)


def test_a_network_that_works_by_tiles_gets_the_images_themselves():
    class Tiled(Watched):
        by_tiles = True

    network = Tiled(2, bands=1)
    x = torch.randn(2, 1, 200, 200, generator=torch.Generator().manual_seed(0))
    given = []
    network.register_forward_pre_hook(lambda _, args: given.append(args[0].data_ptr()))
    with torch.inference_mode():
        torch.testing.assert_close(InParts(network, dims=2)(x), network.conv(x))
    assert given == [image.data_ptr() for image in x]
