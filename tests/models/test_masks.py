"""Quick answers about masks are those of the plain questions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from merkhet.models.masks import all_finite, every, every_band

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=3, max_dims=4, max_side=4), elements=st.booleans())


@given(MASKS)
def test_masks_are_asked_as_by_all(mask):
    asked = torch.from_numpy(mask)
    assert every(asked) == mask.all()
    np.testing.assert_array_equal(every_band(asked).numpy(), mask.all(axis=1))


def test_a_mask_may_be_spread_over_bands():
    mask = torch.ones(1, 1, 4, 5, dtype=torch.bool)
    assert every(mask.expand(-1, 3, -1, -1)[:, :, 1:, ::2])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_not_finite_is_found(rng, bad):
    image = torch.from_numpy(rng.normal(size=(1, 2, 30, 40)).astype(np.float32))
    assert all_finite(image)
    image[0, 1, 7, 9] = bad
    assert not all_finite(image)
    image[0, 0, 7, 9] = -bad  # the sum of both is no number either
    assert not all_finite(image)
