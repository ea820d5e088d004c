import numpy as np
import pytest
from scipy.integrate import quad

from merkhet.simulate.cherenkov.atmosphere import cherenkov_angle, transmission
from merkhet.simulate.cherenkov.cascades import Emitters
from merkhet.simulate.cherenkov.light import Sources, View, expected_light, in_camera, photo_electrons
from merkhet.simulate.cherenkov.muons import Muons
from merkhet.simulate.cherenkov.primaries import Showers, unit_vector
from tests.showers import POINTING, array
from tests.simulate.cherenkov.test_cascades import shine

NO_MUONS = Muons(np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))


def one_emitter(position, heading, photons=1e6):
    return Emitters(
        np.array([0]),
        np.array([position]),
        np.array([heading]),
        np.array([0.0]),
        np.array([photons]),
        np.array([300.0]),
        np.array([1.0]),
    )


def test_all_light_reaches_the_ground_but_what_the_air_takes():
    point = one_emitter((0.0, 0.0, 8000.0), (0.0, 0.0, -1.0))

    def ring(radius):
        return float(expected_light(point, positions=np.array([[radius, 0.0, 0.0]]), mirror_area_m2=1.0)[0, 0])

    # Mirrors look at the light, so that the ground's own cosine is left out of the area of a ring seen from above.
    whole = quad(lambda r: 2 * np.pi * r * ring(r) * 8000 / np.hypot(r, 8000), 0, 8000, limit=500, points=[100, 200])[0]
    assert whole == pytest.approx(1e6 * float(transmission(point.height, cosine=1.0)[0]), rel=0.02)


def test_the_light_pool_is_flat_and_then_falls(rng):
    mine, _, found = shine("gamma", 1.0, rng, n=40, alt_deg=90.0)
    distance = np.array([20.0, 60.0, 100.0, 200.0, 400.0])
    positions = mine.core[0] + np.stack([distance, 0 * distance, 0 * distance], axis=1)
    light = expected_light(found, positions=positions, mirror_area_m2=1.0).sum(axis=0) / 40
    assert 50 < light[1] < 400  # photons/m2 of a gamma of 1 TeV
    assert light[2] / light[0] > 0.5
    assert light[3] / light[1] < 0.6
    assert light[4] / light[3] < 0.35


def test_cherenkov_light_is_even_up_to_its_angle():
    point = one_emitter((0.0, 0.0, 8000.0), (0.0, 0.0, -1.0))
    edge = 8000 * np.tan(float(cherenkov_angle(point.height)[0]))
    inside = expected_light(point, positions=np.array([[0, 0, 0], [0.99 * edge, 0, 0]]), mirror_area_m2=1.0)[0]
    assert inside[1] / inside[0] == pytest.approx(1, abs=0.001)


def test_a_direction_is_seen_where_the_camera_has_it():
    kind = array().subarray.types[0]
    sight = unit_vector(np.array([POINTING[0] + 0.01, POINTING[0]]), np.array([POINTING[1], POINTING[1] + 0.02]))
    found = in_camera(sight, pointing=POINTING, kind=kind)
    np.testing.assert_allclose(found[0], [0.01 * kind.focal_length_m, 0], atol=1e-6)
    assert found[1, 1] == pytest.approx(0.02 * np.cos(POINTING[0]) * kind.focal_length_m, rel=1e-3)


def test_all_telescopes_see_one_shower_in_its_true_directions(rng):
    """The middle of the light in each camera is where a point in space is seen from there."""
    subarray, middle = array().subarray, np.array([-2500.0, 100.0, 7000.0])
    full = np.ones(1)
    showers = Showers("gamma", full, POINTING[0] * full, POINTING[1] * full, 0 * full, 0 * full)
    point = one_emitter(middle, -showers.origin[0], photons=1e8)
    for kind, detector in zip(subarray.types, array().detectors, strict=True):
        positions = subarray.positions(kind.name)
        view = View(kind, detector, positions, POINTING)
        found = photo_electrons(Sources(showers, point, NO_MUONS), view=view, rng=rng)
        assert len(found.shower) == len(positions)
        for image, telescope in enumerate(found.telescope):
            expected = in_camera((middle - positions[telescope])[None], pointing=POINTING, kind=kind)[0]
            mine = found.image == image
            error = 0.2 / np.sqrt(mine.sum()) * np.deg2rad(1) * kind.focal_length_m
            assert np.hypot(found.x[mine].mean() - expected[0], found.y[mine].mean() - expected[1]) < 2 * error


def test_light_arrives_after_its_way(rng):
    kind = array().subarray.types[0]
    full = np.ones(1)
    showers = Showers("gamma", full, POINTING[0] * full, POINTING[1] * full, 0 * full, 0 * full)
    point = one_emitter(showers.origin[0] * 8000.0, -showers.origin[0], photons=1e8)
    view = View(kind, array().detectors[0], np.zeros((1, 3)), POINTING)
    found = photo_electrons(Sources(showers, point, NO_MUONS), view=view, rng=rng)
    way = 8000 / 0.299792458
    assert found.time.mean() == pytest.approx(way, rel=3e-4)
    assert found.time.mean() > way  # light is slower than the front of the shower
