"""Batches as pure functions of (seed, epoch, rank)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkhet.data.loader import InOrder, TrainSampler


def rows_of(sampler: TrainSampler | InOrder) -> list[int]:
    return [int(row) for draw in sampler for row in draw.rows]


def at_epoch(epoch: int, **options: object) -> TrainSampler:
    sampler = TrainSampler(**options)  # type: ignore[arg-type]
    sampler.set_epoch(epoch)
    return sampler


@given(st.integers(1, 100), st.integers(1, 17), st.integers(0, 3))
def test_an_epoch_visits_each_row_once(n, batch_size, epoch):
    sampler = at_epoch(epoch, n=n, batch_size=batch_size, seed=5)
    assert sorted(rows_of(sampler)) == list(range(n))
    assert len(list(sampler)) == len(sampler)


def test_the_order_depends_on_seed_and_epoch_alone():
    first = rows_of(at_epoch(2, n=50, batch_size=8, seed=1))
    assert first == rows_of(at_epoch(2, n=50, batch_size=8, seed=1))
    assert first != rows_of(at_epoch(3, n=50, batch_size=8, seed=1))
    assert first != rows_of(at_epoch(2, n=50, batch_size=8, seed=2))


@given(st.integers(2, 60), st.integers(1, 9), st.integers(2, 4), st.integers(1, 12))
@settings(max_examples=50)
def test_processes_share_an_epoch_of_set_steps(n, batch_size, world, steps):
    parts = [
        list(at_epoch(0, n=n, batch_size=batch_size, seed=0, steps=steps, rank=rank, world=world))
        for rank in range(world)
    ]
    assert all(len(part) == steps for part in parts)
    together = [int(row) for step in zip(*parts, strict=True) for draw in step for row in draw.rows]
    alone = rows_of(at_epoch(0, n=n, batch_size=batch_size * world, seed=0, steps=steps))
    assert together == alone
    counts = np.bincount(together, minlength=n)
    assert counts.max() - counts.min() <= 1


def test_balanced_sampling_draws_every_class_equally_and_spreads_over_its_rows():
    codes = np.array([0] * 90 + [1] * 10)
    sampler = at_epoch(1, n=100, batch_size=20, seed=0, codes=codes)
    rows = np.array(rows_of(sampler))
    np.testing.assert_array_equal(np.bincount(codes[rows]), [50, 50])
    assert set(np.bincount(rows, minlength=100)[90:]) == {5}


def test_a_row_that_is_drawn_again_is_numbered():
    sampler = at_epoch(0, n=3, batch_size=2, seed=0, steps=6)
    seen: dict[int, int] = {}
    for draw in sampler:
        for row, repeat in zip(draw.rows, draw.repeat, strict=True):
            assert repeat == seen.get(int(row), 0)
            seen[int(row)] = seen.get(int(row), 0) + 1
    assert set(seen.values()) == {4}


@pytest.mark.parametrize("world", [1, 2, 3])
def test_evaluation_visits_each_row_once_over_all_processes(world):
    rows = [row for rank in range(world) for row in rows_of(InOrder(23, batch_size=4, rank=rank, world=world))]
    assert sorted(rows) == list(range(23))


@given(st.lists(st.sampled_from([(8, 8), (8, 9), (5000, 4000)]), min_size=1, max_size=30), st.integers(1, 9))
def test_batches_in_order_are_parted_by_shape_and_size(shapes, batch_size):
    sampler = InOrder(len(shapes), batch_size=batch_size)
    sampler.part(np.array(shapes))
    assert rows_of(sampler) == list(range(len(shapes)))
    assert len(list(sampler)) == len(sampler)
    for draw in sampler:
        (shape,) = {shapes[row] for row in draw.rows}
        assert len(draw.rows) <= (1 if shape == (5000, 4000) else batch_size)


def test_batches_of_one_shape_stay_as_they_are():
    sampler = InOrder(10, batch_size=4)
    sampler.part(np.full((10, 2), 64))
    assert [len(draw.rows) for draw in sampler] == [4, 4, 2]
