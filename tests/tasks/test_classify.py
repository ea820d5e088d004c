"""The classification task in its three modes, against scikit-learn and direct formulas."""

import numpy as np
import pytest
import torch
from astropy.table import MaskedColumn, Table
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.metrics import log_loss
from torch import nn

from merkhet.config.data import Columns
from merkhet.config.tasks import Classify
from merkhet.data.sample import Target
from merkhet.errors import ConfigError, InputError
from merkhet.tasks.class_labels import ClassLabels
from merkhet.tasks.classify import ClassifyTask


class Passing(nn.Module):
    """A network whose features are the pixels themselves."""

    out_features = 3

    def forward(self, x):
        return x


class NoNormalization(nn.Module):
    def forward(self, batch):
        return batch["image"], None, None


def task_of(**options):
    return ClassifyTask(Classify(**options), normalize=NoNormalization(), network=Passing())


def batch_of(labels, n=None):
    n = len(labels) if n is None else n
    generator = torch.Generator().manual_seed(0)
    return {
        "image": torch.randn(n, 3, generator=generator),
        "target": {"label": Target("label", torch.as_tensor(labels))},
    }


def sure_of(task, out):
    """Return probabilities in double precision, so that they sum to one as scikit-learn demands."""
    logits = out["logits"].detach().double()
    if task.config.mode == "multiclass":
        return logits.softmax(dim=1).numpy()
    positive = torch.sigmoid(logits)
    return (torch.cat([1 - positive, positive], dim=1) if task.config.mode == "binary" else positive).numpy()


def test_multiclass_loss_is_the_log_loss_and_weights_are_honoured():
    task, batch = task_of(classes=("a", "b", "c")), batch_of([0, 2, 1, 1])
    out = task(batch)
    p = sure_of(task, out)
    expected = log_loss([0, 2, 1, 1], p, labels=[0, 1, 2])
    assert task.loss(out, batch).total.item() == pytest.approx(expected, rel=1e-5)
    weighted = task_of(classes=("a", "b", "c"), weights=(1.0, 2.0, 5.0))
    weighted.load_state_dict(task.state_dict())
    expected = log_loss([0, 2, 1, 1], p, labels=[0, 1, 2], sample_weight=[1, 5, 2, 2])
    assert weighted.loss(weighted(batch), batch).total.item() == pytest.approx(expected, rel=1e-5)


def test_binary_loss_is_the_log_loss():
    task, batch = task_of(mode="binary", classes=("no", "yes"), weights=(1.0, 3.0)), batch_of([0, 1, 1])
    out = task(batch)
    assert out["logits"].shape == (3, 1)
    p = sure_of(task, out)
    expected = log_loss([0, 1, 1], p, labels=[0, 1], sample_weight=[1, 3, 3])
    assert task.loss(out, batch).total.item() == pytest.approx(expected, rel=1e-5)


def test_multilabel_loss_is_the_mean_log_loss_of_the_labels():
    task = task_of(mode="multilabel", classes=("rfi", "sis"))
    truth = np.array([[0, 1], [1, 1], [0, 0]], dtype=np.float32)
    batch = batch_of(truth)
    out = task(batch)
    p = sure_of(task, out)
    expected = np.mean([log_loss(truth[:, k], p[:, k], labels=[0, 1]) for k in range(2)])
    assert task.loss(out, batch).total.item() == pytest.approx(expected, rel=1e-5)


def test_the_loss_stays_finite_in_half_precision():
    task = task_of(mode="binary", classes=("no", "yes"))
    batch = batch_of([0, 1])
    loss = task.loss({"logits": torch.tensor([[60000.0], [-60000.0]], dtype=torch.float16)}, batch)
    assert torch.isfinite(loss.total)


@given(st.lists(st.floats(-8, 8), min_size=3, max_size=3))
@settings(max_examples=40)
def test_answers_agree_with_their_probabilities(logits):
    tensor = torch.tensor([logits])
    several = task_of(mode="multilabel", classes=("a", "b", "c"))
    one = task_of(classes=("a", "b", "c"))
    chosen = one.decode({"logits": tensor}, {}).columns
    p = [chosen[f"p_{name}"][0] for name in "abc"]
    assert sum(p) == pytest.approx(1, abs=1e-6)
    assert chosen["probability"][0] == max(p)
    assert chosen[f"p_{chosen['label'][0]}"][0] == max(p)
    named = several.decode({"logits": tensor}, {}).columns["label"][0]
    assert named == (
        "+".join(n for n, x in zip("abc", logits, strict=True) if torch.sigmoid(torch.tensor(x)) >= 0.5) or "none"
    )


def test_the_threshold_and_the_categories_decide():
    task = task_of(
        mode="binary", classes=("no", "yes"), threshold=0.8, categories={"sure": 0.95, "fair": 0.7}, below="doubt"
    )
    p = torch.tensor([0.75, 0.85, 0.99])
    columns = task.decode({"logits": torch.logit(p)[:, None]}, {}).columns
    assert columns["label"].tolist() == ["no", "yes", "yes"]
    assert columns["category"].tolist() == ["doubt", "fair", "sure"]
    assert columns["probability"] == pytest.approx([0.25, 0.85, 0.99], abs=1e-6)


def labels_of(config, **columns):
    names = tuple(columns)
    return ClassLabels(config, Columns(label=names[0] if len(names) == 1 else names)), Table(columns)


def test_labels_become_codes_in_the_order_of_the_classes():
    labels, table = labels_of(Classify(classes=("FRII", "FRI")), label=["FRI", "FRII", "FRI"])
    assert labels.codes(table).tolist() == [1, 0, 1]
    assert labels.truth_columns(table)["true"].tolist() == ["FRI", "FRII", "FRI"]
    numeric, table = labels_of(Classify(mode="binary", classes=("0", "1")), label=[1, 0, 1])
    assert numeric.codes(table).tolist() == [1, 0, 1]


def test_unknown_and_missing_labels_are_rejected_with_the_reason():
    column = MaskedColumn(["FRI", "hybrid", "FRII", "x"], mask=[False, False, False, True])
    labels, table = labels_of(Classify(classes=("FRI", "FRII")), label=column)
    bad, reasons = labels.unusable(table)
    assert bad.tolist() == [False, True, False, True]
    assert reasons[0] == "label 'hybrid'; expected FRI, FRII. Leave it out with data.where"


def test_several_labels_are_flags():
    config = Classify(mode="multilabel", classes=("rfi", "sis"))
    labels, table = labels_of(config, rfi=[0, 1, 1, 2], sis=["1", "1", "0", "0"])
    assert labels.unusable(table)[0].tolist() == [False, False, False, True]
    assert labels.codes(table[:3]).tolist() == [[0, 1], [1, 1], [1, 0]]
    assert labels.strata(table[:3]).tolist() == ["sis", "rfi+sis", "rfi"]
    with pytest.raises(ConfigError, match=r"data\.columns\.label: got 1 columns; task\.mode=multilabel takes 2"):
        ClassLabels(config, Columns(label="rfi"))


def test_balanced_weights_are_inverse_frequencies():
    labels, table = labels_of(Classify(classes=("a", "b"), weights="balanced"), label=["a"] * 9 + ["b"])
    weights = labels.resolve(table).weights
    assert weights == pytest.approx((10 / 18, 10 / 2))
    assert np.mean([weights[int(code)] for code in labels.codes(table)]) == pytest.approx(1)


def test_a_class_without_training_rows_is_refused():
    labels, table = labels_of(Classify(classes=("a", "b")), label=["a", "a"])
    with pytest.raises(InputError, match="class 'b' has no training rows"):
        labels.resolve(table)


def test_categories_are_steps_of_the_probability_of_the_label_or_of_the_positive_class():
    steps = {"sure": 0.85, "perhaps": 0.45}
    logits = torch.logit(torch.tensor([0.95, 0.5, 0.1, 0.001]))[:, None]
    answers = {}
    for of in ("label", "positive"):
        task = task_of(mode="binary", classes=("no", "yes"), categories=steps, below="none", categories_of=of)
        answers[of] = task.decode({"logits": logits}, {}).columns["category"].tolist()
    assert answers == {"label": ["sure", "perhaps", "sure", "sure"], "positive": ["sure", "perhaps", "none", "none"]}


def test_only_a_binary_task_has_a_positive_class():
    with pytest.raises(ValidationError, match="mode multiclass has no positive class"):
        Classify(classes=("a", "b"), categories_of="positive")
