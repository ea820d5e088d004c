"""The sky density of unrelated sources against the FIRST catalog and direct integration."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from merkhet.simulate.source_counts import differential_counts, draw_fluxes, source_density

SQUARE_DEGREE = (np.pi / 180) ** 2


def test_first_finds_as_many_sources_per_square_degree():
    """Helfand, White & Becker (2015, ApJ 801, 26): 946,432 sources in 10,575 deg^2 down to 1 mJy."""
    assert source_density(1e-3) * SQUARE_DEGREE == pytest.approx(946_432 / 10_575, rel=0.05)


def test_counts_at_one_millijansky_are_the_first_coefficient():
    assert differential_counts(1e-3) == pytest.approx(10**0.859 * 1e-3**-2.5)


@pytest.mark.parametrize("faintest", [0.1e-3, 1e-3, 50e-3])
def test_density_is_the_integral_of_the_counts(faintest):
    expected, _ = quad(lambda log: float(differential_counts(np.exp(log))) * np.exp(log), np.log(faintest), 0)
    assert source_density(faintest) == pytest.approx(expected, rel=1e-4)


def test_draws_follow_the_counts(rng):
    fluxes = draw_fluxes(rng, solid_angle_sr=60 * SQUARE_DEGREE, min_flux_jy=1e-3)
    expected = 60 * SQUARE_DEGREE * source_density(1e-3)
    assert len(fluxes) == pytest.approx(expected, abs=5 * np.sqrt(expected))
    assert fluxes.min() >= 1e-3
    total = source_density(1e-3)
    assert kstest(fluxes, lambda flux: 1 - np.array([source_density(f) for f in flux]) / total).pvalue > 0.001
