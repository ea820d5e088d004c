"""Novelty as a column and as tensors."""

import numpy as np
import pytest
import torch

from merkhet.evaluate.novelty import Features, fit_novelty
from merkhet.tasks.apply import apply_task
from merkhet.tasks.base import Prediction
from merkhet.tasks.novelty import take_novelty, to_tensors, with_novelty
from tests.tasks.test_classify import batch_of, task_of


@pytest.fixture
def novelty(rng):
    return fit_novelty(Features(rng.normal(size=(60, 3))), Features(rng.normal(size=(30, 3))))


def test_the_column_is_measured_on_the_features_of_the_pass_that_is_made_anyway(novelty):
    task, batch = task_of(mode="binary", classes=("no", "yes")), batch_of([0, 1, 1])
    calls = []
    task.network.register_forward_hook(lambda *_: calls.append(1))
    cpu = torch.device("cpu")
    ((_, prediction),) = apply_task(task.eval(), [batch], device=cpu, novelty=novelty)
    assert len(calls) == 1
    np.testing.assert_array_equal(prediction.columns["novelty"], novelty(batch["image"].numpy()))
    assert list(prediction.columns)[-1] == "novelty"
    ((_, prediction),) = apply_task(task, [batch], device=cpu)
    assert "novelty" not in prediction.columns


def test_objects_have_the_novelty_of_their_sample(novelty):
    vectors = np.array([[0, 0, 0], [9, 9, 9]], np.float32)
    objects = Prediction({"x": np.arange(3.0)}, row=np.array([1, 0, 1]))
    answer = with_novelty(objects, {"features": torch.from_numpy(vectors)}, novelty=novelty)
    assert (answer.columns["novelty"] > 1).tolist() == [True, False, True]


def test_tensors_beside_the_weights_give_it_back(novelty, rng):
    tensors = {"head.bias": torch.zeros(1), **to_tensors(novelty)}
    again = take_novelty(novelty.reference, tensors)
    assert list(tensors) == ["head.bias"]
    vectors = rng.normal(size=(9, 3))
    np.testing.assert_array_equal(again(vectors), novelty(vectors))
    with pytest.raises(KeyError, match="means"):
        take_novelty(novelty.reference, tensors)
