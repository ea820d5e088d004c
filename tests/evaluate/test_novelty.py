"""Novelty against scipy's distances and likelihoods, and against rates counted in simulations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import mahalanobis as scipy_mahalanobis
from scipy.stats import multivariate_normal, norm, t

from merkhet.evaluate.novelty import SHRINKAGES, Features, distance_limit, fit_novelty, mahalanobis, shrunk_whitening


def draw(rng, n, *, size=6, shift=0.0):
    """Return ``n`` correlated vectors of very unequal variances."""
    mixing = np.random.default_rng(5).normal(size=(size, size)) * np.logspace(0, -2, size)
    return (rng.normal(size=(n, size)) @ mixing.T + 3 + shift).astype(np.float32)


def fitted(train, val):
    novelty = fit_novelty(train, val)
    assert novelty is not None
    return novelty


def two_classes(rng, n, *, size=6):
    vectors = np.concatenate([draw(rng, n, size=size), draw(rng, n, size=size, shift=4)])
    return Features(vectors, np.repeat(["a", "b"], n))


def covariance_of(residuals, shrinkage):
    empirical = residuals.T @ residuals / len(residuals)
    return (1 - shrinkage) * empirical + shrinkage * np.trace(empirical) / len(empirical) * np.eye(len(empirical))


def test_the_distance_is_that_of_scipy(rng):
    residuals = draw(rng, 40).astype(float)
    residuals -= residuals.mean(axis=0)
    shrinkage, whitening = shrunk_whitening(residuals)
    inverse = np.linalg.inv(covariance_of(residuals, shrinkage))
    vectors, means = draw(rng, 5).astype(float), draw(rng, 2).astype(float)
    expected = [[scipy_mahalanobis(v, m, inverse) for m in means] for v in vectors]
    np.testing.assert_allclose(mahalanobis(vectors, means, whitening=whitening), expected, rtol=1e-6)


@pytest.mark.parametrize(("rows", "size"), [(12, 4), (30, 5), (8, 20)])
def test_the_shrinkage_is_that_of_highest_likelihood_for_rows_left_out(rng, rows, size):
    residuals = draw(rng, rows, size=size).astype(float)
    residuals -= residuals.mean(axis=0)
    target = np.square(residuals).sum(axis=1).mean() / size * np.eye(size)
    likelihood = []
    for shrinkage in SHRINKAGES:
        each = []
        for k in range(rows):
            others = np.delete(residuals, k, axis=0)
            covariance = (1 - shrinkage) * others.T @ others / (rows - 1) + shrinkage * target
            each.append(multivariate_normal(np.zeros(size), covariance, allow_singular=True).logpdf(residuals[k]))
        likelihood.append(np.mean(each))
    assert shrunk_whitening(residuals)[0] == SHRINKAGES[np.argmax(likelihood)]


def test_from_99_rows_on_the_limit_is_a_rank():
    distances = np.random.default_rng(0).permutation(np.arange(1.0, 200.0))
    assert distance_limit(distances) == 198  # the 0.99 * 200th of 199
    assert distance_limit(np.arange(1.0, 100.0)) == 99


def test_below_that_the_limit_is_the_prediction_bound_of_a_lognormal(rng):
    logs = rng.normal(1, 0.3, 25)
    bound = logs.mean() + t.ppf(0.99, 24) * logs.std(ddof=1) * np.sqrt(1 + 1 / 25)
    assert distance_limit(np.exp(logs)) == pytest.approx(np.exp(bound))


@pytest.mark.parametrize("rows", [10, 40, 98, 99, 300])
def test_one_in_a_hundred_is_above_the_limit(rows):
    rng = np.random.default_rng(rows)
    limits = [distance_limit(np.exp(rng.normal(0, 0.3, rows))) for _ in range(2000)]
    rate = norm.sf(np.log(limits) / 0.3).mean()
    assert rate == pytest.approx(0.01, rel=0.1)


def test_distances_of_zero_give_a_finite_limit():
    assert 0 < distance_limit(np.zeros(10)) < 1e-30
    assert np.isfinite(distance_limit(np.array([0.0] * 5 + [1.0] * 5)))
    assert distance_limit(np.zeros(200)) > 0


def test_images_like_the_training_data_are_seldom_novel_and_others_are(rng):
    novelty = fitted(two_classes(rng, 300), two_classes(rng, 150))
    same = novelty(two_classes(rng, 5000).vectors)
    assert (same > 1).mean() == pytest.approx(0.01, abs=0.007)
    assert (novelty(two_classes(rng, 100).vectors + np.array([0, 0, 0, 0, 0, 2])) > 1).mean() > 0.9
    between = two_classes(rng, 100).vectors[:100] + 2
    assert (novelty(between) > 1).mean() > 0.9  # near the mean of all rows, but of no class


def test_a_wide_class_has_its_own_limit(rng):
    def side(n):
        wide = 3 * (draw(rng, n // 10) - 3) + 13
        return Features(np.concatenate([draw(rng, n), wide]), np.repeat(["common", "rare"], [n, n // 10]))

    novelty, test = fitted(side(1000), side(1000)), side(4000)
    assert novelty.reference.classes == ("common", "rare")
    for name in ("common", "rare"):
        assert (novelty(test.of[name]) > 1).mean() < 0.025


def test_small_classes_are_left_out_and_small_tables_taken_as_one(rng):
    train, val = two_classes(rng, 50), two_classes(rng, 20)
    few = Features(np.concatenate([val.vectors[:20], val.vectors[-9:]]), np.repeat(["a", "b"], [20, 9]))
    assert fitted(train, few).reference.classes == ("a",)
    either = Features(val.vectors[11:29], np.repeat(["a", "b"], 9))
    together = fitted(train, either).reference
    assert (together.classes, together.train_rows, together.val_rows) == (("all",), 100, 18)
    assert fit_novelty(train, Features(val.vectors[:9])) is None
    assert fit_novelty(Features(train.vectors[:9]), val) is None


def test_features_that_never_differ_or_are_no_numbers_tell_nothing(rng):
    constant = np.full((60, 4), 0.1, dtype=np.float32)
    assert fit_novelty(Features(constant), Features(constant)) is None
    vectors = draw(rng, 60)
    vectors[3, 2] = np.nan
    novelty = fitted(Features(vectors), Features(vectors))
    assert novelty.reference.train_rows == 59
    assert np.isnan(novelty(vectors)).sum() == 1


def test_a_feature_that_was_always_zero_and_no_longer_is_is_novel(rng):
    train, val = (Features(np.column_stack([draw(rng, n), np.zeros(n)])) for n in (200, 120))
    novelty = fitted(train, val)
    awake = val.vectors.copy()
    awake[:, -1] = 0.5
    assert (novelty(val.vectors) > 1).mean() < 0.02
    assert (novelty(awake) > 1).all()


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3), st.integers(0, 40))
@settings(max_examples=20)
def test_turning_scaling_and_shifting_the_features_changes_nothing(seed, factor, more):
    rng = np.random.default_rng(seed)
    train, val, test = (rng.normal(size=(n, 5)) * np.logspace(0, -2, 5) for n in (30 + more, 20, 8))
    turn, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    shift = rng.normal(size=5)
    plain = fitted(Features(train), Features(val))(test)
    moved = fitted(*(Features(factor * (x @ turn + shift)) for x in (train, val)))
    np.testing.assert_allclose(moved(factor * (test @ turn + shift)), plain, rtol=1e-3)
