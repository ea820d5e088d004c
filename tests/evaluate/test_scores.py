import json
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
from astropy.table import Table
from scipy.stats import norm
from sklearn import metrics

from merkhet.errors import InputError
from merkhet.evaluate.calibration import reliability
from merkhet.evaluate.resampled import OVERALL
from merkhet.evaluate.scorer import CLASS_SCORES
from merkhet.evaluate.scores import CURVE_POINTS, evaluate_table, pr_points, roc_points
from tests.evaluate.tables import CLASSES, multilabel_table, single_label_table

COUNTS = {"FRI": 40, "FRII": 55, "hybrid": 5}


def evaluate(table, **changes):
    task = {"mode": "multiclass", "classes": CLASSES, "threshold": 0.5, "n_bootstrap": 200}
    return evaluate_table(table, **{**task, **changes})


def strict_json(result):
    return json.loads(json.dumps(result, allow_nan=False))


@pytest.fixture
def table(rng):
    return single_label_table(rng)


def test_result_is_complete_strict_json(table):
    result = evaluate(table, train_counts=COUNTS)
    assert strict_json(result) == result
    assert (result["n"], result["n_groups"]) == (len(table), len(set(table["group"])))
    assert result["bootstrap"] == {"n": 200, "seed": 0, "confidence": 0.95, "unit": "group"}
    assert list(result["scores"]) == list(OVERALL)
    for name, row in result["per_class"].items():
        assert set(row) == {*CLASS_SCORES, "support"}
        assert row["support"] == (table["true"] == name).sum()
    for name, score in result["scores"].items():
        assert score["low"] < score["value"] < score["high"] or (name in ("ece", "rmsce") and score["low"] == 0)


def test_values_are_those_of_the_table(table):
    result = evaluate(table)
    assert result["scores"]["accuracy"]["value"] == pytest.approx((table["true"] == table["label"]).mean())
    expected = metrics.confusion_matrix(table["true"], table["label"], labels=CLASSES)
    assert result["confusion"] == expected.tolist()
    p = np.column_stack([table[f"p_{name}"] for name in CLASSES])
    area = metrics.roc_auc_score(table["true"], p, multi_class="ovr", labels=CLASSES)
    assert result["scores"]["roc_auc"]["value"] == pytest.approx(area)


def test_majority_stands_beside_the_scores(table):
    baseline = evaluate(table, train_counts=COUNTS)["baselines"]["majority"]
    assert baseline["class"] == "FRII"
    assert baseline["train_counts"] == COUNTS
    assert baseline["accuracy"]["value"] == pytest.approx((table["true"] == "FRII").mean())
    assert baseline["balanced_accuracy"]["value"] == pytest.approx(1 / 3)
    assert baseline["roc_auc"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert baseline["accuracy"]["low"] < baseline["accuracy"]["value"] < baseline["accuracy"]["high"]


@pytest.mark.parametrize("counts", [None, {}, dict.fromkeys(CLASSES, 0)])
def test_no_training_rows_no_baseline(table, counts):
    assert evaluate(table, train_counts=counts)["baselines"] == {"majority": None}


def test_binary_threshold_moves_the_decision(rng):
    table = single_label_table(rng, classes=CLASSES[:2])
    result = evaluate(table, mode="binary", classes=CLASSES[:2], threshold=0.8)
    assert result["confusion"][1][1] == ((table["p_FRII"] >= 0.8) & (table["true"] == "FRII")).sum()
    assert list(result["roc"]) == list(result["pr"]) == ["FRII"]
    area = metrics.roc_auc_score(table["true"] == "FRII", table["p_FRII"])
    assert result["scores"]["roc_auc"]["value"] == pytest.approx(area)


def test_multilabel(rng):
    table, labels = multilabel_table(rng), ("stripes", "rings")
    result = evaluate(
        table, mode="multilabel", classes=labels, train_counts={"stripes": 30, "rings": 60}, train_rows=100
    )
    assert strict_json(result) == result
    truth = np.column_stack([table[f"true_{name}"] for name in labels])
    said = np.column_stack([table[f"p_{name}"] >= 0.5 for name in labels])
    assert result["confusion"] == metrics.multilabel_confusion_matrix(truth, said).tolist()
    assert result["baselines"]["majority"]["class"] == "rings"
    with pytest.raises(InputError, match="train_rows beside train_counts"):
        evaluate(table, mode="multilabel", classes=labels, train_counts={"stripes": 30, "rings": 60})


def test_same_seed_same_intervals(table):
    assert evaluate(table, seed=4) == evaluate(table, seed=4)
    assert evaluate(table, seed=4)["scores"] != evaluate(table, seed=5)["scores"]


def test_order_of_rows_does_not_matter(rng, table):
    shuffled = evaluate(table[rng.permutation(len(table))])["scores"]
    for name, score in evaluate(table)["scores"].items():
        assert shuffled[name] == pytest.approx(score)


def test_absent_class_is_null_not_nan(rng):
    table = single_label_table(rng, classes=CLASSES[:2])
    table["p_hybrid"] = 0.0
    result = evaluate(table)
    assert strict_json(result) == result
    nothing = {"value": None, "low": None, "high": None}
    assert result["per_class"]["hybrid"] == {**dict.fromkeys(CLASS_SCORES, nothing), "support": 0}
    assert list(result["roc"]) == list(result["pr"]) == ["FRI", "FRII"]


def test_reliability_is_that_of_the_named_class(table):
    right = table["label"] == table["true"]
    bins = evaluate(table, confidence=0.8)["calibration"]["bins"]
    assert bins == reliability(table["probability"], right, groups=table["group"], level=0.8)["bins"]
    assert sum(row["count"] for row in bins) == len(table)
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in bins)


def test_a_model_that_is_too_sure_shows_it(rng):
    table = single_label_table(rng, rows=3000, groups=1500)
    honest = evaluate(table)["scores"]
    sharp = np.column_stack([table[f"p_{name}"] for name in CLASSES]) ** 3
    for k, name in enumerate(CLASSES):
        table[f"p_{name}"] = sharp[:, k] / sharp.sum(axis=1)
    too_sure = evaluate(table)["scores"]
    for name in ("ece", "rmsce"):
        assert too_sure[name]["low"] > honest[name]["high"]
        assert too_sure[name]["value"] > 0.1
    assert too_sure["ece"]["value"] <= too_sure["rmsce"]["value"]


def test_one_group_has_values_but_no_intervals(table):
    table["group"] = "NGC 1"
    scores = evaluate(table)["scores"]
    for name in ("ece", "rmsce"):
        assert scores.pop(name)["value"] is None  # nothing tells chance from error
    for score in scores.values():
        assert score["value"] is not None
        assert score["low"] is None
        assert score["high"] is None


def test_one_class_in_the_whole_table(table):
    result = evaluate(table[table["true"] == "FRI"], train_counts=COUNTS)
    assert strict_json(result) == result
    assert result["roc"] == result["pr"] == {}
    assert result["scores"]["roc_auc"]["value"] is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_bootstrap": -1}, "n_bootstrap -1"),
        ({"confidence": 95}, "confidence 95"),
        ({"train_counts": COUNTS, "train_rows": 7}, "they sum to 100; expected train_rows, 7"),
    ],
)
def test_bad_arguments(table, changes, message):
    with pytest.raises(InputError, match=message):
        evaluate(table, **changes)


def test_empty_table():
    with pytest.raises(InputError, match="no rows"):
        evaluate(Table({"group": [], "true": []}))


def test_roc_is_thinned_along_the_curve(rng):
    truth = rng.random(5000) < 0.05
    p = rng.random(5000) + 0.5 * truth
    points = roc_points(truth, p / 2)
    fpr, tpr = np.array(points["fpr"]), np.array(points["tpr"])
    assert len(fpr) <= CURVE_POINTS
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert (np.diff(fpr) >= 0).all()
    assert (np.diff(tpr) >= 0).all()
    assert np.trapezoid(tpr, fpr) == pytest.approx(metrics.roc_auc_score(truth, p), abs=0.01)


@pytest.mark.parametrize("levels", [7, 10_000])
def test_precision_recall_points_are_those_of_scikit_learn(rng, levels):
    truth = rng.random(150) < 0.3
    p = ((rng.random(150) + 0.6 * truth) / 1.6 * levels).round() / levels
    points = pr_points(truth, p)
    precision, recall, _ = metrics.precision_recall_curve(truth, p)
    steps = np.diff(recall) < 0
    np.testing.assert_allclose(points["recall"], recall[:-1][steps][::-1], atol=1e-5)
    np.testing.assert_allclose(points["precision"], precision[:-1][steps][::-1], atol=1e-5)
    assert points["recall"][-1] == 1
    assert area_of_steps(points) == pytest.approx(metrics.average_precision_score(truth, p), abs=1e-4)


def test_precision_recall_is_thinned_along_the_curve(rng):
    truth = rng.random(5000) < 0.05
    p = (rng.random(5000) + 0.5 * truth) / 2
    points = pr_points(truth, p)
    assert len(points["recall"]) == len(points["precision"]) <= CURVE_POINTS
    assert (np.diff(points["recall"]) >= 0).all()
    assert area_of_steps(points) == pytest.approx(metrics.average_precision_score(truth, p), abs=0.01)


def area_of_steps(points):
    return np.diff(points["recall"], prepend=0) @ points["precision"]


def grouped_table(rng, *, groups, rows_per_group=4):
    """Rows of a group share most of their luck, so that a group counts for little more than one row.

    Also returns the true accuracy.
    """
    luck = np.repeat(rng.normal(size=groups), rows_per_group) + 0.3 * rng.normal(size=groups * rows_per_group)
    right = luck > -1
    p = np.where(right, 0.8, 0.2)
    table = Table({"group": np.repeat(np.arange(groups), rows_per_group), "true": ["b"] * len(p)})
    table["p_a"], table["p_b"] = 1 - p, p
    return table, float(norm.cdf(1 / np.hypot(1, 0.3)))


def test_coverage_of_the_interval_with_correlated_groups():
    held = 0
    for trial in range(200):
        table, truth = grouped_table(np.random.default_rng(trial), groups=60)
        accuracy = evaluate(table, mode="binary", classes=("a", "b"), n_bootstrap=300, seed=trial)["scores"]["accuracy"]
        held += accuracy["low"] <= truth <= accuracy["high"]
    assert 0.90 <= held / 200 <= 0.98


def test_interval_of_groups_is_wider_than_that_of_rows(rng):
    table, _ = grouped_table(rng, groups=60)
    task = {"mode": "binary", "classes": ("a", "b"), "n_bootstrap": 500}
    by_group = evaluate(table, **task)["scores"]["accuracy"]
    table["group"] = np.arange(len(table))
    by_row = evaluate(table, **task)["scores"]["accuracy"]
    assert by_group["high"] - by_group["low"] > 1.5 * (by_row["high"] - by_row["low"])


def scikit_learn_scores(truth, p):
    """The same scores of one table, by scikit-learn."""
    said = p.argmax(axis=1)
    metrics.precision_recall_fscore_support(truth, said)
    metrics.balanced_accuracy_score(truth, said)
    metrics.log_loss(truth, p)
    metrics.brier_score_loss(truth, p)
    metrics.roc_auc_score(truth, p, multi_class="ovr")
    metrics.average_precision_score(truth, p)


def test_a_resampling_costs_a_fraction_of_scikit_learn(rng):
    table = single_label_table(rng, rows=10_000, groups=10_000)
    p = np.column_stack([table[f"p_{name}"] for name in CLASSES])
    truth = np.unique(table["true"], return_inverse=True)[1]
    evaluate(table, n_bootstrap=1)  # imports and caches
    reference, ours = [], []
    for _ in range(4):  # the least of some trials, for the machine may be busy
        start = time.perf_counter()
        scikit_learn_scores(truth, p)
        middle = time.perf_counter()
        evaluate(table, n_bootstrap=400)
        reference.append(middle - start)
        ours.append((time.perf_counter() - middle) / 400)
    assert min(ours) < min(reference) / 3


def test_memory_is_bounded(rng):
    table = single_label_table(rng, rows=10_000, groups=10_000)
    tracemalloc.start()
    evaluate(table, n_bootstrap=600)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6


def test_no_heavy_imports():
    code = (
        "import sys, merkhet.evaluate.scores, merkhet.evaluate.baselines, merkhet.evaluate.bootstrap;"
        "print([m for m in ('torch', 'lightning', 'torchmetrics', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
