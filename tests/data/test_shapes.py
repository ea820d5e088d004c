"""Batches of one shape each, as pure functions of (seed, epoch, rank)."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from merkhet.data.loader import MAX_BATCH_PIXELS
from merkhet.data.shapes import ShapeSampler

SHAPES = st.lists(st.sampled_from([(8, 8), (8, 9), (2000, 2000), (5000, 4000)]), min_size=1, max_size=40)


def at_epoch(epoch, shapes, **options):
    sampler = ShapeSampler(np.array(shapes), seed=5, **options)
    sampler.set_epoch(epoch)
    return sampler


@given(SHAPES, st.integers(1, 17), st.integers(0, 3))
def test_an_epoch_visits_each_row_once_in_batches_of_one_shape(shapes, batch_size, epoch):
    sampler = at_epoch(epoch, shapes, batch_size=batch_size)
    draws = list(sampler)
    assert len(draws) == len(sampler)
    assert sorted(int(row) for draw in draws for row in draw.rows) == list(range(len(shapes)))
    for draw in draws:
        assert len({shapes[row] for row in draw.rows}) == 1
        assert 1 <= len(draw.rows) <= batch_size
        assert len(draw.rows) == 1 or len(draw.rows) * np.prod(shapes[draw.rows[0]]) <= MAX_BATCH_PIXELS
        assert not draw.repeat.any()


def test_shapes_come_mixed_in_an_order_of_seed_and_epoch_alone():
    shapes = [(8, 8)] * 30 + [(8, 9)] * 30
    first, again, other = ([list(draw.rows) for draw in at_epoch(e, shapes, batch_size=3)] for e in (2, 2, 3))
    assert first == again
    assert first != other
    kinds = [rows[0] < 30 for rows in first]
    assert 3 < np.count_nonzero(np.diff(kinds)) < 19


@given(SHAPES, st.integers(1, 5), st.integers(1, 4), st.integers(1, 30) | st.none())
@settings(max_examples=50)
def test_processes_share_the_batches_of_an_epoch(shapes, batch_size, world, steps):
    parts = [list(at_epoch(1, shapes, batch_size=batch_size, steps=steps, rank=r, world=world)) for r in range(world)]
    assert len({len(part) for part in parts}) == 1
    together = [draw for step in zip(*parts, strict=True) for draw in step]
    alone = list(at_epoch(1, shapes, batch_size=batch_size, steps=len(together)))
    assert [list(draw.rows) for draw in together] == [list(draw.rows) for draw in alone]
    seen: dict[int, int] = {}
    for draw in together:
        for row, repeat in zip(draw.rows, draw.repeat, strict=True):
            assert repeat == seen.get(int(row), 0)
            seen[int(row)] = repeat + 1
    if steps is None:
        assert set(seen) == set(range(len(shapes)))
