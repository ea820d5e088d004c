import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from merkhet.config.array_models import HexCNN as Schema
from merkhet.models.cameras.hexagonal import HexCNN, IndexedConvolution, steps_within
from merkhet.models.cameras.lattice import find_lattice
from tests.models.arrays import hexagons, squares


def whole_square(side=6):
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2).astype(float)


@pytest.mark.parametrize(("rings", "count"), [(1, 7), (2, 19), (3, 37)])
def test_rings_of_hexagons(rings, count):
    lattice = find_lattice(hexagons(4), "hexagonal")
    steps = steps_within(lattice, rings=rings)
    assert len(steps) == count
    assert (steps[0] == 0).all()
    distance = np.abs(np.column_stack([steps, steps.sum(axis=1)])).max(axis=1)
    assert distance.max() == rings


def test_on_square_pixels_it_is_the_convolution_of_images():
    positions = whole_square()
    lattice = find_lattice(positions, "square")
    steps = steps_within(lattice, rings=1)
    table = lattice.table(margin=1)
    at = lattice.place[:, None] + steps + 1
    neighbors = torch.from_numpy(np.where(table[at[..., 0], at[..., 1]] < 0, 36, table[at[..., 0], at[..., 1]]))
    layer = IndexedConvolution(2, 3, neighbors=neighbors)
    image = torch.randn(4, 2, 36)
    kernel = torch.zeros(3, 2, 3, 3)
    weight = layer.weight.detach().reshape(3, 2, 9)
    for k, (column, row) in enumerate(steps.tolist()):
        kernel[:, :, row + 1, column + 1] = weight[:, :, k]
    expected = F.conv2d(image.reshape(4, 2, 6, 6), kernel, padding=1).flatten(2)
    torch.testing.assert_close(layer(image).detach(), expected, atol=1e-5, rtol=1e-5)


def test_a_pattern_that_moves_moves_the_answer():
    """The same weights everywhere: far from the edge a shifted image has a shifted answer."""
    positions = hexagons(6)
    lattice = find_lattice(positions, "hexagonal")
    network = HexCNN(Schema(widths=(4,), convs_per_level=2), channels=1, lattice=lattice).eval()
    center = lattice.table(margin=0)[6, 6]
    moved = lattice.table(margin=0)[7, 5]
    images = torch.zeros(2, 1, len(positions))
    images[0, 0, center] = images[1, 0, moved] = 1
    features = network.levels[0](images)
    torch.testing.assert_close(features[0, :, center], features[1, :, moved])
    assert features[0, :, center].abs().sum() > 0


@pytest.mark.parametrize(("positions", "shape"), [(hexagons(5, turn_deg=20), "hexagonal"), (squares(), "square")])
def test_levels_shrink_the_camera_and_every_pixel_counts(positions, shape):
    network = HexCNN(Schema(widths=(4, 8, 16)), channels=2, lattice=find_lattice(positions, shape))
    images = torch.randn(5, 2, len(positions), requires_grad=True)
    out = network(images)
    assert out.shape == (5, network.out_features) == (5, 16)
    out.square().sum().backward()
    assert images.grad is not None
    assert (images.grad.abs().sum(dim=(0, 1)) > 0).all()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    widths = [
        level(images if not k else torch.zeros(1, c, n)).shape[2]
        for k, (level, c, n) in enumerate(shapes(network, images))
    ]
    assert widths[0] == len(positions)
    assert all(b < 0.5 * a for a, b in itertools.pairwise(widths))


def shapes(network, images):
    x = images
    for level in network.levels:
        yield level, x.shape[1], x.shape[2]
        x = level(x)
