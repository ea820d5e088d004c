import numpy as np
import pytest

from merkhet.simulate.cherenkov.atmosphere import OBSERVATION_HEIGHT_M, depth
from merkhet.simulate.cherenkov.cascades import PHOTONS_PER_TEV, along_axis, deflected, emitters
from merkhet.simulate.cherenkov.interactions import begin
from merkhet.simulate.cherenkov.primaries import Showers


def showers(primary, energy, n=200, alt_deg=70.0):
    full = np.full(n, 1.0)
    return Showers(primary, energy * full, np.deg2rad(alt_deg) * full, np.pi * full, 30 * full, -50 * full)


def shine(primary, energy, rng, **options):
    mine = showers(primary, energy, **options)
    begun = begin(mine, rng=rng)
    return mine, begun, emitters(mine, begun.cascades, rng=rng)


def test_the_maximum_of_gammas_deepens_with_energy_as_radiation_lengths(rng):
    means = [shine("gamma", energy, rng)[2].depth.mean() for energy in (0.1, 1.0, 10.0)]
    # One factor of ten is ln 10 radiation lengths: the elongation rate of electromagnetic showers.
    np.testing.assert_allclose(np.diff(means), np.log(10) * 36.66, rtol=0.2)
    assert means[1] == pytest.approx(400, rel=0.1)  # the mean lies some 50 g/cm2 below the maximum, at 350


def test_light_is_proportional_to_energy_above_ground(rng):
    _, _, found = shine("gamma", 0.5, rng)
    light = np.bincount(found.shower, found.photons)
    np.testing.assert_allclose(light, 0.5 * PHOTONS_PER_TEV, rtol=0.08)


def test_emitters_lie_close_to_the_axis(rng):
    mine, _, found = shine("gamma", 1.0, rng, n=20)
    relative = found.position - mine.core[found.shower]
    aside = np.linalg.norm(np.cross(relative, mine.origin[found.shower]), axis=1)
    assert 5 < np.median(aside) < 60
    along = (relative * mine.origin[found.shower]).sum(axis=1)
    np.testing.assert_allclose(-found.delay, along, atol=np.sqrt(aside.max() ** 2) * 0.5)


def test_protons_are_wider_fainter_and_fluctuate_more_than_gammas(rng):
    spread, light = {}, {}
    for primary in ("gamma", "proton"):
        mine, _, found = shine(primary, 1.0, rng)
        relative = found.position - mine.core[found.shower]
        aside = np.linalg.norm(np.cross(relative, mine.origin[found.shower]), axis=1)
        spread[primary], light[primary] = np.quantile(aside, 0.8), np.bincount(found.shower, found.photons)
    assert spread["proton"] > 1.2 * spread["gamma"]
    assert 0.2 < light["proton"].mean() / light["gamma"].mean() < 0.8
    relative = {name: values.std() / values.mean() for name, values in light.items()}
    assert relative["proton"] > 3 * relative["gamma"]


def test_first_interactions_are_exponential_in_depth(rng):
    lengths = {"gamma": 47.1, "proton": 83.0}
    for primary, length in lengths.items():
        _, begun, _ = shine(primary, 1.0, rng, n=3000)
        assert begun.first_depth.mean() == pytest.approx(length, rel=0.08)


def test_a_proton_never_makes_more_light_than_it_has_energy(rng):
    _, begun, _ = shine("proton", 3.0, rng, n=500)
    assert (np.bincount(begun.cascades.shower, begun.cascades.energy, minlength=500) <= 3.0).all()


def test_points_of_the_axis_have_their_depth():
    mine = showers("gamma", 1.0, n=3)
    slant = np.array([100.0, 300.0, 600.0])
    points = along_axis(mine, slant)
    np.testing.assert_allclose(depth(points[:, 2] + OBSERVATION_HEIGHT_M) / mine.origin[:, 2], slant)
    back = points - mine.core
    np.testing.assert_allclose(np.cross(back / np.linalg.norm(back, axis=1)[:, None], mine.origin), 0, atol=1e-12)


def test_deflections_have_their_angle(rng):
    heading = -showers("gamma", 1.0, n=50).origin
    angle = rng.uniform(0, 0.3, 50)
    turned = deflected(heading, angle=angle, around=rng.uniform(0, 6, 50))
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), 1)
    np.testing.assert_allclose(np.arccos((turned * heading).sum(axis=1)), angle, atol=1e-7)
