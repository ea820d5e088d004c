"""Temperatures against a direct minimum of scikit-learn's log loss, known truth, and scipy's sigmoid and softmax."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit, softmax
from sklearn.metrics import log_loss

from merkhet.errors import InputError
from merkhet.evaluate.temperature import LIMITS, apply_temperature, fit_temperature


def binary(rng, *, rows=4000, temperature=1.0):
    """Logits that are too large by ``temperature``, and truth."""
    logits = rng.normal(0, 2, size=rows)
    return logits * temperature, (rng.random(rows) < expit(logits)).astype(int)


def multiclass(rng, *, rows=4000, temperature=1.0):
    logits = rng.normal(0, 2, size=(rows, 4))
    truth = (softmax(logits, axis=1).cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1)
    return logits * temperature + rng.normal(size=(rows, 1)), truth  # a softmax does not see the constant


def multilabel(rng, *, rows=2000, temperature=1.0):
    logits = rng.normal(-1, 2, size=(rows, 3))
    return logits * temperature, (rng.random(logits.shape) < expit(logits)).astype(int)


MODES = {"binary": binary, "multiclass": multiclass, "multilabel": multilabel}


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("mode", MODES)
def test_known_temperature_is_recovered(rng, mode, temperature):
    logits, truth = MODES[mode](rng, temperature=temperature)
    assert fit_temperature(logits, truth, mode=mode) == pytest.approx(temperature, rel=0.06)


@pytest.mark.parametrize("mode", ["binary", "multiclass"])
def test_minimum_is_that_of_the_log_loss(rng, mode):
    logits, truth = MODES[mode](rng, rows=3000, temperature=2.0)
    link = expit if mode == "binary" else (lambda z: softmax(z, axis=1))
    direct = minimize_scalar(lambda t: log_loss(truth, link(logits / t)), bounds=(0.1, 10), method="bounded")
    assert fit_temperature(logits, truth, mode=mode) == pytest.approx(direct.x, rel=5e-3)


def test_column_of_logits_is_as_good_as_a_vector(rng):
    logits, truth = binary(rng, rows=50)
    assert fit_temperature(logits[:, None], truth, mode="binary") == fit_temperature(logits, truth, mode="binary")


@pytest.mark.parametrize("rows", [1, 5, 100])
def test_separable_rows_sharpen_with_restraint(rng, rows):
    logits = rng.uniform(1, 4, size=rows)
    temperature = fit_temperature(logits, np.ones(rows), mode="binary")
    assert 0.2 < temperature < 1
    assert temperature > fit_temperature(np.repeat(logits, 50), np.ones(50 * rows), mode="binary")


def test_one_row_that_is_wrong_softens_with_restraint():
    assert 1 < fit_temperature([3.0], [0], mode="binary") < 5


def test_hopeless_and_uncertain_logits_stay_within_the_limits():
    wrong = fit_temperature(np.full(10_000, 900.0), np.zeros(10_000), mode="binary")
    timid = fit_temperature(np.full(10_000, 1e-2), np.ones(10_000), mode="binary")
    assert (wrong, timid) == pytest.approx((LIMITS[1], LIMITS[0]), rel=1e-4)
    assert fit_temperature(np.zeros((30, 3)), np.zeros(30, dtype=int), mode="multiclass") == pytest.approx(1, rel=1e-4)


def test_weights_count_rows(rng):
    logits, truth = binary(rng, rows=2000)
    logits[:1000] *= 3
    weights = np.repeat([1.0, 0.0], 1000)
    assert fit_temperature(logits, truth, mode="binary", weights=weights) == pytest.approx(3, rel=0.15)
    assert fit_temperature(logits, truth, mode="binary", weights=1 - weights) == pytest.approx(1, rel=0.15)
    unweighted = fit_temperature(logits, truth, mode="binary")
    assert fit_temperature(logits, truth, mode="binary", weights=np.full(2000, 7.0)) == pytest.approx(unweighted)


@pytest.mark.parametrize(
    ("logits", "truth", "mode", "weights", "message"),
    [
        (np.zeros(0), np.zeros(0), "binary", None, "no rows to fit it on"),
        (np.zeros((3, 2)), np.zeros(3), "binary", None, "do not fit mode binary"),
        (np.zeros((3, 2)), np.zeros(2), "multiclass", None, r"logits \(3, 2\) and truth \(2,\)"),
        (np.zeros((3, 2)), np.zeros(3), "multilabel", None, "do not fit mode multilabel"),
        (np.array([0, np.inf]), np.zeros(2), "binary", None, "not finite"),
        (np.zeros((2, 3)), np.array([0, 3]), "multiclass", None, "other values than 0 to 2"),
        (np.zeros(2), np.array([0, 2]), "binary", None, "other values than 0 to 1"),
        (np.zeros(2), np.zeros(2), "binary", [1.0], "weights do not fit"),
        (np.zeros(2), np.zeros(2), "binary", [0.0, 0.0], "not all of them 0"),
        (np.zeros(2), np.zeros(2), "binary", [1.0, -1.0], "weights do not fit"),
    ],
)
def test_bad_rows_give_one_clear_line(logits, truth, mode, weights, message):
    with pytest.raises(InputError, match=message):
        fit_temperature(logits, truth, mode=mode, weights=weights)


def test_recalibrated_table_is_what_the_logits_would_have_given(rng):
    one = binary(rng)[0]
    table = np.stack([expit(-one), expit(one)], axis=1)
    expected = np.stack([expit(-one / 3), expit(one / 3)], axis=1)
    np.testing.assert_allclose(apply_temperature(table, 3, mode="binary"), expected, rtol=1e-10)
    many = multiclass(rng)[0]
    scaled = apply_temperature(softmax(many, axis=1), 0.4, mode="multiclass")
    np.testing.assert_allclose(scaled, softmax(many / 0.4, axis=1), rtol=1e-10)
    labels = multilabel(rng)[0]
    np.testing.assert_allclose(apply_temperature(expit(labels), 2, mode="multilabel"), expit(labels / 2), rtol=1e-10)


def test_float32_tables_lose_nothing_that_matters(rng):
    logits = rng.uniform(-30, 30, size=200).astype(np.float32)
    table = np.stack([expit(-logits), expit(logits)], axis=1)
    expected = expit(np.stack([-logits, logits], axis=1).astype(float) / 5)
    np.testing.assert_allclose(apply_temperature(table, 5, mode="binary"), expected, rtol=1e-5)


probabilities = st.lists(
    st.lists(st.integers(0, 100), min_size=3, max_size=3).filter(any), min_size=1, max_size=20
).map(lambda rows: np.array(rows) / np.sum(rows, axis=1, keepdims=True))


@given(probabilities, st.floats(0.05, 20))
def test_order_of_the_classes_never_changes(table, temperature):
    scaled = apply_temperature(table, temperature, mode="multiclass")
    np.testing.assert_allclose(scaled.sum(axis=1), 1)
    assert (np.take_along_axis(scaled, table.argmax(axis=1)[:, None], axis=1)[:, 0] == scaled.max(axis=1)).all()
    assert ((table == 0) <= (scaled == 0)).all()


@given(probabilities, st.floats(0.2, 5))
def test_back_again(table, temperature):
    for mode in ("multiclass", "multilabel"):
        there = apply_temperature(table, temperature, mode=mode)
        np.testing.assert_allclose(apply_temperature(there, 1 / temperature, mode=mode), table, atol=1e-9)


@pytest.mark.parametrize(
    ("table", "temperature", "mode", "message"),
    [
        ([[0.5, 0.5]], 0, "binary", "it is 0; expected a number above 0"),
        ([[0.5, 0.5]], np.nan, "binary", "it is nan"),
        ([[0.5, 1.5]], 1, "multilabel", "not between 0 and 1"),
        ([[0.5, np.nan]], 1, "multilabel", "not between 0 and 1"),
        ([[0.5, 0.1]], 1, "binary", "rows of binary probabilities do not sum to one"),
    ],
)
def test_bad_tables_give_one_clear_line(table, temperature, mode, message):
    with pytest.raises(InputError, match=message):
        apply_temperature(table, temperature, mode=mode)
