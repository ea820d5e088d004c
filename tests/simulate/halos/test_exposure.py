"""Exposure and background of the sky: mean depth, vignetting, bounds, outages."""

import numpy as np
import pytest
from scipy.integrate import quad

from merkhet.simulate.halos.exposure import (
    FIELD_RADIUS_DEG,
    SCAN_STEP_DEG,
    VIGNETTING_RADIUS_DEG,
    Coverage,
    scan_profile,
    thin,
)
from merkhet.simulate.halos.sphere import OBLIQUITY, ecliptic, unit_vectors
from merkhet.simulate.halos.survey import Survey


@pytest.fixture(scope="module")
def coverage():
    return Coverage(Survey(), 5)


@pytest.fixture(scope="module")
def places():
    rng = np.random.default_rng(2)
    return unit_vectors(rng.uniform(0, 360, 20_000), np.rad2deg(np.arcsin(rng.uniform(-0.9, 0.9, 20_000))))


@pytest.mark.parametrize("distance", [0.0, 0.2, 0.5])
def test_the_profile_of_a_scan_is_the_integral_over_its_chord(distance):
    half = np.sqrt(FIELD_RADIUS_DEG**2 - distance**2)
    expected, _ = quad(lambda s: 1 / (1 + (distance**2 + s**2) / VIGNETTING_RADIUS_DEG**2), -half, half)
    assert scan_profile(distance, vignetted=True) == pytest.approx(expected)
    assert scan_profile(distance, vignetted=False) == pytest.approx(2 * half)
    assert scan_profile(0.6, vignetted=True) == 0


def test_mean_depth_is_the_surveys_and_grows_towards_the_ecliptic_poles(coverage, places):
    _, cosine = ecliptic(places)
    full = coverage.exposure(places) * cosine / coverage.survey.exposure_s
    shallow, deep = full[cosine > 0.9], full[(cosine < 0.5) & (cosine > 0.2)]
    expected = coverage.activity.mean()
    assert shallow.mean() == pytest.approx(expected, abs=0.01)
    assert deep.mean() == pytest.approx(expected, abs=0.03)


def test_particles_see_the_whole_field_of_view(coverage, places):
    ratio = coverage.exposure(places, vignetted=False).mean() / coverage.exposure(places).mean()
    plain, dimmed = (
        quad(lambda d, which=which: float(scan_profile(d, vignetted=which)), 0, FIELD_RADIUS_DEG)[0]
        for which in (False, True)
    )
    assert ratio == pytest.approx(plain / dimmed, rel=0.01)


def test_outages_leave_gaps(coverage):
    """Along the ecliptic, with the longest run of scans that failed in its middle."""
    gone = coverage.activity == 0
    assert 0.02 < gone.mean() < 0.12
    longest = max(
        (start for start in np.flatnonzero(gone)), key=lambda start: int(np.argmin(np.append(gone[start:], False)))
    )
    run = int(np.argmin(np.append(gone[longest:], False)))
    assert run > 7
    longitude = np.deg2rad((longest + 0.5 * (run - 1)) * SCAN_STEP_DEG)
    x, y = np.cos(longitude), np.sin(longitude)
    place = np.array([x, np.cos(OBLIQUITY) * y, np.sin(OBLIQUITY) * y])
    assert coverage.exposure(place[None])[0] == 0


def test_nothing_exceeds_the_bounds(coverage, places):
    always = Coverage(Survey(), 5)
    object.__setattr__(always, "activity", np.ones_like(coverage.activity))
    for start in range(0, 20_000, 2_000):
        some = places[start : start + 2_000]
        for place in some[:40]:
            assert always.exposure(place[None]).max() <= always.bound(place[None], margin_deg=0.0)
            assert always.background(place[None]).max() <= always.background_bound(place[None], margin_deg=0.0)


def test_thinning_keeps_the_share_of_the_density(rng):
    photons = unit_vectors(np.linspace(0, 359, 20_000), np.zeros(20_000))
    kept = thin(rng, photons, density=lambda v: 0.5 + 0.5 * v[:, 0], bound=1.0)
    assert len(kept) / 20_000 == pytest.approx(0.5, abs=0.02)
    assert kept[:, 0].mean() == pytest.approx(0.5, abs=0.02)


def test_outages_belong_to_the_seed():
    first, again, other = (Coverage(Survey(), seed).activity for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
