"""Probabilities that follow from others: exact combinations of labels, and classes taken together."""

import itertools

import numpy as np
import pytest
import torch
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from merkhet.config.data import Columns
from merkhet.config.tasks import Classify
from merkhet.io.catalog import make_catalog
from merkhet.tasks.class_labels import ClassLabels
from merkhet.tasks.classify import ClassifyTask
from tests.tasks.test_classify import NoNormalization, Passing

COMBINATIONS = {"good": (), "rfi": ("rfi",), "sis": ("sis",), "rfisis": ("rfi", "sis")}
LABELS = Classify(mode="multilabel", classes=("rfi", "sis"), derived=COMBINATIONS)
CLASSES = Classify(classes=tuple(COMBINATIONS), derived={"rfi": ("rfi", "rfisis"), "sis": ("sis", "rfisis")})
logits = st.floats(-120, 120, width=32)


def decode(config, values):
    task = ClassifyTask(config, normalize=NoNormalization(), network=Passing())
    return task.decode({"logits": torch.tensor(values, dtype=torch.float32)}, {}).columns


def sigmoid(value):
    return np.exp(-np.logaddexp(0, -np.float64(value)))


@settings(max_examples=200)
@given(st.lists(st.tuples(logits, logits), min_size=1, max_size=5))
def test_combinations_of_labels_are_products_that_sum_to_one(values):
    columns = decode(LABELS, values)
    for row, (rfi, sis) in enumerate(values):
        for name, of in COMBINATIONS.items():
            expected = sigmoid(rfi if "rfi" in of else -rfi) * sigmoid(sis if "sis" in of else -sis)
            assert columns[f"p_only_{name}"][row] == pytest.approx(expected, abs=1e-6)
    total = sum(columns[f"p_only_{name}"] for name in COMBINATIONS)
    assert all(columns[f"p_only_{name}"].dtype == np.float32 for name in COMBINATIONS)
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(st.lists(st.tuples(*[logits] * 4), min_size=1, max_size=5))
def test_classes_together_are_sums(values):
    columns = decode(CLASSES, values)
    for name in ("rfi", "sis"):
        together = columns[f"p_{name}"].astype(float) + columns["p_rfisis"]
        np.testing.assert_allclose(columns[f"p_any_{name}"], together, atol=1e-6)
        assert (columns[f"p_any_{name}"] <= 1).all()


def test_an_answer_is_called_by_the_name_of_its_combination():
    values = list(itertools.product([-2.0, 2.0], repeat=2))
    assert decode(LABELS, values)["label"].tolist() == ["good", "sis", "rfi", "rfisis"]
    without = LABELS.model_copy(update={"derived": {"good": ()}})
    assert decode(without, values)["label"].tolist() == ["good", "sis", "rfi", "rfi+sis"]


def test_columns_have_descriptions_in_a_catalog():
    catalog = make_catalog({**decode(LABELS, [(0.0, 1.0)]), **decode(CLASSES, [(0.0, 1.0, 2.0, 3.0)])})
    assert catalog["p_only_rfi"].description == "probability of rfi and of no other label"
    assert catalog["p_any_rfi"].description == "probability of rfi in any class"
    assert catalog["p_rfi"].description == "probability of rfi"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"derived": {"x": ("rfi", "hum")}}, "derived: x names 'hum'; the classes are rfi, sis"),
        ({"derived": {"x": ("rfi", "rfi")}}, "derived: x names a class twice"),
        ({"derived": {"x": ("rfi", "sis"), "y": ("sis", "rfi")}}, "two names have the same classes"),
        ({"derived": {"x": ("rfi",)}, "classes": ("rfi", "only_x")}, "column p_only_x is that of a class already"),
        ({"derived": {}, "header": {"GOOD": "p_only_good"}}, "GOOD takes column 'p_only_good'"),
    ],
)
def test_what_cannot_be_derived_is_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        Classify.model_validate({"mode": "multilabel", "classes": ("rfi", "sis"), **changes})


def test_a_header_may_hold_the_version_and_any_column():
    header = {"CNNVER": "version", "GOOD": "p_only_good", "PRFI": "p_rfi"}
    assert Classify(mode="multilabel", classes=("rfi", "sis"), derived=COMBINATIONS, header=header).header == header


def test_whole_numbers_count_the_classes_unless_these_are_numbers():
    table = Table({"label": np.ma.MaskedArray([0, 3, 4, 1], mask=np.array([False, False, False, True]))})
    truth = ClassLabels(Classify(classes=tuple(COMBINATIONS)), Columns())
    bad, reasons = truth.unusable(table)
    assert bad.tolist() == [False, False, True, True]
    assert reasons[0].startswith("label '4'; expected good, rfi, sis, rfisis")
    assert truth.codes(table[~bad]).tolist() == [0, 3]
    assert truth.truth_columns(table[~bad])["true"].tolist() == ["good", "rfisis"]
    numbers = ClassLabels(Classify(classes=("4", "3")), Columns())
    assert numbers.unusable(table)[0].tolist() == [True, False, False, True]
    assert numbers.codes(table[1:3]).tolist() == [1, 0]
