"""Splits: whole groups, seeded, stratified, and refusals of what cannot be believed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkhet.config.data import Split
from merkhet.data.split import check_split, split_fold, split_random
from merkhet.errors import InputError

groups_and_labels = st.integers(1, 200).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 30), min_size=n, max_size=n), st.lists(st.sampled_from("ab"), min_size=n, max_size=n)
    )
)


@given(groups_and_labels, st.integers(0, 5), st.booleans())
@settings(max_examples=60)
def test_a_group_never_stands_on_two_sides(rows, seed, stratify):
    groups, labels = np.array(rows[0]).astype(str), np.array(rows[1])
    sides = split_random(groups, labels if stratify else None, Split(), seed=seed)
    assert set(sides) <= {"train", "val", "test"}
    for group in set(groups):
        assert len(set(sides[groups == group])) == 1


def test_fractions_hold_in_every_class():
    rng = np.random.default_rng(0)
    groups, labels = np.arange(2000).astype(str), rng.choice(["rare", "common"], 2000, p=[0.1, 0.9])
    sides = split_random(groups, labels, Split(train=0.6, val=0.2, test=0.2), seed=3)
    for name in ("rare", "common"):
        shares = [np.mean(sides[labels == name] == side) for side in ("train", "val", "test")]
        np.testing.assert_allclose(shares, [0.6, 0.2, 0.2], atol=0.01)


def test_the_seed_decides_and_row_order_of_groups_does_not_matter():
    groups = np.arange(100).astype(str)
    first, again, other = (split_random(groups, None, Split(), seed=seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    shuffled = np.random.default_rng(0).permutation(100)
    assert (split_random(groups[shuffled], None, Split(), seed=1) == first[shuffled]).all()


@given(groups_and_labels, st.integers(2, 6))
@settings(max_examples=40)
def test_every_row_is_tested_in_exactly_one_fold(rows, folds):
    groups, labels = np.array(rows[0]).astype(str), np.array(rows[1])
    parts = [split_fold(groups, labels, Split(kind="fold", folds=folds, fold=k + 1), seed=3) for k in range(folds)]
    np.testing.assert_array_equal(sum((part == "test").astype(int) for part in parts), 1)
    for part in parts:
        assert all(len(set(part[groups == group])) == 1 for group in set(groups))


def test_folds_are_equal_stratified_and_keep_validation_apart():
    groups, labels = np.arange(1000).astype(str), np.array(["a", "b"] * 500)
    sides = split_fold(groups, labels, Split(kind="fold", folds=5, fold=2, train=0.7, val=0.15, test=0.15), seed=0)
    assert (sides == "test").sum() == 200
    assert ((sides == "test") & (labels == "a")).sum() == 100
    assert (sides == "val").sum() == pytest.approx(800 * 0.15 / 0.85, abs=3)


def check(sides: list[str], groups: list[str], labels: list[str] | None = None) -> None:
    check_split(np.array(sides), np.array(groups), None if labels is None else np.array(labels), source="t.csv")


@pytest.mark.parametrize(
    ("sides", "groups", "labels", "message"),
    [
        (["train", "val"], ["g", "g"], None, "1 groups stand on two sides of the split, 'g' in train and val"),
        (["train", "dev"], ["a", "b"], None, "split 'dev'"),
        (["train", "test"], ["a", "b"], None, "no rows on the val side"),
        (["train", "train", "val", "val"], list("aabc"), list("xxyy"), "class 'x' stands in one group only"),
        (["train", "train", "val", "val"], list("abcd"), list("xxyy"), "class 'y' has no training rows"),
    ],
)
def test_a_split_that_cannot_be_believed_is_refused(sides, groups, labels, message):
    with pytest.raises(InputError, match=message):
        check(sides, groups, labels)


def test_a_sound_split_passes():
    check(["train", "train", "val", "train", "val"], list("abcde"), list("xyxxy"))
