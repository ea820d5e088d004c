"""What an observation is: time, place, tuning, and shares of scenes."""

import numpy as np
import pytest
from astropy import units
from astropy.time import Time

from merkhet.simulate.radio_snapshots.observations import (
    MAX_HOUR_ANGLE,
    SCENE_SHARES,
    SCENES,
    SLOTS,
    STRIDE,
    draw_observation,
)
from merkhet.simulate.radio_snapshots.survey import Survey

SURVEY = Survey()


def observations(number, seed=3, survey=SURVEY):
    return [draw_observation(index, seed=seed, survey=survey) for index in range(number)]


def test_times_are_unique_within_a_seed_and_between_seeds():
    assert np.gcd(STRIDE, SLOTS) == 1
    gps = {observation.gps for seed in (0, 1, 99) for observation in observations(200, seed)}
    assert len(gps) == 600
    assert all(1_000_000_000 < time < 1_400_000_000 for time in gps)


def test_the_right_ascension_is_the_sidereal_time_less_the_hour_angle():
    observation = observations(4)[3]
    time = Time(observation.gps + 56, format="gps")
    assert observation.date == Time(observation.gps, format="gps").utc.isot.removesuffix(".000")
    sidereal = time.sidereal_time("mean", longitude=116.6708 * units.deg, model="IAU1982")
    expected = (sidereal.deg - np.rad2deg(observation.pointing.hour_angle)) % 360
    assert observation.center_deg[0] == pytest.approx(expected, abs=0.05)


def test_sub_bands_are_neighbors_of_one_tuning():
    for observation in observations(30, survey=Survey(subbands=2)):
        first, second = observation.subbands
        assert second.first_channel - first.first_channel == 6
        assert second.frequency_hz - first.frequency_hz < 30.72e6
    assert {len(observation.subbands) for observation in observations(20)} == {4}


def test_scenes_tunings_and_pointings_are_spread_as_told():
    found = observations(600)
    shares = [np.mean([observation.scene == scene for observation in found]) for scene in SCENES]
    np.testing.assert_allclose(shares, SCENE_SHARES, atol=0.06)
    assert len({observation.subbands[0] for observation in found}) == 5
    assert max(abs(observation.pointing.hour_angle) for observation in found) <= MAX_HOUR_ANGLE
    assert {observation.suffix for observation in found} == {"image", "pbcorr"}
    assert 0.07 < np.mean([observation.blank_edge is not None for observation in found]) < 0.17


def test_noise_falls_as_the_galaxy_fades():
    observation = observations(1)[0]
    low, *_, high = observation.subbands
    expected = (high.frequency_hz / low.frequency_hz) ** -2.3
    assert observation.noise_jy(high) / observation.noise_jy(low) == pytest.approx(expected)
