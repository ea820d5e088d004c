import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from merkhet.tasks.widths import CONTAINMENT, RADIUS, fit_width, gaussian_loss


@pytest.mark.parametrize("dims", [1, 2])
def test_without_beta_it_is_the_normal_likelihood_of_scipy(dims, rng):
    difference, log_variance = rng.normal(size=(5, dims)), rng.normal(size=5)
    expected = -np.mean(
        [
            multivariate_normal.logpdf(d, np.zeros(dims), np.exp(s) * np.eye(dims))
            for d, s in zip(difference, log_variance, strict=True)
        ]
    )
    found = gaussian_loss(torch.tensor(difference), torch.tensor(log_variance), rows=torch.ones(5) > 0, beta=0.0)
    assert float(found) == pytest.approx(expected - 0.5 * dims * np.log(2 * np.pi))


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_the_smallest_loss_is_at_the_true_width(beta):
    """Whatever the weights: of equal rows, the variance that is learned is that of the differences."""
    difference = 0.3 * torch.randn(500, 2)
    log_variance = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.Adam([log_variance], lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        gaussian_loss(difference, log_variance.expand(500), rows=torch.ones(500) > 0, beta=beta).backward()
        optimizer.step()
    assert float(torch.exp(log_variance.detach() / 2)) == pytest.approx(
        float(difference.square().mean().sqrt()), rel=0.01
    )


def test_rows_without_truth_do_not_count_and_leave_the_gradient_finite():
    mean = torch.zeros(3, 1, requires_grad=True)
    truth = torch.tensor([[1.0], [torch.nan], [2.0]])
    rows = torch.tensor([True, False, True])
    loss = gaussian_loss(mean - truth, torch.zeros(3), rows=rows, beta=0.5)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(1.25)
    assert mean.grad is not None
    assert mean.grad.tolist() == [[-0.5], [0.0], [-1.0]]
    nothing = gaussian_loss(mean - truth, torch.zeros(3), rows=torch.zeros(3, dtype=torch.bool), beta=0.5)
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
