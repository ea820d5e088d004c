"""Some samples of a batch, taken out and put back."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from merkhet.data.sample import Target
from merkhet.data.subset import positives, put, take
from merkhet.errors import ConfigError
from tests.data.batches import assert_same, make_batch, select


@given(st.sets(st.integers(0, 5), min_size=1))
def test_what_is_taken_and_put_back_is_the_batch(chosen):
    batch, rows = make_batch(), torch.tensor(sorted(chosen))
    assert_same(take(batch, rows), select(batch, rows))
    assert_same(put(batch, take(batch, rows), rows=rows), batch)


def test_only_the_chosen_samples_change_and_the_batch_stays_as_it_was():
    batch, rows = make_batch(), torch.tensor([1, 4])
    part = take(batch, rows)
    part["image"] = part["image"] + 1
    part["target"]["truth"] = Target("image", part["target"]["truth"].value * 2)
    part["added"] = {"noise": torch.ones(2, 3)}
    result = put(batch, part, rows=rows)
    others = torch.tensor([0, 2, 3, 5])
    assert_same(batch, make_batch())
    assert_same(take({**result, "added": {}}, others), {**take(batch, others), "added": {}})
    torch.testing.assert_close(result["image"][rows], batch["image"][rows] + 1, equal_nan=True)
    torch.testing.assert_close(result["target"]["truth"].value[rows], batch["target"]["truth"].value[rows] * 2)
    assert result["added"]["noise"].tolist() == [[float(k in (1, 4))] * 3 for k in range(6)]


def test_a_mask_that_was_stretched_to_the_image_is_put_back():
    batch = {**make_batch(shape=(4, 4)), "valid": torch.ones(6, 1, 1, 1, dtype=torch.bool)}
    part = take(batch, torch.tensor([2]))
    part["valid"] = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    assert put(batch, part, rows=torch.tensor([2]))["valid"].sum() == 5 * 16


def test_positives_are_the_samples_of_the_second_class():
    batch = {"target": {"label": Target("label", torch.tensor([0, 1, 1, 0]))}}
    assert positives(batch).tolist() == [1, 2]


@pytest.mark.parametrize("target", [{}, {"label": Target("label", torch.ones(3, 2))}])
def test_without_one_label_there_are_no_positives(target):
    with pytest.raises(ConfigError, match="needs samples of two classes, one of them positive"):
        positives({"target": target})
