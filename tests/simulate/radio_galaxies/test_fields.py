"""Maps: noise, neighbors, shared patches of sky."""

import numpy as np
import pytest

from merkhet.simulate.beams import beam_area_px
from merkhet.simulate.components import render
from merkhet.simulate.radio_galaxies.fields import cutouts
from merkhet.simulate.radio_galaxies.sky import draw_slot
from merkhet.simulate.radio_galaxies.survey import Survey
from merkhet.simulate.source_counts import source_density

SURVEY = Survey()
CLEAN = Survey(uncleaned_fraction=0)


def model(cutout, *, survey=SURVEY):
    """Return the noise-free map of the galaxy of a cutout."""
    pixels = cutout.galaxy.in_pixels(cutout.core_px, survey=survey)
    return render(pixels, shape=cutout.image.shape, beam_fwhm_px=survey.beam_fwhm_px)


@pytest.fixture(scope="module")
def maps():
    return [cutout for slot in range(100) for cutout in cutouts(slot, seed=6, survey=CLEAN)]


@pytest.fixture(scope="module")
def shared_slot():
    return next(slot for slot in range(1000) if draw_slot(slot, seed=6, survey=SURVEY).offset_px is not None)


def test_galaxies_lie_inside_their_maps_with_all_their_flux(maps):
    for cutout in maps:
        image = model(cutout)
        assert image.sum() / beam_area_px(3) == pytest.approx(cutout.galaxy.traits.flux_jy, rel=0.01)
        assert image.max() == pytest.approx(cutout.peak_jy_beam, rel=1e-12)


def test_maps_hold_the_galaxy_and_noise_of_the_rms_that_the_table_states(maps):
    spread, ratios = [], []
    for cutout in maps:
        rest = (cutout.image - model(cutout)) / cutout.rms_jy_beam
        quartiles = np.quantile(rest, [0.25, 0.75])  # neighbors cover a few pixels only
        spread.append(np.diff(quartiles)[0] / 1.3490)
        ratios.append(cutout.rms_jy_beam / SURVEY.rms_jy_beam)
    assert np.median(spread) == pytest.approx(1, abs=0.02)
    assert np.std(np.log(ratios)) == pytest.approx(0.1, rel=0.25)
    assert cutout.image.dtype == np.float32


def test_unrelated_sources_have_the_density_of_the_counts(maps):
    """Count the maxima above 20 rms (3 mJy) in maps whose galaxy is taken away."""
    found = fields = 0
    for cutout in maps:
        if draw_slot(cutout.group // 2, seed=6, survey=CLEAN).offset_px is not None:
            continue
        fields += 1
        rest = cutout.image - model(cutout)
        top = rest > 20 * SURVEY.rms_jy_beam
        peak = np.zeros_like(top)
        core = rest[1:-1, 1:-1]
        around = [rest[1 + j : 149 + j, 1 + i : 149 + i] for j in (-1, 0, 1) for i in (-1, 0, 1) if i or j]
        peak[1:-1, 1:-1] = np.all([core > other for other in around], axis=0)
        found += np.sum(top & peak)
    expected = fields * 148**2 * SURVEY.pixel_sr * source_density(20 * SURVEY.rms_jy_beam)
    assert abs(found - expected) < 4 * np.sqrt(expected)


def test_most_fields_stand_alone(maps):
    groups = [cutout.group for cutout in maps]
    assert 0.9 < len(set(groups)) / len(groups) < 1
    for index, cutout in enumerate(maps):
        assert cutout.group in {index, index - 1}


def test_sources_of_one_patch_share_pixels_group_and_projection(shared_slot):
    first, second = cutouts(shared_slot, seed=6, survey=SURVEY)
    offset = draw_slot(shared_slot, seed=6, survey=SURVEY).offset_px
    assert offset is not None
    dx, dy = offset
    assert first.group == second.group == 2 * shared_slot
    assert first.center_sky == second.center_sky
    assert {first.galaxy.label, second.galaxy.label} == {"FRI", "FRII"}
    assert second.center_px == (first.center_px[0] - dx, first.center_px[1] - dy)
    size = SURVEY.size_px
    overlap_y, overlap_x = (slice(max(d, 0), size + min(d, 0)) for d in (dy, dx))
    moved_y, moved_x = (slice(max(-d, 0), size + min(-d, 0)) for d in (dy, dx))
    assert (overlap_y.stop - overlap_y.start) * (overlap_x.stop - overlap_x.start) > 500
    np.testing.assert_array_equal(first.image[overlap_y, overlap_x], second.image[moved_y, moved_x])


def test_sidelobes_come_with_the_uncleaned_fraction():
    """Nothing else depends on it: the sky and the noise are the same draws."""
    clean, dirty = (next(cutouts(3, seed=2, survey=survey)) for survey in (CLEAN, Survey(uncleaned_fraction=0.3)))
    assert clean.peak_jy_beam == dirty.peak_jy_beam
    difference = np.abs(clean.image - dirty.image).max()
    assert 0.001 * clean.peak_jy_beam < difference < 0.3 * clean.image.max()


def test_a_field_is_a_function_of_seed_and_index():
    once, again = (list(cutouts(11, seed=5, survey=SURVEY)) for _ in range(2))
    other = list(cutouts(11, seed=6, survey=SURVEY))
    for first, second, third in zip(once, again, other, strict=True):
        np.testing.assert_array_equal(first.image, second.image)
        assert not np.array_equal(first.image, third.image)
        assert first.core_sky == second.core_sky != third.core_sky
