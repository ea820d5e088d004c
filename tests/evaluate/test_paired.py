"""Paired comparisons whose answer is known."""

import json
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from scipy.stats import binomtest

from merkhet.errors import InputError
from merkhet.evaluate.paired import paired_bootstrap, two_sided
from merkhet.evaluate.resampled import OVERALL
from merkhet.evaluate.scores import evaluate_table
from tests.evaluate.tables import CLASSES, multilabel_table, single_label_table, softmax


def compare(a, b, **changes):
    task = {"mode": "multiclass", "classes": CLASSES, "threshold": 0.5, "n_bootstrap": 200}
    return paired_bootstrap(a, b, **{**task, **changes})


def named(table):
    table["id"] = [f"source {row:03d}" for row in range(len(table))]
    return table


def worse(rng, table, *, blur):
    """The same rows as a model sees them that adds noise of its own."""
    p = np.column_stack([table[f"p_{name}"] for name in CLASSES])
    p = softmax(np.log(p) + blur * rng.normal(size=p.shape))
    other = table.copy()
    for k, name in enumerate(CLASSES):
        other[f"p_{name}"] = p[:, k]
    return other


@pytest.fixture
def table(rng):
    return named(single_label_table(rng, rows=400, groups=150, skill=2.0))


def test_result_is_complete_strict_json(rng, table):
    other = worse(rng, table, blur=1)
    result = compare(table, other)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert set(result) == {"n", "n_groups", "mode", "classes", "threshold", "scores", "bootstrap"}
    assert list(result["scores"]) == list(OVERALL)
    alone = [
        evaluate_table(t, mode="multiclass", classes=CLASSES, threshold=0.5, n_bootstrap=0) for t in (table, other)
    ]
    for name, row in result["scores"].items():
        assert set(row) == {"a", "b", "difference", "low", "high", "p_value"}
        assert (row["a"], row["b"]) == tuple(one["scores"][name]["value"] for one in alone)
        assert row["difference"] == pytest.approx(row["a"] - row["b"])
        assert row["low"] <= row["difference"] <= row["high"] or name in ("ece", "rmsce")


def test_a_blurred_model_is_worse(rng, table):
    scores = compare(table, worse(rng, table, blur=3))["scores"]
    for name in ("log_loss", "brier"):
        assert scores[name]["high"] < 0
        assert scores[name]["p_value"] == pytest.approx(2 / 201)
    for name in ("accuracy", "roc_auc"):
        assert scores[name]["low"] > 0


def test_swapped_tables_give_the_opposite(rng, table):
    other = worse(rng, table, blur=1)
    forward, backward = compare(table, other)["scores"], compare(other, table)["scores"]
    for name, row in forward.items():
        assert backward[name]["difference"] == -row["difference"]
        assert (backward[name]["low"], backward[name]["high"]) == pytest.approx((-row["high"], -row["low"]))
        assert backward[name]["p_value"] == row["p_value"]


def test_a_table_does_not_differ_from_itself_in_any_order(rng, table):
    for row in compare(table, table[rng.permutation(len(table))])["scores"].values():
        assert {row[name] for name in ("difference", "low", "high")} == {0}
        assert row["p_value"] == 1


def test_pairing_finds_what_separate_intervals_hide(rng, table):
    other = worse(rng, table, blur=0.5)
    task: Any = {"mode": "multiclass", "classes": CLASSES, "threshold": 0.5, "n_bootstrap": 200}
    a, b = (evaluate_table(t, **task)["scores"]["log_loss"] for t in (table, other))
    assert a["high"] > b["low"]  # on their own, the two models cannot be told apart
    paired = compare(table, other)["scores"]["log_loss"]
    assert paired["high"] < 0
    assert paired["high"] - paired["low"] < 0.7 * (a["high"] - a["low"])


def test_p_value_agrees_with_the_sign_test():
    """Of 40 rows that the models answer differently, 27 are right in the first: McNemar's test is binomial."""
    right = np.repeat([[True, False], [False, True], [True, True]], (27, 13, 160), axis=0)
    tables = []
    for p in np.where(right, 0.8, 0.2).T:
        tables.append(
            Table({"id": np.arange(200), "group": np.arange(200), "true": ["b"] * 200, "p_a": 1 - p, "p_b": p})
        )
    row = compare(*tables, mode="binary", classes=("a", "b"), n_bootstrap=4000)["scores"]["accuracy"]
    assert row["difference"] == pytest.approx(14 / 200)
    assert row["p_value"] == pytest.approx(binomtest(27, 40).pvalue, abs=0.012)
    sigma = np.sqrt((40 / 200 - (14 / 200) ** 2) / 200)
    assert (row["low"], row["high"]) == pytest.approx((0.07 - 1.96 * sigma, 0.07 + 1.96 * sigma), abs=0.01)


def test_models_of_equal_skill_are_seldom_told_apart():
    found = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        base = named(single_label_table(rng, rows=150, groups=60))
        result = compare(worse(rng, base, blur=1), worse(rng, base, blur=1), n_bootstrap=99, seed=seed)["scores"]
        found.append([result[name]["p_value"] <= 0.1 for name in ("accuracy", "log_loss", "ece", "rmsce")])
    accuracy, log_loss, ece, rmsce = np.mean(found, axis=0)
    assert 0.02 <= accuracy <= 0.2
    assert 0.02 <= log_loss <= 0.2
    assert max(ece, rmsce) <= 0.1


def test_groups_are_resampled_whole(rng, table):
    other = worse(rng, table, blur=1)
    copies = np.repeat(np.arange(len(table)), 4)
    tables = [named(t[copies]) for t in (table, other)]
    grouped = compare(*tables)["scores"]["log_loss"]
    alone = compare(table, other)["scores"]["log_loss"]
    assert (grouped["low"], grouped["high"]) == pytest.approx((alone["low"], alone["high"]))


def test_multilabel_and_one_group(rng):
    table = named(multilabel_table(rng))
    result = compare(table, table, mode="multilabel", classes=("stripes", "rings"))
    assert result["scores"]["accuracy"]["p_value"] == 1
    table["group"] = 0
    row = compare(table, table, mode="multilabel", classes=("stripes", "rings"))["scores"]["accuracy"]
    assert row["difference"] == 0
    assert row["low"] is row["high"] is row["p_value"] is None


def test_p_values_of_known_draws():
    draws = np.array([[1, 2, 3, -1.0], [0, 0, 0, 0], [1, 2, 3, 4], [np.nan] * 4, [1, np.nan, 2, 3]])
    np.testing.assert_allclose(two_sided(draws), [4 / 5, 1, 2 / 5, np.nan, 2 / 4])


def changed(column, row, value):
    def change(table):
        table[column][row] = value
        return table

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[:-3], "3 ids of the first and 0 of the second are not in the other: 'source 397' stands in the"),
        (changed("id", 0, "source x"), "1 ids of the first and 1 of the second are not in the other"),
        (changed("id", 0, "source 001"), "id 'source 001' stands in 2 rows"),
        (lambda t: t[[name for name in t.colnames if name != "id"]], "no column 'id'"),
        (lambda t: changed("true", 7, {"FRI": "FRII"}.get(t["true"][7], "FRI"))(t), "that of 'source 007' for one"),
        (changed("group", 7, "elsewhere"), "rows that share a group in one of them do not in the other"),
        (changed("p_FRI", 7, np.nan), "column 'p_FRI' holds nan"),
    ],
)
def test_tables_that_cannot_be_paired(table, change, message):
    with pytest.raises(InputError, match=message) as caught:
        compare(table, change(table.copy()))
    assert "\n" not in str(caught.value)


def test_impossible_resampling(table):
    with pytest.raises(InputError, match="n_bootstrap -1"):
        compare(table, table, n_bootstrap=-1)
