import numpy as np
import pytest

from merkhet.evaluate import bootstrap as module
from merkhet.evaluate.bootstrap import bootstrap, percentile_interval


def mean_of(values):
    """The mean over rows, each its own group, as a statistic of weights."""
    return lambda weights: (values @ weights / weights.sum(axis=0))[None]


def test_each_draw_has_as_many_groups_as_the_table():
    seen = []

    def statistic(weights):
        seen.append(weights)
        return weights[:1]

    bootstrap(statistic, groups=30, rows=30, draws=500, seed=1)
    weights = np.hstack(seen)
    assert weights.shape == (30, 500)
    assert (weights.sum(axis=0) == 30).all()
    assert weights.mean(axis=1) == pytest.approx(np.ones(30), abs=0.2)
    assert weights.var() == pytest.approx(1 - 1 / 30, rel=0.05)  # of a multinomial count


def test_result_does_not_depend_on_the_chunks(rng, monkeypatch):
    values = rng.normal(size=50)
    whole = bootstrap(mean_of(values), groups=50, rows=50, draws=100, seed=3)
    monkeypatch.setattr(module, "CELLS_PER_CHUNK", 350)
    np.testing.assert_allclose(bootstrap(mean_of(values), groups=50, rows=50, draws=100, seed=3), whole)


def test_memory_is_bounded_by_the_chunk():
    largest = []

    def statistic(weights):
        largest.append(weights.shape[1])
        return weights[:1]

    bootstrap(statistic, groups=10, rows=module.CELLS_PER_CHUNK // 4, draws=10, seed=0)
    assert largest == [4, 4, 2]


def test_spread_is_the_standard_error(rng):
    values = rng.normal(size=400)
    samples = bootstrap(mean_of(values), groups=400, rows=400, draws=2000, seed=0)
    assert samples.std() == pytest.approx(values.std() / 20, rel=0.06)


def test_percentiles_leave_undefined_draws_out():
    samples = np.array([[*range(101), np.nan, np.nan], [np.nan] * 103], dtype=float)
    low, high = percentile_interval(samples, confidence=0.9)
    assert (low[0], high[0]) == pytest.approx((5, 95))
    assert np.isnan([low[1], high[1]]).all()
