"""The fully convolutional network: one answer for a cell, whatever else is evaluated with it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from merkhet.config import models as schemas
from merkhet.config.base import build
from merkhet.models.fcn import FCN, covered, has_holes

SMALL = schemas.FCN(widths=(4, 4, 6), convolutions=(2, 1, 2))  # cells of 8 px
SIDE = 12  # of the test image, in cells


def network(config: schemas.FCN = SMALL, *, channels: int = 2) -> FCN:
    """A network whose norms do something, as after training."""
    torch.manual_seed(0)
    made: FCN = build(config, channels=channels, dims=2, shape=None)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.get_buffer("running_mean"))
            nn.init.uniform_(module.get_buffer("running_var"), 0.5, 2)
            nn.init.normal_(module.bias)
    return made.eval()


def image(*shape: int) -> Tensor:
    return torch.rand(1, 2, *shape, generator=torch.Generator().manual_seed(1)) + 0.5


NETWORK = network()
IMAGE = image(8 * SIDE, 8 * SIDE)
with torch.inference_mode():
    WHOLE = NETWORK(IMAGE)


def test_gives_one_vector_per_cell():
    default = schemas.FCN()
    assert default.stride == 16
    assert NETWORK.stride == 8
    assert WHOLE.shape == (1, 6, SIDE, SIDE)
    assert NETWORK(image(33, 50)).shape == (1, 6, 5, 7)


@pytest.mark.parametrize("config", [SMALL, schemas.FCN(), schemas.FCN(widths=(4, 4), convolutions=(1, 3))])
def test_context_is_how_far_a_cell_sees(config):
    made, side = network(config.model_copy(update={"activation": "gelu"})), 2 * (config.context // config.stride) + 3
    x = image(side * config.stride, side * config.stride).requires_grad_()
    middle = side // 2
    made(x)[0, :, middle, middle].sum().backward()
    assert x.grad is not None
    seen = x.grad.abs().sum(dim=(0, 1)).nonzero()
    first, last = middle * config.stride, (middle + 1) * config.stride - 1
    reach = max(first - int(seen.min()), int(seen.max()) - last)
    assert reach <= config.context < reach + config.stride


def test_cells_are_seen_from_their_middle():
    x = image(*[8 * SIDE] * 2).requires_grad_()
    NETWORK(x)[0, :, 6, 6].sum().backward()
    assert x.grad is not None
    seen = x.grad.abs().sum(dim=(0, 1)).nonzero()
    middle = 8 * 6 + 3.5
    assert (seen.min(dim=0).values + seen.max(dim=0).values).tolist() == [2 * middle, 2 * middle]


@given(st.integers(0, SIDE - 2), st.integers(0, SIDE - 2), st.integers(1, 5), st.integers(1, 5))
def test_a_piece_with_its_context_answers_as_the_whole(row, column, rows, columns):
    rows, columns, more = min(rows, SIDE - row), min(columns, SIDE - column), NETWORK.context // 8
    top, left = max(row - more, 0), max(column - more, 0)
    piece = IMAGE[:, :, 8 * top : 8 * (row + rows + more), 8 * left : 8 * (column + columns + more)]
    with torch.inference_mode():
        found = NETWORK(piece)[:, :, row - top :, column - left :][:, :, :rows, :columns]
    torch.testing.assert_close(found, WHOLE[:, :, row : row + rows, column : column + columns], atol=1e-5, rtol=1e-5)


@given(st.integers(0, 5), st.integers(0, 5))
def test_the_edge_of_an_image_is_like_pixels_that_are_masked(above, left):
    around = torch.zeros(1, 2, 8 * (SIDE + 6), 8 * (SIDE + 6))
    around[:, :, 8 * above : 8 * (above + SIDE), 8 * left : 8 * (left + SIDE)] = IMAGE
    with torch.inference_mode():
        found = NETWORK(around)
    inside = found[:, :, above : above + SIDE, left : left + SIDE]
    torch.testing.assert_close(inside, WHOLE, atol=1e-5, rtol=1e-5)
    outside = found.clone()
    outside[:, :, above : above + SIDE, left : left + SIDE] = 0
    assert not outside.any(), "features where there is no pixel"


@given(st.integers(1, 50), st.integers(1, 50))
def test_an_image_without_holes_is_answered_as_with_masks(height, width):
    x = image(height, width)
    masked = NETWORK(x).detach()  # in training, masks are always multiplied with
    assert not has_holes(x)
    with torch.inference_mode():
        torch.testing.assert_close(NETWORK(x), masked, atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(NETWORK.whole(x), masked, atol=1e-6, rtol=1e-6)


def test_a_hole_is_a_pixel_without_any_band():
    x = image(9, 9)
    x[0, 0, 4, 4] = 0
    assert not has_holes(x)
    x[0, 1, 4, 4] = 0
    assert has_holes(x)


def test_covered_cells_hold_a_pixel_that_is_valid_in_every_band():
    valid = torch.zeros(1, 2, 20, 16, dtype=torch.bool)
    valid[0, :, 3, 9] = True
    valid[0, 0, 17, 0] = True
    assert covered(valid, stride=8).tolist() == [[[False, True], [False, False], [False, False]]]


def test_levels_and_convolutions_must_match():
    with pytest.raises(ValueError, match="convolutions has 1 levels, widths 2; they must match"):
        schemas.FCN(widths=(4, 4), convolutions=(1,))
