"""Shares against exact binomial formulas, and whether their intervals hold the truth."""

import numpy as np
import pytest
from scipy import stats

from merkhet.evaluate.shares import Share, interval


def drawn(yes, group, *, size=20_000, seed=0):
    share = Share.of(np.asarray(yes, dtype=bool), np.asarray(group))
    return share, share.draw(np.random.default_rng(seed), size=size)


def test_rows_of_their_own_groups_are_as_many_as_they_are(rng):
    yes = rng.random(200) < 0.3
    share, draws = drawn(yes, np.arange(200))
    assert share.value == yes.mean()
    assert share.independent == pytest.approx(199 / 200 * 200, rel=0.01)
    jeffreys = stats.beta(yes.sum() + 0.5, (~yes).sum() + 0.5)
    assert np.quantile(draws, (0.025, 0.975)) == pytest.approx(jeffreys.ppf((0.025, 0.975)), abs=0.005)


def test_rows_that_go_wrong_together_are_worth_one():
    yes = np.repeat([True, False, True, True, False, False], 10)
    share, _ = drawn(yes, np.repeat(np.arange(6), 10))
    assert share.independent == pytest.approx(5)  # groups less one, as of six coins


def test_no_error_seen_leaves_room_for_some():
    share, draws = drawn(np.zeros(30), np.arange(30) // 3)
    assert (share.value, share.independent) == (0, 10)  # the groups, for rows of one may be alike
    found = interval(share.value, draws, confidence=0.95)
    assert found["low"] == 0
    assert found["high"] == pytest.approx(stats.beta(0.5, 10.5).ppf(0.975), abs=0.01)


@pytest.mark.parametrize(("yes", "group"), [([], []), ([1, 0, 1], [4, 4, 4])])
def test_nothing_follows_from_no_row_or_one_group(yes, group):
    share, draws = drawn(yes, np.array(group, dtype=int))
    assert np.isnan(draws).all()
    found = interval(share.value, draws, confidence=0.95)
    assert (found["low"], found["high"]) == (None, None)
    assert (found["value"] is None) == (not yes)


@pytest.mark.parametrize("truth", [0.02, 0.5, 0.97])
def test_intervals_hold_the_truth_of_rows_in_groups(rng, truth):
    """60 groups of 1 to 7 rows, half of which answer as their group does."""
    held, trials = 0, 300
    for seed in range(trials):
        sizes = rng.integers(1, 8, size=60)
        group = np.repeat(np.arange(60), sizes)
        together = (rng.random(60) < truth)[group]
        yes = np.where(rng.random(len(group)) < 0.5, together, rng.random(len(group)) < truth)
        share, draws = drawn(yes, group, size=500, seed=seed)
        found = interval(share.value, draws, confidence=0.95)
        held += found["low"] <= truth <= found["high"]
    assert held / trials >= 0.9
