"""The index: where the images of an event are, chosen and counted, in few bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkhet.io.cherenkov.index import EventIndex, compact, compact_labels


def make(counts, *, tracking=False):
    counts = np.array(counts, dtype=np.int64)
    n, k = len(counts), int(counts.sum())
    rng = np.random.default_rng(k)
    return EventIndex(
        event_id=compact(np.arange(n) * 10),
        observation=compact(np.arange(n) % 2),
        obs_ids=np.array([5, 9]),
        labels=compact_labels({"energy": np.arange(n) + 0.5, "shower_primary_id": np.full(n, 101)}),
        pointing=np.arange(2.0 * (n if tracking else 2)).reshape(-1, 2),
        offsets=compact(np.r_[0, np.cumsum(counts)]),
        slot=compact(rng.integers(0, 4, k)),
        row=compact(rng.integers(0, 1000, k)),
        tracking=tracking,
        stored_row=compact(np.arange(n)),
    )


COUNTS = st.lists(st.integers(0, 5), min_size=1, max_size=30)


@given(COUNTS, st.randoms())
def test_images_of_events_and_events_of_images(counts, random):
    index = make(counts)
    events = np.array([random.randrange(len(counts)) for _ in range(7)])
    images, number = index.images_of(events)
    expected = [np.arange(index.offsets[event], index.offsets[event + 1]) for event in events]
    np.testing.assert_array_equal(images, np.concatenate(expected))
    np.testing.assert_array_equal(number, np.array(counts)[events])
    np.testing.assert_array_equal(index.events_of(images), np.repeat(events, number))


@given(COUNTS, st.randoms(), st.booleans())
def test_a_selection_keeps_what_it_should(counts, random, tracking):
    index = make(counts, tracking=tracking)
    events = np.array([random.random() < 0.7 for _ in counts])
    images = np.array([random.random() < 0.7 for _ in range(index.n_images)], dtype=bool)
    chosen = index.select(events, images=images)
    assert len(chosen) == events.sum()
    assert chosen.event_id.tolist() == index.event_id[events].tolist()
    assert chosen.stored_row is not None
    assert chosen.stored_row.tolist() == np.flatnonzero(events).tolist()
    here = np.arange(len(chosen))
    np.testing.assert_array_equal(chosen.pointing_of(here), index.pointing_of(np.flatnonzero(events)))
    for new, old in enumerate(np.flatnonzero(events)):
        mine = np.arange(index.offsets[old], index.offsets[old + 1])
        mine = mine[images[mine]]
        part = slice(chosen.offsets[new], chosen.offsets[new + 1])
        np.testing.assert_array_equal(chosen.row[part], index.row[mine])
        np.testing.assert_array_equal(chosen.slot[part], index.slot[mine])


def test_ids_and_pointing_by_observation():
    index = make([1, 2, 0])
    events = np.array([2, 1])
    assert index.obs_id_of(events).tolist() == [5, 9]
    assert index.identity("event_id", events).tolist() == [20, 10]
    assert index.identity("obs_id", events).tolist() == [5, 9]
    np.testing.assert_array_equal(index.pointing_of(events), [[0, 1], [2, 3]])
    assert index.multiplicity.tolist() == [1, 2, 0]


def test_an_event_with_five_labels_and_four_images_takes_at_most_60_bytes():
    n, k = 100_000, 400_000
    labels = dict.fromkeys(("energy", "alt", "az", "core_x"), np.ones(n)) | {"shower_primary_id": np.full(n, 101)}
    index = EventIndex(
        compact(np.arange(n) * 1000),  # beyond 16 bits
        compact(np.arange(n) // 100),
        np.arange(1000),
        compact_labels(labels),
        np.zeros((1000, 2)),
        compact(np.arange(n + 1) * 4),
        compact(np.arange(k) % 300),
        compact(np.arange(k)),
    )
    assert index.nbytes / n <= 60


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 255], np.uint8),
        ([0, 256], np.uint16),
        ([70000], np.uint32),
        ([-1, 5], np.int16),
        ([2**40], np.int64),
        ([], np.uint8),
    ],
)
def test_the_smallest_type_that_holds_all(values, kind):
    array = compact(np.array(values, dtype=np.int64))
    assert array.dtype == kind
    assert array.tolist() == values
