"""Blocks of one shape cover an image once, aligned, with their context."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkhet.scan.tiles import plan_blocks


@given(
    shape=st.lists(st.integers(1, 90), min_size=1, max_size=3),
    side=st.integers(8, 100),
    align=st.sampled_from([1, 4, 8]),
    context=st.integers(0, 20),
)
def test_every_pixel_has_one_owner_and_all_its_context(shape, side, align, context):
    plan = plan_blocks(shape, side=side, context=context, align=align)
    owners = np.zeros([-(-n // c) * c for n, c in zip(shape, plan.core, strict=True)], dtype=int)
    for block in plan.blocks():
        owners[block.core] += 1
        for core, outer in zip(block.core, block.outer, strict=True):
            assert core.start % align == core.stop % align == outer.start % align == 0
            assert core.start - outer.start >= context and outer.stop - core.stop >= context
        assert tuple(part.stop - part.start for part in block.outer) == plan.outer
    assert (owners == 1).all()
    assert all(c <= side for c in plan.core)
    assert all(f - n < align * -(-n // c) for f, n, c in zip(owners.shape, shape, plan.core, strict=True))


@pytest.mark.parametrize("bad", [{"shape": (0, 4), "side": 8}, {"shape": (4, 4), "side": 4, "align": 8}])
def test_a_plan_that_cannot_be_is_refused(bad):
    with pytest.raises(ValueError, match="blocks of"):
        plan_blocks(bad.pop("shape"), context=0, **bad)
