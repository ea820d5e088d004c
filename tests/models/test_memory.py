"""Quotients in memory of their own, with and without gradients."""

import pytest
import torch

from merkhet.models.memory import empty_like, quotient


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_new_memory_has_shape_and_type_and_is_nobody_elses(dtype):
    image = torch.ones(2, 1, 30, 40, dtype=dtype)
    new = empty_like(image)
    assert (new.shape, new.dtype, new.device) == (image.shape, image.dtype, image.device)
    new.fill_(7)
    assert (image == 1).all()


def test_a_quotient_is_that_of_torch(rng):
    image = torch.from_numpy(rng.normal(size=(3, 2, 20, 30)).astype("f4"))
    scale = torch.from_numpy(rng.uniform(0.5, 2, (3, 2, 1, 1)).astype("f4"))
    torch.testing.assert_close(quotient(image, scale), image / scale, rtol=0, atol=0)


def test_a_quotient_has_gradients_where_they_are_asked_for():
    image = torch.full((1, 1, 4, 4), 6.0, requires_grad=True)
    scale = torch.full((1, 1, 1, 1), 2.0)
    quotient(image, scale).sum().backward()
    assert image.grad is not None
    assert (image.grad == 0.5).all()
    with torch.inference_mode():
        assert (quotient(image, scale) == 3).all()
