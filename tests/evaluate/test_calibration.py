"""Bins, reliability and calibration error against direct formulas, scipy and simulations of known truth."""

import json
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binomtest, foldnorm

from merkhet.errors import InputError
from merkhet.evaluate.answers import read_answers
from merkhet.evaluate.calibration import (
    ROWS_PER_BIN,
    Calibration,
    decisions,
    equal_mass_bins,
    expected_calibration_error,
    reliability,
    wilson,
)
from tests.evaluate.tables import CLASSES, multilabel_table, single_label_table

ERRORS: tuple[Literal[1, 2], ...] = (1, 2)
"""Mean absolute and root mean square."""


def answered(rng, *, rows=300, sharpness=1.0):
    """Confidences and outcomes; the model is as sure as it is right if ``sharpness`` is 1."""
    logit = np.abs(rng.normal(1, 2, size=rows))
    return expit(sharpness * logit), rng.random(rows) < expit(logit)


def direct_bins(confidence, correct, bins):
    """Confidence and outcome of each bin, by sorting and cutting: needs rows in multiples of bins, and no ties."""
    order = np.argsort(confidence)
    return zip(np.split(confidence[order], bins), np.split(correct[order], bins), strict=True)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(1, 20))
def test_bins_rise_and_never_part_ties(values, bins):
    values = np.array(values, dtype=float)
    found = equal_mass_bins(values, bins=bins)
    assert found.max() < min(bins, max(1, len(values) // ROWS_PER_BIN))
    assert set(found) == set(range(found.max() + 1))
    order = np.argsort(values, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
    for value in set(values):
        assert len(set(found[values == value])) == 1


def test_bins_without_ties_have_equal_mass(rng):
    assert set(np.bincount(equal_mass_bins(rng.random(1000), bins=15))) == {66, 67}
    assert np.bincount(equal_mass_bins(rng.random(35), bins=15)).tolist() == [12, 12, 11]


@pytest.mark.parametrize("p", [1, 2])
def test_plain_error_matches_the_formula(rng, p):
    confidence, correct = answered(rng)
    expected = np.mean([abs(c.mean() - y.mean()) ** p for c, y in direct_bins(confidence, correct, 15)]) ** (1 / p)
    assert expected_calibration_error(confidence, correct, p=p, debiased=False) == pytest.approx(expected)


def test_debiased_square_matches_definition_5_2_of_kumar_et_al(rng):
    confidence, correct = answered(rng, sharpness=2)
    terms = [
        (c.mean() - y.mean()) ** 2 - y.mean() * (1 - y.mean()) / (len(y) - 1)
        for c, y in direct_bins(confidence, correct, 15)
    ]
    assert expected_calibration_error(confidence, correct, p=2) == pytest.approx(np.sqrt(np.mean(terms)))


def test_debiased_absolute_error_matches_normal_resampling(rng):
    confidence, correct = answered(rng, rows=3000, sharpness=1.5)
    plain, resampled = [], []
    for c, y in direct_bins(confidence, correct, 15):
        gap, sigma = c.mean() - y.mean(), np.sqrt(y.mean() * (1 - y.mean()) / (len(y) - 1))
        plain.append(abs(gap))
        resampled.append(np.abs(rng.normal(gap, sigma, size=20_000)).mean())
    expected = 2 * np.mean(plain) - np.mean(resampled)
    absolute, squared = Calibration(confidence, correct).debiased(np.ones((len(correct), 1)))[:, 0]
    assert absolute == pytest.approx(expected, abs=3e-4)
    bounded = min(absolute, np.sqrt(squared))
    assert expected_calibration_error(confidence, correct) == pytest.approx(bounded)


def test_debiased_error_of_a_calibrated_model_is_near_zero_where_the_plain_one_is_not(rng):
    trials = [answered(rng, rows=600) for _ in range(150)]
    squares = [Calibration(*trial).debiased(np.ones((600, 1)))[1, 0] for trial in trials]
    assert abs(np.mean(squares)) < 4 * np.std(squares) / np.sqrt(150)
    assert np.sqrt(max(np.mean(squares), 0)) < 0.012
    cases: list[tuple[Literal[1, 2], float, float]] = [(1, 0.035, 0.015), (2, 0.045, 0.02)]
    for p, least, most in cases:
        assert np.mean([expected_calibration_error(*trial, p=p, debiased=False) for trial in trials]) > least
        assert np.mean([expected_calibration_error(*trial, p=p) for trial in trials]) < most


@pytest.mark.parametrize("p", [1, 2])
def test_known_miscalibration_is_recovered(rng, p):
    confidence = rng.uniform(0.6, 1, size=40_000)
    correct = rng.random(40_000) < confidence - 0.1
    assert expected_calibration_error(confidence, correct, p=p) == pytest.approx(0.1, abs=0.01)


def test_groups_that_go_wrong_together_do_not_look_miscalibrated(rng):
    squares = []
    for _ in range(150):
        confidence, correct = (np.repeat(column, 6) for column in answered(rng, rows=100))
        groups = np.repeat(rng.permutation(100), 6)
        by_row = Calibration(confidence, correct).debiased(np.ones((600, 1)))[1, 0]
        by_group = Calibration(confidence, correct, groups=groups).debiased(np.ones((100, 1)))[1, 0]
        squares.append((by_group, by_row))
    grouped, by_row = np.mean(squares, axis=0)
    assert abs(grouped) < 4 * np.std(squares, axis=0)[0] / np.sqrt(150)
    assert by_row > 0.005


def test_weights_equal_repeated_groups(rng):
    confidence, correct = answered(rng, rows=200)
    groups, weights = np.repeat(np.arange(50), 4), rng.integers(0, 4, size=50)
    found = Calibration(confidence, correct, groups=groups, bins=4)
    rows = np.concatenate([np.flatnonzero(groups == g) for g in range(50) for _ in range(weights[g])])
    copies = np.repeat(np.arange(weights.sum()), 4)
    bins = equal_mass_bins(confidence, bins=4)[rows]
    absolute = squared = 0.0
    for b in range(4):
        c, y, g = confidence[rows][bins == b], correct[rows][bins == b], copies[bins == b]
        parts = [((y - y.mean())[g == one].sum()) ** 2 for one in set(g)]
        variance = len(parts) / (len(parts) - 1) * sum(parts) / len(y) ** 2
        gap, share = abs(c.mean() - y.mean()), len(y) / len(rows)
        absolute += share * (2 * gap - foldnorm(gap / np.sqrt(variance), scale=np.sqrt(variance)).mean())
        squared += share * (gap**2 - variance)
    assert found.debiased(weights[:, None].astype(float))[:, 0] == pytest.approx([absolute, squared])


def test_many_weightings_at_once_equal_one_by_one(rng):
    confidence, correct = answered(rng)
    found = Calibration(confidence, correct, groups=np.arange(300) // 3)
    weights = rng.multinomial(100, np.full(100, 0.01), size=9).T.astype(float)
    one_by_one = [found.debiased(column[:, None])[:, 0] for column in weights.T]
    np.testing.assert_allclose(found.debiased(weights), np.transpose(one_by_one))


def test_inflation_is_what_resampling_adds(rng):
    """Resamplings of the rows at hand, debiased once, lie above the rows' own value by what is owed to chance twice."""
    confidence, correct = answered(rng, rows=1500, sharpness=1.3)
    found = Calibration(confidence, correct)
    weights = rng.multinomial(1500, np.full(1500, 1 / 1500), size=3000).T.astype(float)
    resampled, own = found.debiased(weights), found.debiased(np.ones((1500, 1)))
    spread = resampled.std(axis=1) / np.sqrt(3000)
    added = resampled.mean(axis=1) - own[:, 0]
    assert (added > 10 * spread).all()
    np.testing.assert_allclose(found.inflation(), added, rtol=0.1)


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=2, max_size=80))
def test_the_mean_absolute_error_is_never_above_the_root_mean_square(rows):
    confidence, correct = (np.array(column) for column in zip(*rows, strict=True))
    for debiased in (True, False):
        absolute, rms = (expected_calibration_error(confidence / 20, correct, p=p, debiased=debiased) for p in ERRORS)
        assert absolute <= rms + 1e-12


def test_order_of_rows_does_not_matter(rng):
    confidence, correct = answered(rng)
    confidence = confidence.round(2)
    order = rng.permutation(300)
    expected = expected_calibration_error(confidence, correct)
    assert expected_calibration_error(confidence[order], correct[order]) == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.integers(0, 9)), min_size=2, max_size=60))
def test_every_error_is_a_probability_or_undefined(rows):
    confidence, correct, groups = (np.array(column) for column in zip(*rows, strict=True))
    for p in ERRORS:
        for debiased in (True, False):
            error = expected_calibration_error(confidence / 20, correct, groups=groups, p=p, debiased=debiased)
            assert 0 <= error <= 1 or (np.isnan(error) and debiased)


def test_one_group_cannot_tell_chance_from_error(rng):
    confidence, correct = answered(rng)
    assert np.isnan(expected_calibration_error(confidence, correct, groups=np.zeros(300)))
    assert expected_calibration_error(confidence, correct, groups=np.zeros(300), debiased=False) > 0


def test_wilson_matches_scipy():
    shares = np.array([0, 3, 17, 40]) / 40
    low, high = wilson(shares, rows=np.full(4, 40.0), level=0.9)
    expected = [binomtest(k, 40).proportion_ci(0.9, method="wilson") for k in (0, 3, 17, 40)]
    np.testing.assert_allclose(np.stack([low, high], axis=1), expected, atol=1e-12)


def test_reliability_is_that_of_the_bins(rng):
    confidence, correct = answered(rng)
    found = reliability(confidence, correct, bins=5)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for row, (c, y) in zip(found["bins"], direct_bins(confidence, correct, 5), strict=True):
        expected = binomtest(int(y.sum()), len(y)).proportion_ci(method="wilson")
        assert (row["confidence"], row["accuracy"]) == pytest.approx((c.mean(), y.mean()))
        assert (row["low"], row["high"]) == pytest.approx(tuple(expected))
        assert (row["count"], row["groups"]) == (60, 60)


def test_reliability_of_groups_is_as_wide_as_theirs(rng):
    confidence, correct = answered(rng, rows=60)
    alone = reliability(confidence, correct, bins=3)["bins"]
    six_each = reliability(np.repeat(confidence, 6), np.repeat(correct, 6), groups=np.repeat(np.arange(60), 6), bins=3)[
        "bins"
    ]
    for one, six in zip(alone, six_each, strict=True):
        assert six == pytest.approx({**one, "count": 6 * one["count"]})


def test_reliability_where_all_is_right_rests_on_the_groups():
    row = reliability(np.full(40, 0.9), np.ones(40), groups=np.arange(40) // 8)["bins"][0]
    assert (row["low"], row["high"]) == pytest.approx(tuple(binomtest(5, 5).proportion_ci(method="wilson")))
    one_group = reliability(np.full(40, 0.9), np.arange(40) % 2, groups=np.zeros(40))["bins"]
    assert len(one_group) == 1
    assert one_group[0]["high"] - one_group[0]["low"] > 0.8


@pytest.mark.parametrize(
    ("confidence", "correct", "options", "message"),
    [
        ([], [], {}, "expected one entry for each of one or more rows"),
        ([0.5, 0.6], [1], {}, r"confidence \(2,\), correct \(1,\)"),
        ([0.5], [1], {"groups": [1, 2]}, r"groups \(2,\)"),
        ([1.2], [1], {}, "not between 0 and 1"),
        ([np.nan], [1], {}, "not between 0 and 1"),
        ([0.5], [1], {"bins": 0}, "bins is 0"),
    ],
)
def test_bad_rows_give_one_clear_line(confidence, correct, options, message):
    with pytest.raises(InputError, match=message):
        expected_calibration_error(confidence, correct, **options)


def test_decisions_of_one_class_per_row(rng):
    table = single_label_table(rng)
    confidence, right, group = decisions(read_answers(table, mode="multiclass", classes=CLASSES, threshold=0.5))
    np.testing.assert_array_equal(confidence, table["probability"])
    np.testing.assert_array_equal(right, table["label"] == table["true"])
    assert len(set(zip(group, table["group"], strict=True))) == len(set(table["group"]))


def test_binary_confidence_is_that_of_the_named_class(rng):
    table = single_label_table(rng, classes=CLASSES[:2])
    confidence, right, _ = decisions(read_answers(table, mode="binary", classes=CLASSES[:2], threshold=0.8))
    yes = table["p_FRII"] >= 0.8
    np.testing.assert_array_equal(confidence, np.where(yes, table["p_FRII"], table["p_FRI"]))
    np.testing.assert_array_equal(right, yes == (table["true"] == "FRII"))


def test_decisions_of_several_labels_are_pooled(rng):
    table = multilabel_table(rng)
    answers = read_answers(table, mode="multilabel", classes=("stripes", "rings"), threshold=0.5)
    confidence, right, group = decisions(answers)
    assert len(confidence) == len(right) == len(group) == 2 * len(table)
    p, truth = np.asarray(table["p_rings"]), np.asarray(table["true_rings"])
    np.testing.assert_allclose(confidence[1::2], np.maximum(p, 1 - p))
    np.testing.assert_array_equal(right[1::2], (p >= 0.5) == truth)
    np.testing.assert_array_equal(group[::2], group[1::2])
