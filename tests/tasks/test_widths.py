import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import laplace

from merkhet.evaluate.cherenkov.coverage import CONTAINMENT
from merkhet.tasks.widths import RADIUS, fit_width, laplace_loss


def drawn(dims: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Distances that fall off as exp(-r / 0.2), in directions of equal chance."""
    radius, angle = rng.gamma(dims, 0.2, n), rng.uniform(0, 2 * np.pi, n)
    sides = np.stack([np.cos(angle), np.sin(angle)], axis=1) if dims == 2 else np.sign(angle - np.pi)[:, None]
    return np.asarray(radius[:, None] * sides)


def test_without_beta_it_is_the_likelihood_of_scipy(rng):
    difference, log_variance = rng.normal(size=(5, 1)), rng.normal(size=5)
    scale = np.exp(log_variance / 2) / np.sqrt(2)
    expected = -np.mean(laplace.logpdf(difference[:, 0], scale=scale)) - np.log(2)
    found = laplace_loss(torch.tensor(difference), torch.tensor(log_variance), rows=torch.ones(5) > 0, beta=0.0)
    assert float(found) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("dims", [1, 2])
def test_the_smallest_loss_is_at_the_true_width(beta, dims, rng):
    """Whatever the weights: of equal rows, the variance that is learned is that of the differences."""
    difference = torch.tensor(drawn(dims, 20_000, rng))
    log_variance = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.Adam([log_variance], lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        rows = torch.ones(len(difference)) > 0
        laplace_loss(difference, log_variance.expand(len(difference)), rows=rows, beta=beta).backward()
        optimizer.step()
    expected = float(difference.square().mean().sqrt())
    assert float(torch.exp(log_variance.detach() / 2)) == pytest.approx(expected, rel=0.03)


def test_the_best_direction_is_the_likelier_of_two_and_not_their_middle():
    ends = torch.tensor([[1.0, 0.0]] * 6 + [[-1.0, 0.0]] * 4)
    point = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([point], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        laplace_loss(point - ends, torch.zeros(10), rows=torch.ones(10) > 0, beta=0.5).backward()
        optimizer.step()
    assert point.tolist() == pytest.approx([1.0, 0.0], abs=0.05)


def test_rows_without_truth_do_not_count_and_leave_the_gradient_finite():
    mean = torch.zeros(3, 1, requires_grad=True)
    truth = torch.tensor([[1.0], [torch.nan], [2.0]])
    rows = torch.tensor([True, False, True])
    loss = laplace_loss(mean - truth, torch.zeros(3), rows=rows, beta=0.5)
    loss.backward()
    # Both are at scale 1 / root 2: distances of 1 and 2 over it, and its logarithm.
    assert float(loss.detach()) == pytest.approx(1.5 * np.sqrt(2) - 0.5 * np.log(2), rel=1e-5)
    assert mean.grad is not None
    assert mean.grad.flatten().tolist() == pytest.approx([-np.sqrt(0.5), 0, -np.sqrt(0.5)], rel=1e-5)
    nothing = laplace_loss(mean - truth, torch.zeros(3), rows=torch.zeros(3, dtype=torch.bool), beta=0.5)
    assert float(nothing.detach()) == 0


@given(dims=st.sampled_from([1, 2]), factor=st.floats(0.2, 5))
def test_the_fitted_width_holds_the_share(dims, factor):
    rng = np.random.default_rng(4)
    sigma = rng.uniform(0.1, 1, 5000)
    difference = factor * sigma[:, None] * rng.normal(size=(5000, dims))
    scale = fit_width(difference, sigma)
    assert scale == pytest.approx(factor, rel=0.05)
    within = np.linalg.norm(difference, axis=1) < RADIUS[dims] * scale * sigma
    assert within.mean() == pytest.approx(CONTAINMENT, abs=1e-3)


def test_few_rows_fit_no_width():
    assert fit_width(np.ones((5, 1)), np.ones(5)) == 1.0
