"""Recall at few false alarms against direct counts and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from merkhet.evaluate.questions import Question
from merkhet.evaluate.strengths import Resampling, recall_by_strength, strength_bins

FEW = Resampling(draws=200, seed=3)


def make_question(rng, *, rows=600, groups=150, share=0.4, digits=None, known=True):
    """Rows with a label that is the easier to see the stronger it is."""
    truth = rng.random(rows) < share
    strength = np.where(truth, 10 ** rng.uniform(-1, 0.7, rows), 0)
    logit = rng.normal(size=rows) + 3 * strength - 1
    probability = 1 / (1 + np.exp(-logit))
    if digits is not None:
        probability = probability.round(digits)
    group = np.unique(rng.integers(groups, size=rows), return_inverse=True)[1]
    return Question("rfi", truth, probability >= 0.5, probability, group, strength if known else None)


EDGES = (0.1, 0.25, 0.5, 1.0, 2.0)


def test_recall_and_areas_match_direct_counts(rng):
    question = make_question(rng, digits=2)
    found = recall_by_strength(question, rate=0.02, edges=EDGES, resampling=FEW)
    fpr, tpr, _ = roc_curve(question.truth, question.probability, drop_intermediate=False)
    assert found["recall"]["value"] == pytest.approx(tpr[fpr <= 0.02].max())
    above = question.probability > found["threshold"]
    assert found["false_alarms"] == (above & ~question.truth).sum() <= 0.02 * found["negatives"]
    assert found["roc_auc"]["value"] == pytest.approx(roc_auc_score(question.truth, question.probability))
    assert [row["low"] for row in found["bins"]] == list(EDGES)
    assert sum(row["n"] for row in found["bins"]) == found["positives"] == question.truth.sum()
    for row, high in zip(found["bins"], (*EDGES[1:], np.inf), strict=True):
        of_bin = question.truth & (question.strength >= row["low"]) & (question.strength < high)
        stronger = question.truth & (question.strength >= row["low"])
        assert row["recall"]["value"] == pytest.approx(above[of_bin].mean())
        assert row["recall_from"]["value"] == pytest.approx(above[stronger].mean())
        assert row["median"] == pytest.approx(np.median(question.strength[of_bin]))
        kept = of_bin | ~question.truth
        assert row["roc_auc"]["value"] == pytest.approx(roc_auc_score(of_bin[kept], question.probability[kept]))


@given(st.integers(0, 2**32 - 1), st.floats(0.001, 0.5), st.integers(0, 3))
def test_the_threshold_is_the_lowest_that_leaves_so_few_false_alarms(seed, rate, digits):
    question = make_question(np.random.default_rng(seed), rows=80, digits=digits)
    found = recall_by_strength(question, rate=rate, edges=(), resampling=Resampling(draws=0))
    negative = question.probability[~question.truth]
    assert (negative > found["threshold"]).sum() <= rate * len(negative)
    lower = question.probability[question.probability < found["threshold"]]
    if len(lower):
        assert (negative > lower.max()).sum() > rate * len(negative)


def test_intervals_hold_the_values_and_the_recall_of_many_more_rows(rng):
    """The recall of 100,000 rows lies within nearly all intervals of 600: the threshold varies, and that counts."""
    true = recall_by_strength(make_question(rng, rows=100_000, groups=50_000), rate=0.02, edges=EDGES, resampling=FEW)
    held = np.zeros((0, 6))
    for seed in range(60):
        few = make_question(np.random.default_rng(seed))
        found = recall_by_strength(few, rate=0.02, edges=EDGES, resampling=Resampling(draws=300, seed=seed))
        scores = [found["recall"], *(row["recall"] for row in found["bins"])]
        wanted = [true["recall"], *(row["recall"] for row in true["bins"])]
        held = np.vstack([held, [a["low"] <= b["value"] <= a["high"] for a, b in zip(scores, wanted, strict=True)]])
        assert all(score["low"] <= score["value"] <= score["high"] for score in scores)
    assert (held.mean(axis=0) >= 0.85).all()


def test_without_edges_bins_hold_equally_many(rng):
    bins = recall_by_strength(make_question(rng), rate=0.01, edges=(), resampling=FEW)["bins"]
    counts = [row["n"] for row in bins]
    assert len(counts) == 4
    assert max(counts) - min(counts) <= 1


def test_what_is_weaker_than_the_first_edge_has_a_bin(rng):
    question = make_question(rng)
    bins = strength_bins(question, edges=(1.0, 2.0))
    assert bins == [(-np.inf, 1.0), (1.0, 2.0), (2.0, np.inf)]
    rows = recall_by_strength(question, rate=0.01, edges=(1.0, 2.0), resampling=FEW)["bins"]
    assert (rows[0]["low"], rows[2]["high"]) == (None, None)


def test_an_empty_bin_has_no_score(rng):
    found = recall_by_strength(make_question(rng), rate=0.01, edges=(0.1, 100.0), resampling=FEW)["bins"][1]
    assert (found["n"], found["median"]) == (0, None)
    assert found["recall"] == found["roc_auc"] == {"value": None, "low": None, "high": None}


@pytest.mark.parametrize("truth", [True, False])
def test_one_kind_of_rows_gives_no_score(rng, truth):
    question = make_question(rng, rows=40)
    same = Question("rfi", np.full(40, truth), question.said, question.probability, question.group, question.strength)
    found = recall_by_strength(same, rate=0.01, edges=EDGES, resampling=FEW)
    assert found["recall"]["value"] is None
    assert found["roc_auc"]["value"] is None
    assert found["recall"]["low"] is None


def test_strengths_that_nobody_knows(rng):
    assert recall_by_strength(make_question(rng, known=False), rate=0.01, edges=EDGES, resampling=FEW)["bins"] == []


def test_one_group_has_no_interval(rng):
    question = make_question(rng, groups=1)
    found = recall_by_strength(question, rate=0.01, edges=EDGES, resampling=FEW)
    assert found["recall"]["value"] is not None
    assert found["recall"]["low"] is found["roc_auc"]["low"] is None
