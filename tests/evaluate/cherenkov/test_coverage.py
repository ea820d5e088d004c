import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, SkyCoord
from astropy.table import Table
from scipy.stats import gamma, kstest, laplace

from merkhet.evaluate.cherenkov.coverage import levels_of_truth


@pytest.fixture
def table(rng):
    """Answers whose uncertainties are right, made with scipy's and astropy's own distributions and spheres."""
    n = 4000
    scale = rng.uniform(0.05, 0.3, n)  # of the natural logarithm of the energy
    true_energy = 10 ** rng.uniform(-1, 1, n)
    energy = true_energy * np.exp(laplace.rvs(scale=scale, random_state=rng))
    true = SkyCoord(az=rng.uniform(0, 360, n) * u.deg, alt=rng.uniform(60, 85, n) * u.deg, frame=AltAz())
    width = rng.uniform(0.05, 0.4, n)
    # On a plane exp(-r / s) has r times that at each distance.
    found = true.directional_offset_by(
        rng.uniform(0, 360, n) * u.deg, gamma.rvs(2, scale=width, random_state=rng) * u.deg
    )
    return Table(
        {
            "true_particle": np.full(n, "gamma"),
            "energy": energy,
            "energy_uncertainty": scale * laplace.ppf((1 + 0.6827) / 2) * energy,
            "true_energy": true_energy,
            "alt": found.alt.deg,
            "az": found.az.deg,
            "direction_uncertainty_deg": width * gamma.ppf(0.6827, 2),
            "true_alt": true.alt.deg,
            "true_az": true.az.deg,
        }
    )


def test_levels_of_right_uncertainties_are_spread_evenly(table):
    levels = levels_of_truth(table)
    for level in levels.values():
        assert kstest(level, "uniform").pvalue > 1e-3
        assert (level <= 0.6827).mean() == pytest.approx(0.6827, abs=0.025)


def test_too_small_uncertainties_cover_too_little(table):
    table["energy_uncertainty"] /= 2
    table["direction_uncertainty_deg"] /= 2
    levels = levels_of_truth(table)
    assert (levels["energy"] <= 0.6827).mean() == pytest.approx(1 - (1 - 0.6827) ** 0.5, abs=0.03)
    assert (levels["direction"] <= 0.6827).mean() == pytest.approx(gamma.cdf(gamma.ppf(0.6827, 2) / 2, 2), abs=0.03)


def test_other_particles_and_events_without_an_answer_are_left_out(table):
    table["is_valid"] = np.arange(len(table)) % 2 == 0
    table["true_particle"] = np.where(np.arange(len(table)) % 4 == 0, "proton", "gamma")
    table["energy"][2] = np.nan
    levels = levels_of_truth(table)
    assert (len(levels["energy"]), len(levels["direction"])) == (len(table) // 4 - 1, len(table) // 4)


def test_what_the_table_does_not_hold_is_not_said(table):
    del table["alt"]
    assert list(levels_of_truth(table)) == ["energy"]
