"""The common engine of intervals: what it adds to the scorer is the calibration error and its coverage."""

import numpy as np
import pytest
from scipy.special import expit

from merkhet.errors import InputError
from merkhet.evaluate.answers import Answers, read_answers
from merkhet.evaluate.calibration import decisions, expected_calibration_error
from merkhet.evaluate.resampled import OVERALL, check_resampling, interval_row, overall_rows, resample
from merkhet.evaluate.scorer import Scorer
from tests.evaluate.tables import CLASSES, multilabel_table, single_label_table

ERRORS = [OVERALL.index("ece"), OVERALL.index("rmsce")]


def read(table):
    return read_answers(table, mode="multiclass", classes=CLASSES, threshold=0.5)


def test_values_are_those_of_the_scorer_and_the_calibration(rng):
    answers = read_answers(multilabel_table(rng), mode="multilabel", classes=("stripes", "rings"), threshold=0.5)
    value = resample([answers], draws=0, seed=0).value[0]
    np.testing.assert_array_equal(np.delete(value, ERRORS), Scorer(answers)(np.ones((answers.groups, 1)))[:, 0])
    confidence, right, group = decisions(answers)
    assert value[ERRORS[0]] == pytest.approx(expected_calibration_error(confidence, right, groups=group, p=1))
    assert value[ERRORS[1]] == pytest.approx(expected_calibration_error(confidence, right, groups=group, p=2))


def test_company_changes_nothing(rng):
    first, second = (read(single_label_table(np.random.default_rng(5), skill=skill)) for skill in (1.0, 2.0))
    together = resample([first, second], draws=50, seed=3)
    for k, answers in enumerate((first, second)):
        alone = resample([answers], draws=50, seed=3)
        np.testing.assert_array_equal(together.value[k], alone.value[0])
        np.testing.assert_array_equal(together.samples[k], alone.samples[0])


def simulated(seed, *, groups=100, rows_per_group=3, sharpness=1.0):
    """Answers whose luck is shared within a group; a sharpness of 1 is perfectly calibrated."""
    rng = np.random.default_rng(seed)
    rows = groups * rows_per_group
    logit = np.abs(rng.normal(1, 2, size=rows))
    luck = 0.8 * np.repeat(rng.normal(size=groups), rows_per_group) + 0.6 * rng.normal(size=rows)
    right = expit(1.7 * luck) < expit(logit)  # 1.7: a normal made nearly logistic, so that luck is nearly uniform
    p = expit(sharpness * logit)
    truth = np.stack([~right, right], axis=1)
    said = np.broadcast_to([False, True], truth.shape)
    group = np.repeat(np.arange(groups), rows_per_group)
    return Answers("binary", ("a", "b"), truth, said, np.stack([1 - p, p], axis=1), group)


@pytest.mark.parametrize("sharpness", [1.0, 1.85])
def test_coverage_of_the_calibration_errors(sharpness):
    """Of 700 rows in 233 groups, or 350 of a calibrated and of a miscalibrated model."""
    many = decisions(simulated(0, groups=300_000, rows_per_group=1, sharpness=sharpness))[:2]
    truth = [expected_calibration_error(*many, p=p) for p in (1, 2)]
    assert (truth[1] < 0.01) if sharpness == 1 else (truth[0] == pytest.approx(0.08, abs=0.003))
    held, inside = np.zeros(2), np.zeros(2)
    for seed in range(1, 201):
        found = resample([simulated(seed, groups=233, sharpness=sharpness)], draws=150, seed=seed)
        value, low, high = found.intervals(confidence=0.95)[0, ERRORS].T
        held += (low <= truth) & (truth <= high)
        inside += (low <= value) & (value <= high)
    assert (held >= 0.9 * 200).all()
    assert (inside == 200).all()


def test_one_group_has_no_samples(rng):
    table = single_label_table(rng)
    table["group"] = 1
    found = resample([read(table)], draws=50, seed=0)
    assert found.samples.shape[2] == 0
    rows = overall_rows(found.intervals(confidence=0.95)[0])
    assert list(rows) == list(OVERALL)
    assert rows["accuracy"]["low"] is None
    assert rows["ece"] == rows["rmsce"] == {"value": None, "low": None, "high": None}


def test_what_is_not_defined_is_none():
    assert interval_row(np.array([0.5, np.nan, np.inf])) == {"value": 0.5, "low": None, "high": None}


@pytest.mark.parametrize(("draws", "confidence"), [(-1, 0.9), (10, 1.0), (10, 0.0)])
def test_impossible_resampling(draws, confidence):
    with pytest.raises(InputError, match=f"n_bootstrap {draws}, confidence {confidence:g}"):
        check_resampling(draws, confidence)
