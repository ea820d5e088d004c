"""Learning-rate schedules against torch's own."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, CosineAnnealingWarmRestarts, ReduceLROnPlateau

from merkhet.config.training import Constant, Cosine, Plateau, WarmRestarts
from merkhet.train.schedule import PlateauState, rate_factor


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def torch_rates(scheduler, opt, steps):
    rates = []
    for _ in range(steps):
        rates.append(opt.param_groups[0]["lr"])
        opt.step()
        scheduler.step()
    return rates


def test_cosine_is_torchs():
    opt = optimizer()
    expected = torch_rates(CosineAnnealingLR(opt, T_max=20, eta_min=0.1), opt, 20)
    mine = [rate_factor(Cosine(min_factor=0.1), epoch=e, epochs=20) for e in range(20)]
    np.testing.assert_allclose(mine, expected, rtol=1e-6)


@pytest.mark.parametrize("t_mult", [1, 2, 3])
def test_warm_restarts_are_torchs(t_mult):
    opt = optimizer()
    expected = torch_rates(CosineAnnealingWarmRestarts(opt, T_0=4, T_mult=t_mult, eta_min=0.05), opt, 40)
    config = WarmRestarts(t0_epochs=4, t_mult=t_mult, min_factor=0.05)
    mine = [rate_factor(config, epoch=e, epochs=40) for e in range(40)]
    np.testing.assert_allclose(mine, expected, rtol=1e-6)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_plateau_is_torchs(mode):
    opt = optimizer()
    scheduler = ReduceLROnPlateau(opt, mode=mode, factor=0.5, patience=2, min_lr=0.1)
    state, config = PlateauState(), Plateau(factor=0.5, patience=2, min_lr=0.1)
    scores = [1.0, 0.9, 0.95, 0.95, 0.95, 0.95, 0.5, 0.5, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1]
    for score in scores:
        value = score if mode == "min" else 2 - score
        scheduler.step(value)
        state.update(value if mode == "min" else -value, config, base_rate=1.0)
        assert state.factor == pytest.approx(opt.param_groups[0]["lr"])
    assert state.factor == 0.1


@given(st.floats(0, 30), st.floats(0.5, 5))
def test_warm_up_rises_to_the_schedule(epoch, warmup):
    factor = rate_factor(Constant(warmup_epochs=warmup), epoch=epoch, epochs=30)
    assert 0.01 <= factor <= 1
    if epoch >= warmup:
        assert factor == 1
