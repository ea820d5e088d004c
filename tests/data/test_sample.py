"""Collation: dense entries are stacked, ragged objects padded with a count."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from merkhet.data.sample import Target, batch_size, collate


def sample(**entries: object) -> dict[str, object]:
    return {"image": np.zeros((1, 4, 4), np.float32), "index": 3, **entries}


def test_dense_entries_are_stacked():
    batch = collate([sample(), sample(index=5)])
    assert batch["image"].shape == (2, 1, 4, 4)
    assert batch["image"].dtype == torch.float32
    assert batch["index"].tolist() == [3, 5]


def test_nested_telescopes_are_stacked():
    telescopes = {"LST": {"charge": np.zeros((2, 7), np.float32), "trigger": np.array([True, False])}}
    batch = collate([sample(telescopes=telescopes)] * 3)
    assert batch["telescopes"]["LST"]["charge"].shape == (3, 2, 7)
    assert batch["telescopes"]["LST"]["trigger"].dtype == torch.bool
    assert batch_size({"telescopes": batch["telescopes"]}) == batch_size(batch) == 3


@given(st.lists(st.integers(0, 6), min_size=1, max_size=5))
def test_objects_keep_their_values_and_counts(counts):
    objects = [np.arange(n * 3, dtype=np.float32).reshape(n, 3) + 1 for n in counts]
    batch = collate([sample(target={"objects": Target("objects", rows)}) for rows in objects])
    target = batch["target"]["objects"]
    assert target.count.tolist() == counts
    for row, expected in zip(target.value.numpy(), objects, strict=True):
        np.testing.assert_array_equal(row[: len(expected)], expected)
        assert np.isnan(row[len(expected) :]).all()


def test_targets_keep_their_kind_and_labels_become_integers():
    batch = collate([sample(target={"label": Target("label", 2), "pa": Target("angle", 0.5)})] * 2)
    assert batch["target"]["label"].value.dtype == torch.int64
    assert batch["target"]["pa"].kind == "angle"


def test_samples_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="different keys"):
        collate([sample(), sample(psf=np.zeros((3, 3)))])
    with pytest.raises(ValueError, match="differ in shape"):
        collate([sample(), sample(image=np.zeros((1, 4, 5), np.float32))])


def test_a_target_moves_with_its_count():
    target = Target("objects", torch.zeros(2, 3, 2), torch.tensor([1, 3])).to("cpu")
    assert target.kind == "objects"
    assert target.count is not None


def test_a_single_image_is_shared_and_one_that_may_not_be_written_is_copied():
    image = np.zeros((1, 4, 4), np.float32)
    assert np.shares_memory(collate([sample(image=image)])["image"].numpy(), image)
    image.flags.writeable = False
    batch = collate([sample(image=image)])
    assert batch["image"].shape == (1, 1, 4, 4)
    assert not np.shares_memory(batch["image"].numpy(), image)
