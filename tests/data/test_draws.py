"""Random numbers that belong to samples."""

import numpy as np
import pytest
import torch
from scipy import stats

from merkhet.data.draws import Draws

ROWS = torch.arange(4000)


def test_every_part_of_the_key_makes_another_stream():
    once = torch.ones_like(ROWS)
    streams = [
        Draws(ROWS, seed=1, epoch=2, position=3),
        Draws(ROWS, seed=2, epoch=2, position=3),
        Draws(ROWS, seed=1, epoch=3, position=3),
        Draws(ROWS, seed=1, epoch=2, position=0),
        Draws(ROWS, seed=1, epoch=2, position=3, repeat=once),
    ]
    values = [draws.uniform(0, 1) for draws in streams]
    table = torch.stack(values)
    # float32 has 2^24 values between 0 and 1: a few of 20 000 meet by chance
    assert len(table.unique()) > 0.998 * table.numel()
    correlation = np.corrcoef(table.numpy()) - np.eye(len(table))
    assert np.abs(correlation).max() < 5 / np.sqrt(len(ROWS))


def test_seed_and_epoch_are_not_interchangeable():
    assert not torch.equal(Draws(ROWS, seed=1, epoch=2).normal(), Draws(ROWS, seed=2, epoch=1).normal())


def test_a_sample_draws_alike_in_any_batch():
    whole = Draws(ROWS[:50], seed=1, epoch=0)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(0))
    part = Draws(order[:7], seed=1, epoch=0)
    for name, arguments in (("uniform", (2, 3)), ("normal", ()), ("integers", (0, 9)), ("uniform", (0, 1))):
        everywhere, here = getattr(whole, name)(*arguments), getattr(part, name)(*arguments)
        assert torch.equal(everywhere[order[:7]], here)


def test_without_repeat_it_is_the_first_draw():
    first = Draws(ROWS[:5], seed=0, epoch=0, repeat=torch.zeros(5, dtype=torch.int64))
    assert torch.equal(first.normal(), Draws(ROWS[:5], seed=0, epoch=0).normal())


def test_distributions():
    draws = Draws(ROWS, seed=42, epoch=0)
    assert stats.kstest(draws.uniform(-2, 3), stats.uniform(-2, 5).cdf).pvalue > 1e-3
    assert stats.kstest(draws.normal(), "norm").pvalue > 1e-3
    elements = torch.bincount(draws.integers(0, 8), minlength=8)
    assert len(elements) == 8
    assert stats.chisquare(elements).pvalue > 1e-3


@pytest.mark.parametrize("extreme", [{"seed": 2**32 - 1, "epoch": 2**32 - 1}, {"seed": 0, "epoch": 0}])
def test_extremes_of_the_key(extreme):
    rows = torch.tensor([0, 2**62])
    assert Draws(rows, **extreme).uniform(0, 1).isfinite().all()
