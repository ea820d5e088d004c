import numpy as np
import pytest
from scipy.stats import kstest

from merkhet.io.cherenkov.direction import separation_deg
from merkhet.simulate.cherenkov import Observation
from merkhet.simulate.cherenkov.primaries import throw, unit_vector


@pytest.mark.parametrize("index", [-2.0, -1.0, -2.7])
def test_energies_follow_the_power_law(index, rng):
    observation = Observation(spectral_index=index)
    energy = throw(4000, primary="gamma", observation=observation, rng=rng).energy
    low, high, slope = 0.02, 100.0, index + 1

    def cumulative(e):
        if slope == 0:
            return np.log(e / low) / np.log(high / low)
        return (e**slope - low**slope) / (high**slope - low**slope)

    assert kstest(energy, cumulative).pvalue > 1e-3


def test_cores_are_even_on_the_disk_and_directions_in_the_cone(rng):
    observation = Observation(core_radius_m=300.0, view_cone_deg=4.0)
    showers = throw(4000, primary="proton", observation=observation, rng=rng)
    assert kstest((np.hypot(showers.core_x, showers.core_y) / 300) ** 2, "uniform").pvalue > 1e-3
    apart = np.deg2rad(separation_deg(showers.alt, showers.az, *observation.pointing))
    assert kstest((1 - np.cos(apart)) / (1 - np.cos(np.deg2rad(4))), "uniform").pvalue > 1e-3


def test_gammas_of_a_point_come_from_there_and_others_do_not(rng):
    observation = Observation(gammas="point", gamma_offset_deg=0.5)
    gammas, protons = (throw(50, primary=name, observation=observation, rng=rng) for name in ("gamma", "proton"))
    np.testing.assert_allclose(np.rad2deg(gammas.alt), 70.5)
    np.testing.assert_allclose(np.rad2deg(gammas.az), 180)
    assert np.ptp(protons.alt) > 0.01


def test_unit_vectors_point_north_west_and_up():
    found = unit_vector(np.deg2rad([0.0, 0.0, 90.0]), np.deg2rad([0.0, 270.0, 0.0]))
    np.testing.assert_allclose(found, np.eye(3), atol=1e-12)
