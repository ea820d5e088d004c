"""Means over telescopes against the formulas, written out for one event."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from merkhet.evaluate.cherenkov.telescope_mean import mean_over_telescopes


def said(**changes):
    columns = {
        "gammaness": [0.2, 0.6, 0.9, np.nan],
        "energy": [1.0, 2.0, 4.0, np.nan],
        "energy_uncertainty": [0.1, 0.4, 0.4, np.nan],
        "alt": [70.0, 70.2, 69.0, np.nan],
        "az": [359.9, 0.3, 20.0, np.nan],
        "direction_uncertainty_deg": [0.1, 0.2, 0.3, np.nan],
        "is_valid": [True, True, True, False],
    }
    return Table(columns | changes)


def test_means_are_weighted_by_the_inverse_variance():
    found = mean_over_telescopes(said(), event=np.array([1, 1, 0, 2]), count=4)
    assert list(found["n_telescopes"]) == [1, 2, 0, 0]
    assert list(found["is_valid"]) == [True, True, False, False]
    assert found["gammaness"][1] == pytest.approx(0.4)
    weights = np.array([0.1, 0.2]) ** -2  # the relative uncertainties of 1 and 2 TeV
    assert found["energy"][1] == pytest.approx(2 ** (weights[1] / weights.sum()))
    assert found["energy_uncertainty"][1] / found["energy"][1] == pytest.approx(weights @ [0.1, 0.2] / weights.sum())
    # Across north: astropy's mean of unit vectors, with the same weights.
    vectors = SkyCoord([359.9, 0.3], [70.0, 70.2], unit="deg").cartesian
    mean = SkyCoord((vectors * weights).sum(), representation_type="cartesian", frame="icrs")
    mean.representation_type = "unitspherical"
    assert found["az"][1] == pytest.approx(mean.ra.deg)
    assert found["alt"][1] == pytest.approx(mean.dec.deg)


def test_one_telescope_says_what_it_says():
    table = said()
    found = mean_over_telescopes(table, event=np.arange(4), count=4)
    for name in ("gammaness", "energy", "energy_uncertainty", "alt", "az", "direction_uncertainty_deg"):
        np.testing.assert_allclose(found[name], table[name], rtol=1e-9, err_msg=name)


def test_an_image_that_is_not_valid_counts_for_nothing():
    table = said(is_valid=[True, False, True, False])
    found = mean_over_telescopes(table, event=np.array([0, 0, 1, 2]), count=3)
    assert found["energy"][0] == pytest.approx(1.0)
    assert np.isnan(found["alt"][2])


@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_uncertainty_lies_between_the_best_and_the_worst_telescope(spread, random):
    order = random.sample(range(len(spread)), len(spread))
    spread = np.array(spread)[order]
    table = Table(
        {"energy": np.ones(len(spread)), "energy_uncertainty": spread, "is_valid": np.ones(len(spread), bool)}
    )
    found = mean_over_telescopes(table, event=np.zeros(len(spread), int), count=1)
    assert spread.min() * (1 - 1e-9) <= found["energy_uncertainty"][0] <= spread.max() * (1 + 1e-9)
    assert found["energy"][0] == pytest.approx(1.0)
