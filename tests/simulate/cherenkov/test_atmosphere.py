import numpy as np
import pytest
from scipy.integrate import quad

from merkhet.simulate.cherenkov import atmosphere

HEIGHTS = np.array([2150.0, 5000.0, 10_000.0, 20_000.0])


def test_depth_and_height_are_inverse_and_density_is_the_slope_of_depth():
    np.testing.assert_allclose(atmosphere.height(atmosphere.depth(HEIGHTS)), HEIGHTS)
    slope = (atmosphere.depth(HEIGHTS - 1) - atmosphere.depth(HEIGHTS + 1)) / 200  # g/cm3
    np.testing.assert_allclose(atmosphere.density(HEIGHTS), slope, rtol=1e-6)


@pytest.mark.parametrize(("height_m", "overburden"), [(2000, 811), (5000, 551), (10_000, 270), (12_000, 198)])
def test_overburden_is_near_that_of_the_standard_atmosphere(height_m, overburden):
    assert float(atmosphere.depth(np.asarray(float(height_m)))) == pytest.approx(overburden, rel=0.06)


def test_the_mean_refractivity_is_the_integral():
    for top in HEIGHTS[1:]:
        integral = quad(
            lambda h: atmosphere.SEA_LEVEL_REFRACTIVITY * np.exp(-h / atmosphere.SCALE_HEIGHT_M), 2150, top
        )[0]
        assert float(atmosphere.mean_refractivity(top)) == pytest.approx(integral / (top - 2150), rel=1e-6)


def test_light_is_lost_on_longer_ways():
    upright, slanted = (atmosphere.transmission(HEIGHTS, cosine=cosine) for cosine in (1.0, 0.5))
    assert (np.diff(upright) < 0).all()
    assert (slanted <= upright).all()
    assert 0.6 < upright[2] < 0.95
    assert np.rad2deg(atmosphere.cherenkov_angle(np.asarray(10_000.0))) == pytest.approx(0.71, abs=0.03)
