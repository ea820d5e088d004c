from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from merkhet.evaluate.answers import Mode, read_answers
from merkhet.evaluate.scorer import CLASS_SCORES, SCORES, Ranking, Scorer
from tests.evaluate.tables import CLASSES, multilabel_table, single_label_table

LABELS = ("stripes", "rings")


def scored(answers, weights):
    """Scores by name under one weighting of the groups, per-class ones as arrays."""
    values = Scorer(answers)(weights[:, None])[:, 0]
    blocks = values[len(SCORES) :].reshape(len(CLASS_SCORES), -1)
    return dict(zip(SCORES, values, strict=False)), dict(zip(CLASS_SCORES, blocks, strict=True))


def group_weights(rng, answers, kind):
    if kind == "ones":
        return np.ones(answers.groups)
    return rng.multinomial(answers.groups, np.full(answers.groups, 1 / answers.groups)).astype(float)


@pytest.mark.parametrize("kind", ["ones", "resampled"])
@pytest.mark.parametrize("classes", [CLASSES, CLASSES[:2]])
def test_single_label_scores_match_scikit_learn(rng, classes, kind):
    mode: Mode = "multiclass" if len(classes) > 2 else "binary"
    answers = read_answers(single_label_table(rng, classes=classes), mode=mode, classes=classes, threshold=0.5)
    weights = group_weights(rng, answers, kind)
    overall, per_class = scored(answers, weights)

    w, truth, said = weights[answers.group], answers.truth.argmax(axis=1), answers.predicted.argmax(axis=1)
    p = answers.probability if mode == "multiclass" else answers.probability[:, 1]
    by_class = {"labels": range(len(classes)), "average": None, "zero_division": np.nan, "sample_weight": w}
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(truth, said, **by_class)
    expected = {
        "accuracy": metrics.accuracy_score(truth, said, sample_weight=w),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, said, sample_weight=w),
        "macro_f1": metrics.f1_score(truth, said, average="macro", sample_weight=w),
        "log_loss": metrics.log_loss(truth, answers.probability, sample_weight=w),
        "brier": metrics.brier_score_loss(truth, p, sample_weight=w),
        # scikit-learn refuses sample weights for one-vs-rest areas in one call
        "roc_auc": np.mean([auc(answers, k, w) for k in range(len(classes))]),
    }
    assert overall == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(per_class["precision"], precision)
    np.testing.assert_allclose(per_class["recall"], recall)
    np.testing.assert_allclose(per_class["f1"], f1)
    np.testing.assert_allclose(per_class["roc_auc"], [auc(answers, k, w) for k in range(len(classes))])
    np.testing.assert_allclose(
        per_class["average_precision"], [average_precision(answers, k, w) for k in range(len(classes))]
    )


def auc(answers, k, w):
    return metrics.roc_auc_score(answers.truth[:, k], answers.probability[:, k], sample_weight=w)


def average_precision(answers, k, w):
    return metrics.average_precision_score(answers.truth[:, k], answers.probability[:, k], sample_weight=w)


@pytest.mark.parametrize("kind", ["ones", "resampled"])
def test_multilabel_scores_match_scikit_learn(rng, kind):
    answers = read_answers(multilabel_table(rng), mode="multilabel", classes=LABELS, threshold=0.4)
    weights = group_weights(rng, answers, kind)
    overall, per_class = scored(answers, weights)

    w, both = weights[answers.group], range(len(LABELS))
    truth, said, p = answers.truth, answers.predicted, answers.probability
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(truth, said, average=None, sample_weight=w)
    expected = {
        "accuracy": metrics.accuracy_score(truth, said, sample_weight=w),  # of all labels at once
        "balanced_accuracy": np.mean(
            [metrics.balanced_accuracy_score(truth[:, k], said[:, k], sample_weight=w) for k in both]
        ),
        "macro_f1": metrics.f1_score(truth, said, average="macro", sample_weight=w),
        "log_loss": np.mean([metrics.log_loss(truth[:, k], p[:, k], sample_weight=w) for k in both]),
        "brier": np.mean([metrics.brier_score_loss(truth[:, k], p[:, k], sample_weight=w) for k in both]),
        "roc_auc": metrics.roc_auc_score(truth, p, average="macro", sample_weight=w),
    }
    assert overall == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(per_class["precision"], precision)
    np.testing.assert_allclose(per_class["recall"], recall)
    np.testing.assert_allclose(per_class["f1"], f1)
    np.testing.assert_allclose(per_class["average_precision"], [average_precision(answers, k, w) for k in both])


def test_many_weightings_at_once_equal_one_by_one(rng):
    answers = read_answers(single_label_table(rng), mode="multiclass", classes=CLASSES, threshold=0.5)
    weights = np.stack([group_weights(rng, answers, "resampled") for _ in range(7)], axis=1)
    score = Scorer(answers)
    together = score(weights)
    np.testing.assert_allclose(together, np.hstack([score(w[:, None]) for w in weights.T]))


def test_weight_two_equals_the_row_twice(rng):
    table = single_label_table(rng, rows=40, groups=40)
    table["group"] = [f"{row:02d}" for row in range(40)]
    repeats = rng.integers(1, 4, size=40)
    task: dict[str, Any] = {"mode": "multiclass", "classes": CLASSES, "threshold": 0.5}
    weighted = Scorer(read_answers(table, **task))(repeats[:, None].astype(float))
    repeated = Scorer(read_answers(table[np.repeat(np.arange(40), repeats)], **task))
    np.testing.assert_allclose(weighted, repeated(np.ones((40, 1))))


def test_absent_class_has_no_recall_and_leaves_the_averages(rng):
    table = single_label_table(rng, classes=("FRI", "FRII"))
    table["p_hybrid"] = 0.0
    answers = read_answers(table, mode="multiclass", classes=CLASSES, threshold=0.5)
    overall, per_class = scored(answers, np.ones(answers.groups))
    for score in CLASS_SCORES:
        assert np.isnan(per_class[score][2])
    assert overall["balanced_accuracy"] == pytest.approx(per_class["recall"][:2].mean())
    assert overall["roc_auc"] == pytest.approx(per_class["roc_auc"][:2].mean())


def test_certain_and_wrong_costs_a_finite_logarithmic_loss():
    p = np.array([[1.0, 0.0], [0.5, 0.5]], dtype=np.float32)
    table = Table({"group": [0, 1], "true": ["b", "b"], "p_a": p[:, 0], "p_b": p[:, 1]})
    answers = read_answers(table, mode="binary", classes=("a", "b"), threshold=0.5)
    overall, _ = scored(answers, np.ones(2))
    assert overall["log_loss"] == pytest.approx(metrics.log_loss([1, 1], p, labels=[0, 1]), rel=1e-6)


rows = st.lists(
    st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 3)), min_size=2, max_size=30
)  # truth, probability in quarters (many ties), weight


@given(rows)
def test_weighted_areas_with_ties_match_scikit_learn(values):
    truth, quarters, weight = (np.array(column) for column in zip(*values, strict=True))
    group = np.arange(len(values))
    (area,), (average,) = Ranking.of(truth, quarters / 4, group).areas(weight[:, None].astype(float))
    if weight[truth].sum() == 0:
        assert np.isnan(average)
    else:
        assert average == pytest.approx(metrics.average_precision_score(truth, quarters, sample_weight=weight))
    if weight[truth].sum() == 0 or weight[~truth].sum() == 0:
        assert np.isnan(area)
    else:
        assert area == pytest.approx(metrics.roc_auc_score(truth, quarters, sample_weight=weight))


@given(rows)
def test_auc_of_reversed_ranking_is_the_complement(values):
    truth, quarters, _ = (np.array(column) for column in zip(*values, strict=True))
    group, ones = np.arange(len(values)), np.ones((len(values), 1))
    forward, _ = Ranking.of(truth, quarters / 4, group).areas(ones)
    backward, _ = Ranking.of(truth, 1 - quarters / 4, group).areas(ones)
    np.testing.assert_allclose(forward, 1 - backward)
