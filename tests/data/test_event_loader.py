"""Which events make which batch: pure functions of seed and epoch, whatever the number of processes that read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkhet.config.events import EventData
from merkhet.data.event_dataset import EventDataset
from merkhet.data.event_loader import EventLoader, EventSampler, InOrderBlocks
from merkhet.data.events import list_events
from tests.io.cherenkov.files import SQUARE, draw, write_dl1

UNITS = np.repeat(np.arange(40), 5)


def rows_of(sampler, epoch=0):
    if isinstance(sampler, EventSampler):
        sampler.set_epoch(epoch)
    return [rows for block in sampler for rows in block.batches]


def sampler(**options):
    return EventSampler(UNITS, **{"batch_size": 10, "seed": 3, "buffer": 40} | options)


def test_one_pass_draws_every_row_once():
    batches = rows_of(sampler())
    assert len(batches) == len(sampler()) == 20
    assert {len(batch) for batch in batches} == {10}
    assert sorted(np.concatenate(batches)) == list(range(200))


def test_an_epoch_is_a_function_of_seed_and_epoch():
    first = np.concatenate(rows_of(sampler(), epoch=4))
    assert np.array_equal(first, np.concatenate(rows_of(sampler(), epoch=4)))
    assert not np.array_equal(first, np.concatenate(rows_of(sampler(), epoch=5)))
    assert not np.array_equal(first, np.concatenate(rows_of(sampler(seed=4), epoch=4)))


def test_a_set_number_of_steps_draws_whole_units_at_random():
    batches = rows_of(sampler(steps=7))
    assert len(batches) == 7
    drawn = np.concatenate(batches)
    assert len(set(drawn)) == 70
    assert len(np.unique(UNITS[drawn])) == 14  # whole units
    seen = {int(unit) for epoch in range(40) for unit in UNITS[np.concatenate(rows_of(sampler(steps=7), epoch=epoch))]}
    assert seen == set(range(40))


def test_more_steps_than_a_pass_holds():
    drawn = np.concatenate(rows_of(sampler(steps=45)))
    assert set(np.bincount(drawn)) == {2, 3}


def test_a_block_reads_as_many_units_as_it_must_and_mixes_them():
    for block in sampler():
        rows = np.concatenate(block.batches)
        assert len(rows) == 40
        assert len(np.unique(UNITS[rows])) == 8
        assert any(len(np.unique(UNITS[batch])) > 3 for batch in block.batches)


def test_classes_are_drawn_equally_often():
    codes = (np.arange(200) < 30).astype(np.int64)
    for batch in [np.concatenate(block.batches) for block in sampler(codes=codes, steps=30)]:
        assert abs(codes[batch].mean() - 0.5) <= 0.5 / len(batch)
    drawn = np.concatenate(rows_of(sampler(codes=codes, steps=30)))
    counts = np.bincount(drawn[codes[drawn] == 1], minlength=200)[codes == 1]
    assert set(counts) == {5}  # 150 draws of 30 rows


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(5, 60))
def test_processes_share_an_epoch_without_overlap(world, steps, buffer):
    options = {"steps": steps, "buffer": buffer, "batch_size": 5}
    parts = [np.concatenate(rows_of(sampler(rank=rank, world=world, **options))) for rank in range(world)]
    drawn = np.concatenate(parts)
    assert {len(part) for part in parts} == {steps * 5}
    assert len(set(drawn)) == min(len(drawn), 200)


@given(st.integers(1, 50), st.integers(1, 7), st.integers(1, 20), st.integers(1, 3))
def test_rows_in_order(n, batch_size, buffer, world):
    parts = []
    for rank in range(world):
        blocks = InOrderBlocks(n, batch_size=batch_size, buffer=buffer, rank=rank, world=world)
        batches = rows_of(blocks)
        assert len(batches) == len(blocks)
        rows = np.concatenate(batches) if batches else np.zeros(0, dtype=int)
        assert (np.diff(rows) == world).all()
        parts.append(rows)
    assert sorted(np.concatenate(parts)) == list(range(n))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = write_dl1(tmp_path_factory.mktemp("loader") / "a.h5", draw(events=120))
    return EventDataset(list_events(EventData(files=(path,)), types=[SQUARE], slots="mono"), slots="mono")


def test_batches_hold_the_rows_of_the_subset(dataset):
    subset = np.arange(10, 70)
    loader = EventLoader(dataset, subset, EventSampler(dataset.events.units()[subset], batch_size=7, seed=1, buffer=20))
    batches = list(loader)
    assert len(batches) == len(loader) == 9
    for batch in batches:
        assert set(batch["index"].tolist()) <= set(range(10, 70))
        expected = dataset.fetch(batch["index"].numpy())["telescopes"][SQUARE]["charge"]
        np.testing.assert_array_equal(batch["telescopes"][SQUARE]["charge"], expected)


def test_the_order_does_not_depend_on_the_number_of_workers(dataset):
    def batches(workers):
        sampler = EventSampler(dataset.events.units(), batch_size=16, seed=1, buffer=32)
        sampler.set_epoch(2)
        return [
            batch["index"].tolist() for batch in EventLoader(dataset, np.arange(len(dataset)), sampler, workers=workers)
        ]

    assert batches(0) == batches(1)


def test_epochs_follow_one_another_and_steps_are_counted(dataset):
    sampler = EventSampler(dataset.events.units(), batch_size=16, seed=1, steps=3)
    loader = EventLoader(dataset, np.arange(len(dataset)), sampler)
    assert loader.sampler is sampler  # where Lightning looks for set_epoch
    first = [batch["index"].tolist() for batch in loader]
    sampler.set_epoch(1)
    second = [batch["index"].tolist() for batch in loader]
    assert len(first) == len(second) == 3
    assert first != second
