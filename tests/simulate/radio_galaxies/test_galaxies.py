"""Radio galaxies before the telescope: definition of the classes, matched traits, scaling with the survey."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from merkhet.simulate.beams import beam_area_px
from merkhet.simulate.components import render
from merkhet.simulate.radio_galaxies.galaxies import Label, draw_galaxy, draw_traits
from merkhet.simulate.radio_galaxies.survey import Survey

SURVEY = Survey()
LABELS: tuple[Label, Label] = ("FRI", "FRII")


def draw(label, index):
    return draw_galaxy(np.random.default_rng([9, index]), label=label, survey=SURVEY)


@pytest.fixture(scope="module")
def galaxies():
    return [draw(label, index) for index in range(250) for label in LABELS]


def brightest_distance(galaxy, *, oversampling=2):
    """Return the distance, in arcsec, of the brightest pixels of the two arms on noise-free maps of each."""
    scale = SURVEY.pixel_scale_arcsec / oversampling
    size = 2 * oversampling * SURVEY.size_px
    model = galaxy.components.scaled(1 / scale).shifted(x=size / 2, y=size / 2)
    peaks = []
    for side in (1, -1):
        arm = render(model.take(galaxy.arm == side), shape=(size, size), beam_fwhm_px=SURVEY.beam_fwhm_arcsec / scale)
        peaks.append(np.array(np.unravel_index(arm.argmax(), arm.shape)))
    return scale * float(np.linalg.norm(peaks[0] - peaks[1]))


def test_classes_obey_the_definition_of_fanaroff_and_riley(galaxies):
    """The distance of the brightest places, core left out, is less or more than half of the total extent."""
    for galaxy in galaxies[:160]:
        ratio = brightest_distance(galaxy) / galaxy.traits.las_arcsec
        assert ratio == pytest.approx(galaxy.fr_ratio, abs=0.1)
        assert (ratio < 0.5) == (galaxy.label == "FRI") or abs(ratio - 0.5) < 0.03
    assert all((galaxy.fr_ratio < 0.5) == (galaxy.label == "FRI") for galaxy in galaxies)


def test_the_definition_holds_on_contours_of_resolved_sources(galaxies):
    """Total extent as Fanaroff & Riley took it: of the lowest contour, here 1 % of the peak."""
    agree: list[bool] = []
    for galaxy in galaxies:
        if galaxy.traits.las_arcsec < 12 * SURVEY.beam_fwhm_arcsec or len(agree) == 60:
            continue
        model = galaxy.in_pixels((150.0, 150.0), survey=SURVEY)
        image = render(model, shape=(300, 300), beam_fwhm_px=SURVEY.beam_fwhm_px)
        inside = np.argwhere(image > 0.01 * image.max())
        edge = inside[np.linspace(0, len(inside) - 1, min(len(inside), 1500)).astype(int)]
        extent = SURVEY.pixel_scale_arcsec * pdist(edge).max()
        agree.append((brightest_distance(galaxy, oversampling=1) / extent < 0.5) == (galaxy.label == "FRI"))
    assert len(agree) > 30
    assert np.mean(agree) > 0.95


@given(seed=st.integers(0, 2**20))
def test_traits_are_drawn_before_the_class(seed):
    first, second = (draw_galaxy(np.random.default_rng(seed), label=label, survey=SURVEY) for label in LABELS)
    assert first.traits == second.traits == draw_traits(np.random.default_rng(seed), survey=SURVEY)


def test_size_and_flux_are_those_of_the_traits(galaxies):
    for galaxy in galaxies:
        assert galaxy.components.extent() == pytest.approx(galaxy.traits.las_arcsec)
        assert galaxy.components.flux.sum() == pytest.approx(galaxy.traits.flux_jy)
        assert (galaxy.components.flux >= 0).all()


def test_traits_stay_within_field_beam_and_noise(galaxies):
    las = np.array([galaxy.traits.las_arcsec for galaxy in galaxies])
    flux = np.array([galaxy.traits.flux_jy for galaxy in galaxies])
    assert las.min() >= 3 * SURVEY.beam_fwhm_arcsec
    assert las.max() <= 0.75 * SURVEY.field_arcsec
    assert flux.min() >= 80 * SURVEY.rms_jy_beam
    assert flux.max() <= 6000 * SURVEY.rms_jy_beam


def test_fluxes_follow_the_power_law():
    """Between 80 and 6000 rms the fraction above S is (S^-0.4 - 6000^-0.4) / (80^-0.4 - 6000^-0.4)."""
    draws = [draw_traits(np.random.default_rng([1, index]), survey=SURVEY) for index in range(3000)]
    flux = np.array([traits.flux_jy for traits in draws]) / SURVEY.rms_jy_beam
    for level in (200.0, 600.0, 2000.0):
        expected = (level**-0.4 - 6000**-0.4) / (80**-0.4 - 6000**-0.4)
        assert np.mean(flux > level) == pytest.approx(expected, abs=0.03)


def test_the_position_angle_runs_from_north_through_east(galaxies):
    """The first jet leaves the core along the position angle; x points west."""
    for galaxy in galaxies:
        model, arm = galaxy.components, np.flatnonzero(galaxy.arm == 1)
        if galaxy.label == "FRI":  # tails bend, so look near the core
            arm = arm[np.argsort(np.hypot(model.x[arm], model.y[arm]))[:6]]
        east, north = -model.flux[arm] @ model.x[arm], model.flux[arm] @ model.y[arm]
        turn = np.rad2deg(np.arctan2(east, north)) - galaxy.traits.pa_deg
        assert abs((turn + 180) % 360 - 180) < 40


def test_the_brightest_beam_is_what_was_aimed_at_where_the_size_allows(galaxies):
    large = [galaxy for galaxy in galaxies if galaxy.traits.las_arcsec > 60]
    errors = []
    for galaxy in large:
        image = render(galaxy.in_pixels((150, 150), survey=SURVEY), shape=(300, 300), beam_fwhm_px=SURVEY.beam_fwhm_px)
        errors.append(np.log(image.max() / galaxy.traits.flux_jy / galaxy.traits.peak_share))
    assert np.median(np.abs(errors)) < 0.05
    assert np.mean(np.abs(errors) < 0.15) > 0.85


def test_flux_is_conserved_by_the_beam(galaxies):
    for galaxy in galaxies[:100]:
        model = galaxy.in_pixels((200.0, 200.0), survey=SURVEY)
        image = render(model, shape=(401, 401), beam_fwhm_px=SURVEY.beam_fwhm_px)
        assert image.sum() / beam_area_px(SURVEY.beam_fwhm_px) == pytest.approx(galaxy.traits.flux_jy, rel=1e-4)


@pytest.mark.parametrize("survey", [Survey(size_px=48), Survey(400, 0.5, 1.5, 0.02), Survey(64, 8.0, 20.0, 2.0)])
def test_other_surveys_see_sources_that_they_can_resolve(survey):
    for index in range(40):
        galaxy = draw_galaxy(np.random.default_rng([2, index]), label=LABELS[index % 2], survey=survey)
        assert 3 * survey.beam_fwhm_arcsec <= galaxy.traits.las_arcsec <= 0.75 * survey.field_arcsec
        assert galaxy.traits.flux_jy * galaxy.traits.peak_share >= 4.99 * survey.rms_jy_beam
