import numpy as np
import pytest
import torch

from merkhet.config.array_models import Mapping
from merkhet.models.cameras.grid import PixelGrid
from merkhet.models.cameras.mapping import map_camera
from tests.models.cameras.test_mapping import METHODS, SHAPES


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", METHODS)
def test_the_layer_is_the_sparse_matrix(method, shape):
    mapping = map_camera(SHAPES[shape], shape, Mapping(method=method))
    pixels = np.random.default_rng(0).normal(size=(3, 2, len(SHAPES[shape]))).astype(np.float32)
    grid = PixelGrid(mapping, additive=(True, False))(torch.from_numpy(pixels))
    assert grid.shape == (3, 2, *mapping.shape)
    expected = np.stack([pixels[:, 0] @ mapping.matrix.T.toarray(), pixels[:, 1] @ mapping.mean_weights().T.toarray()])
    np.testing.assert_allclose(grid.flatten(2).numpy(), expected.transpose(1, 0, 2), atol=1e-5)


def test_no_image_maps_to_no_image():
    mapping = map_camera(SHAPES["square"], "square", Mapping())
    assert PixelGrid(mapping, additive=(True,))(torch.zeros(0, 1, mapping.matrix.shape[1])).shape == (
        0,
        1,
        *mapping.shape,
    )


def test_gradients_pass():
    mapping = map_camera(SHAPES["hexagonal"], "hexagonal", Mapping(method="rebinning"))
    pixels = torch.zeros(2, 1, mapping.matrix.shape[1], requires_grad=True)
    PixelGrid(mapping, additive=(True,))(pixels).sum().backward()
    assert pixels.grad is not None
    torch.testing.assert_close(pixels.grad, torch.ones_like(pixels))


def test_the_matrix_is_no_weight():
    """The pixels of the bundle's schema say it all: weights for another camera must not bring their mapping."""
    assert not PixelGrid(map_camera(SHAPES["square"], "square", Mapping()), additive=(True,)).state_dict()
