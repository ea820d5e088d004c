"""Images of an observation: what they share, how strong artifacts are, and that they are where the truth says."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from merkhet.io.image_lists import name_parts
from merkhet.simulate.interferometer.primary_beam import TileBeam
from merkhet.simulate.radio_snapshots.field import FieldImager
from merkhet.simulate.radio_snapshots.interference import KINDS, Interference, draw_interference, pattern
from merkhet.simulate.radio_snapshots.observations import draw_observation
from merkhet.simulate.radio_snapshots.sidelobes import draw_sidelobe_source
from merkhet.simulate.radio_snapshots.snapshots import snapshots
from merkhet.simulate.radio_snapshots.streams import changed_odds
from merkhet.simulate.radio_snapshots.survey import Survey

SMALL = Survey(size_px=128, array="compact", subbands=2)
FULL = replace(SMALL, prevalence=1.0, min_strength=0.5, max_strength=4.0)
CLEAN = replace(SMALL, prevalence=0.0)


@cache
def observed(index, survey=SMALL, seed=2):
    return list(snapshots(index, seed=seed, survey=survey))


def plain(survey=SMALL, scene="clean", **changes):
    """An observation of a chosen scene, without blank edges, not corrected."""
    changes = {"corrected": False, "blank_edge": None, **changes}
    return replace(draw_observation(0, seed=2, survey=survey), scene=scene, **changes)


def field_of(observation, survey=SMALL):
    return FieldImager(observation, tile=TileBeam(observation.pointing.axes()[2]), survey=survey)


def rms(image):
    return float(np.sqrt(np.nanmean(np.square(image, dtype=np.float64))))


def test_an_observation_is_both_polarizations_of_its_sub_bands():
    found = observed(0)
    assert [snapshot.polarization for snapshot in found] == ["XX", "YY"] * 2
    assert len({snapshot.observation.gps for snapshot in found}) == 1
    for snapshot in found:
        parts = name_parts(f"{snapshot.name}.fits")
        assert parts == (str(snapshot.observation.gps), snapshot.polarization, snapshot.subband.name, "image")
        assert snapshot.image.shape == (128, 128)
        assert snapshot.image.dtype == snapshot.artifacts.dtype == np.float32


@pytest.mark.parametrize("index", [0, 3])
def test_an_observation_is_the_same_whatever_was_made_before(index):
    first, again = observed(index), list(snapshots(index, seed=2, survey=SMALL))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        assert one.facts() == other.facts()
    assert not np.array_equal(first[0].image, observed(index, seed=3)[0].image)


def test_polarizations_and_sub_bands_share_their_sky_and_nothing_of_their_noise():
    observation = plain(CLEAN)
    field = field_of(observation, CLEAN)
    quiet = [field.image(number, name, noise_jy=1e-3) for number, name in ((0, "XX"), (0, "YY"), (1, "XX"))]
    assert np.corrcoef(quiet[0].ravel(), quiet[1].ravel())[0, 1] > 0.9
    x, y = field.sources.pixels(field.bands[1].pixel_rad)
    brightest = np.argmax(field.sources.flux_jy * (np.maximum(abs(x), abs(y)) < 55))
    assert field.sources.flux_jy[brightest] > 0.5
    for number, image in ((0, quiet[0]), (1, quiet[2])):
        x, y = (place[brightest] for place in field.sources.pixels(field.bands[number].pixel_rad))
        peak = field.sources.flux_jy[brightest]
        assert image[round(y) + 64, round(x) + 64] > 0.3 * peak
    loud = [field.image(0, name, noise_jy=1e3) for name in ("XX", "YY")]
    assert abs(np.corrcoef(loud[0].ravel(), loud[1].ravel())[0, 1]) < 0.1


def test_the_noise_of_an_image_is_what_the_table_says():
    observation = plain(CLEAN)
    field = field_of(observation, CLEAN)
    field.sources = replace(field.sources, flux_jy=0 * field.sources.flux_jy)
    images = [field.image(number, name, noise_jy=0.2) for number in (0, 1) for name in ("XX", "YY")]
    assert rms(images) == pytest.approx(0.2, rel=0.05)


def test_strengths_are_the_rms_of_the_truth_over_the_noise():
    for snapshot in (each for index in range(4) for each in observed(index, FULL)):
        if snapshot.observation.corrected or snapshot.observation.blank_edge:
            continue
        for artifact, strength in zip(snapshot.artifacts, (snapshot.rfi_strength, snapshot.sis_strength), strict=True):
            assert rms(artifact) / snapshot.noise_jy == pytest.approx(strength, rel=1e-4)


def test_interference_has_the_strength_that_was_drawn():
    observation = draw_observation(1, seed=2, survey=FULL)
    plans = draw_interference(observation, survey=FULL)
    for snapshot in observed(1, FULL):
        plan = plans[observation.subbands.index(snapshot.subband)]
        assert plan is not None
        assert snapshot.rfi_strength == pytest.approx(plan.strengths[snapshot.polarization], rel=1e-4)
        assert 0.5 <= max(plan.strengths.values()) <= 4
        assert snapshot.rfi_kind == plan.kind


def test_the_worst_image_shows_a_sidelobe_source_as_strongly_as_was_drawn_and_the_others_follow_the_beam():
    for index in range(4):
        observation = draw_observation(index, seed=2, survey=FULL)
        tile = TileBeam(observation.pointing.axes()[2])
        source = draw_sidelobe_source(observation, beam=tile, survey=FULL)
        assert source is not None
        found = observed(index, FULL)
        assert max(snapshot.sis_strength for snapshot in found) == pytest.approx(source.strength, rel=1e-4)
        xx, yy = found[:2]
        direction = observation.pointing.ground(source.l, source.m)
        powers = [
            tile.power(direction, frequency_hz=xx.subband.frequency_hz, polarization=name) for name in ("XX", "YY")
        ]
        ratio = xx.sis_strength * xx.noise_jy / (yy.sis_strength * yy.noise_jy)
        assert ratio == pytest.approx(powers[0] / powers[1], rel=1e-4)


def test_a_sidelobe_source_is_outside_the_whole_image_and_above_the_horizon():
    for index in range(40):
        observation = draw_observation(index, seed=2, survey=FULL)
        source = draw_sidelobe_source(observation, beam=TileBeam(observation.pointing.axes()[2]), survey=FULL)
        if source is None:
            continue
        for subband in observation.subbands:
            half = 1000 * np.deg2rad(observation.array.pixel_deg(subband.channel))
            assert max(abs(source.l), abs(source.m)) > half
        assert observation.pointing.ground(source.l, source.m)[2] > 0


def test_artifacts_add_to_the_image_that_is_there_without_them():
    with_them, without = observed(0, FULL), observed(0, CLEAN)
    for one, other in zip(with_them, without, strict=True):
        assert other.rfi_strength == other.sis_strength == 0
        assert (other.rfi_kind, one.rfi_kind) == ("none", with_them[0].rfi_kind)
        np.testing.assert_allclose(one.image - other.image, one.artifacts.sum(axis=0), atol=1e-4 * one.noise_jy * 50)


@pytest.mark.parametrize("kind", KINDS)
def test_interference_fills_few_places_of_the_fourier_plane(kind, rng):
    coverage = field_of(plain()).bands[0].coverage
    plan = Interference(kind, {"XX": 1.0}, angle=0.7)
    image = pattern(plan, coverage=coverage, rng=rng)
    assert rms(image) == pytest.approx(1, rel=1e-5)
    power = np.sort(np.abs(np.fft.fft2(image * np.outer(np.hanning(128), np.hanning(128)))).ravel() ** 2)
    measured = 2 * np.count_nonzero(coverage.response) / 4  # cells of an image that is half the grid wide
    assert power[-int(0.2 * measured) :].sum() > 0.9 * power.sum()


def test_one_direction_of_baselines_makes_parallel_stripes(rng):
    coverage = field_of(plain()).bands[0].coverage
    image = pattern(Interference("direction", {"XX": 1.0}, angle=0.7), coverage=coverage, rng=rng)
    along_y, along_x = np.gradient(image)
    across = np.cos(0.7) * along_x + np.sin(0.7) * along_y
    along = -np.sin(0.7) * along_x + np.cos(0.7) * along_y
    assert rms(across) > 4 * rms(along)


def test_the_share_of_artifacts_is_the_prevalence():
    survey = replace(SMALL, prevalence=0.3, subbands=4)
    hit, seen, together = [], [], []
    for index in range(500):
        observation = draw_observation(index, seed=5, survey=survey)
        plans = draw_interference(observation, survey=survey)
        hit += [len(plan.strengths) / 2 if plan else 0 for plan in plans]
        together.append(np.mean([plan is not None for plan in plans]))
        tile = TileBeam(observation.pointing.axes()[2])
        seen.append(draw_sidelobe_source(observation, beam=tile, survey=survey) is not None)
    assert np.mean(hit) == pytest.approx(0.3, abs=0.05)
    assert np.mean(seen) == pytest.approx(0.3, abs=0.06)
    assert np.mean([0 < share < 1 for share in together]) > 0.2  # in some sub-bands only


@pytest.mark.parametrize("scene", ["calibration_error", "ionosphere"])
def test_distortions_surround_bright_sources(scene):
    """Strong near them, absent without them, and shared by the polarizations in part."""
    observation = plain(CLEAN, scene=scene)
    field, calm = (field_of(each, CLEAN) for each in (observation, replace(observation, scene="clean")))
    calm.sources = field.sources
    noise = observation.noise_jy(field.bands[0].subband)
    changed = field.image(0, "XX", noise_jy=noise) - calm.image(0, "XX", noise_jy=noise)
    assert rms(changed) > 0.1 * noise
    faint = replace(field.sources, flux_jy=1e-3 * field.sources.flux_jy)
    field.sources = calm.sources = faint
    assert rms(field.image(0, "XX", noise_jy=noise) - calm.image(0, "XX", noise_jy=noise)) < 1e-3 * rms(changed) + 1e-9


def test_the_galactic_plane_is_diffuse_and_in_all_images():
    observation = plain(CLEAN, scene="galactic_plane")
    field = field_of(observation, CLEAN)
    field.sources = replace(field.sources, flux_jy=0 * field.sources.flux_jy)
    images = [field.image(number, "XX", noise_jy=1e-6) for number in (0, 1)]
    noise = observation.noise_jy(field.bands[0].subband)
    assert 0.29 < rms(images[0]) / noise < 3.01
    assert np.corrcoef(images[0][32:96, 32:96].ravel(), images[1][32:96, 32:96].ravel())[0, 1] > 0.3


def test_corrected_images_are_divided_by_the_beam_and_blank_where_it_is_weak():
    survey = Survey(size_px=512, array="compact", subbands=1, prevalence=0)
    index = next(
        i for i in range(100) if (o := draw_observation(i, seed=2, survey=survey)).corrected and not o.blank_edge
    )
    snapshot = observed(index, survey)[0]
    observation = snapshot.observation
    apparent = field_of(observation, survey).image(0, "XX", noise_jy=snapshot.noise_jy)
    pixel = np.deg2rad(observation.array.pixel_deg(snapshot.subband.channel))
    y, x = np.indices((512, 512)) - 256
    direction = observation.pointing.ground(-x * pixel, y * pixel)
    beam = TileBeam(observation.pointing.axes()[2]).power(
        direction, frequency_hz=snapshot.subband.frequency_hz, polarization="XX"
    )
    kept = np.isfinite(snapshot.image)
    np.testing.assert_allclose(snapshot.image[kept], (apparent / beam)[kept], rtol=0.02)
    assert snapshot.name.endswith("_pbcorr")
    assert not kept[beam < 0.095].any()
    assert kept[beam > 0.105].all()


def test_a_blank_edge_is_straight_and_the_same_in_all_images():
    index = next(i for i in range(100) if draw_observation(i, seed=2, survey=SMALL).blank_edge)
    found = observed(index)
    angle, distance = found[0].observation.blank_edge
    y, x = np.indices((128, 128)) - 64
    beyond = (x * np.cos(angle) + y * np.sin(angle)) / 64 > distance + 1e-5
    for snapshot in found:
        assert np.isnan(snapshot.image[beyond]).all()
        if not snapshot.observation.corrected:
            assert np.isnan(snapshot.image).sum() == pytest.approx(beyond.sum(), abs=3)
        assert np.isnan(snapshot.artifacts[0][beyond]).all()


def test_odds_leave_certainty_alone():
    assert changed_odds(0.0, factor=3) == 0
    assert changed_odds(1.0, factor=3) == 1
    assert changed_odds(0.5, factor=3) == 0.75
