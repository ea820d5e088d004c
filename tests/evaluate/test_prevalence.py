import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkhet.evaluate.prevalence import operating_point, precision_at
from merkhet.evaluate.questions import Question
from merkhet.evaluate.strengths import Resampling
from tests.evaluate.test_strengths import make_question

FEW = Resampling(draws=500, seed=1)


def test_precision_is_that_of_a_sky_with_so_many(rng):
    """A million images, 2 % of which have the label."""
    has = rng.random(1_000_000) < 0.02
    said = np.where(has, rng.random(len(has)) < 0.8, rng.random(len(has)) < 0.005)
    assert precision_at(0.8, 0.005, prevalence=0.02) == pytest.approx(has[said].mean(), abs=0.01)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 0.999))
def test_precision_is_a_share_that_falls_with_false_alarms(recall, false, prevalence):
    found = precision_at([recall] * 2, [false, min(2 * false, 1)], prevalence=prevalence)
    defined = np.isfinite(found)
    assert ((found[defined] >= 0) & (found[defined] <= 1)).all()
    if defined.all():
        assert found[1] <= found[0] + 1e-12


def test_threshold_of_other_rows_is_applied(rng):
    question = make_question(rng)
    found = operating_point(question, threshold=0.9, prevalence=(0.01, 0.5), resampling=FEW)
    above = question.probability > 0.9
    assert found["recall"]["value"] == pytest.approx(above[question.truth].mean())
    assert found["false_alarm_rate"]["value"] == pytest.approx(above[~question.truth].mean())
    expected = precision_at(found["recall"]["value"], found["false_alarm_rate"]["value"], prevalence=0.01)
    assert found["precision"][0]["value"] == pytest.approx(float(expected))
    assert [row["prevalence"] for row in found["precision"]] == [0.01, 0.5]
    for row in found["precision"]:
        assert row["low"] <= row["value"] <= row["high"]


def test_each_row_may_have_a_threshold_of_its_own(rng):
    question = make_question(rng)
    threshold = np.where(np.arange(len(question.truth)) % 2, 0.5, 0.9)
    found = operating_point(question, threshold=threshold, prevalence=(0.01,), resampling=FEW)
    assert found["threshold"] is None
    assert found["recall"]["value"] == pytest.approx((question.probability > threshold)[question.truth].mean())


def test_no_false_alarm_does_not_prove_purity(rng):
    question = make_question(rng, rows=100)
    found = operating_point(question, threshold=0.9999, prevalence=(0.01,), resampling=FEW)
    assert found["false_alarm_rate"]["value"] == 0
    assert found["precision"][0]["value"] in (1, None)
    assert found["precision"][0]["low"] is None or found["precision"][0]["low"] < 0.5


def test_own_decisions_need_no_threshold_and_one_kind_of_rows_no_score(rng):
    question = make_question(rng, rows=30)
    found = operating_point(question, threshold=None, prevalence=(0.01,), resampling=FEW)
    assert found["recall"]["value"] == pytest.approx(question.said[question.truth].mean())
    none = Question("rfi", np.zeros(30, bool), question.said, question.probability, question.group)
    found = operating_point(none, threshold=None, prevalence=(0.01,), resampling=FEW)
    assert found["recall"]["value"] is found["precision"][0]["value"] is None
    assert found["false_alarm_rate"]["value"] == pytest.approx(question.said.mean())
