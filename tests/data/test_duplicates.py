"""Equal pixels across a split, against a comparison of all pairs."""

import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from merkhet.data.duplicates import duplicate_pixels

rows = st.lists(st.tuples(st.integers(-1, 5), st.sampled_from(["train", "val", "test"])), min_size=1, max_size=40)


@given(rows)
def test_every_copy_on_another_side_is_named_once(table):
    crc, sides = (list(column) for column in zip(*table, strict=True))
    found = duplicate_pixels(crc, sides)
    named = [b for _, b in found]
    assert named == sorted(set(named))
    for a, b in found:
        assert crc[a] == crc[b] >= 0
        assert sides[a] != sides[b]
        assert a == crc.index(crc[a])
    torn = {c for c in crc if c >= 0 and len({s for x, s in table if x == c}) > 1}
    assert {crc[a] for a, _ in found} == torn


def test_known_pairs():
    crc = [7, 8, 7, 9, 8, 7, -1, -1]
    sides = ["train", "train", "test", "val", "train", "val", "train", "test"]
    assert duplicate_pixels(crc, sides) == [(0, 2), (0, 5)]


def test_no_rows():
    assert duplicate_pixels([], []) == []


def test_many_equal_images_stay_a_short_list():
    start = time.perf_counter()
    found = duplicate_pixels(np.full(200_000, 3), np.arange(200_000) % 2)
    assert len(found) == 100_000
    assert time.perf_counter() - start < 2
