"""Sums of Gaussians: exact peaks, fluxes and sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import pdist

from merkhet.simulate.beams import FWHM_TO_SIGMA, beam_area_px
from merkhet.simulate.components import Components, render, responses

BEAM = 3.0
SHAPE = (70, 90)


def draw(rng, count, *, sigma=4.0):
    return Components(
        x=rng.uniform(35, 55, count),
        y=rng.uniform(30, 40, count),
        sigma=rng.uniform(0, sigma, count),
        flux=rng.uniform(0.1, 1, count),
    )


def test_a_point_source_of_one_jansky_peaks_at_one_jansky_per_beam():
    point = Components.points(x=np.array([41.0]), y=np.array([22.0]), flux=np.array([1.0]))
    image = render(point, shape=SHAPE, beam_fwhm_px=BEAM)
    assert image.max() == image[22, 41] == pytest.approx(1, abs=1e-12)
    assert image[22, 41 + 3] == pytest.approx(2 ** -((3 / 1.5) ** 2))  # by the definition of a width at half maximum


@given(seed=st.integers(0, 2**20), beam=st.floats(2, 5))
def test_the_sum_over_the_beam_area_is_the_flux_wherever_the_pixels_lie(seed, beam):
    model = draw(np.random.default_rng(seed), 7, sigma=3)
    image = render(model, shape=SHAPE, beam_fwhm_px=beam)
    assert image.sum() / beam_area_px(beam) == pytest.approx(model.flux.sum(), rel=2e-5)


def test_a_map_is_the_sky_through_a_gaussian_filter(rng):
    """One pixel holds the flux of a point source; the filter of scipy is the beam."""
    x, y, flux = rng.integers(10, 60, 12), rng.integers(10, 60, 12), rng.uniform(size=12)
    sky = np.zeros(SHAPE)
    np.add.at(sky, (y, x), flux)
    for extra in (0.0, 2.0):
        sigma = np.hypot(BEAM * FWHM_TO_SIGMA, extra)
        expected = beam_area_px(BEAM) * ndimage.gaussian_filter(sky, sigma, truncate=10, mode="constant")
        model = Components(x.astype(float), y.astype(float), np.full(12, extra), flux)
        np.testing.assert_allclose(render(model, shape=SHAPE, beam_fwhm_px=BEAM), expected, rtol=0, atol=2e-6)


def test_brightness_at_places_agrees_with_the_map(rng):
    model = draw(rng, 9)
    rows, columns = np.array([31, 35, 40]), np.array([44, 38, 50])
    response = responses(model, x=columns.astype(float), y=rows.astype(float), beam_fwhm=BEAM)
    assert response.shape == (3, 9)
    image = render(model, shape=SHAPE, beam_fwhm_px=BEAM)
    np.testing.assert_allclose(response @ model.flux, image[rows, columns], rtol=1e-12)


@given(seed=st.integers(0, 2**20))
def test_the_extent_of_points_is_their_largest_distance(seed):
    place = np.random.default_rng(seed).normal(size=(12, 2))
    points = Components.points(x=place[:, 0], y=place[:, 1], flux=np.ones(12))
    assert points.extent() == pytest.approx(pdist(place).max(), rel=6e-4)


def test_the_extent_of_one_gaussian_is_its_width_at_half_maximum():
    one = Components(np.array([3.0]), np.array([1.0]), np.array([2.0]), np.ones(1))
    assert one.extent() == pytest.approx(2 * np.sqrt(8 * np.log(2)))
    half = one.extent() / 2
    np.testing.assert_allclose(one.bounds(), (3 - half, 3 + half, 1 - half, 1 + half))


@given(seed=st.integers(0, 2**20), angle=st.floats(-7, 7), factor=st.floats(0.1, 10))
def test_moves_keep_the_shape(seed, angle, factor):
    model = draw(np.random.default_rng(seed), 6)
    moved = model.rotated(angle).scaled(factor).shifted(x=3, y=-8)
    assert moved.extent() == pytest.approx(factor * model.extent(), rel=2e-3)
    np.testing.assert_allclose(pdist(np.stack([moved.x, moved.y], 1)), factor * pdist(np.stack([model.x, model.y], 1)))
    np.testing.assert_array_equal(moved.flux, model.flux)


def test_a_quarter_turn_takes_x_to_y():
    turned = Components.points(x=np.array([2.0]), y=np.array([0.0]), flux=np.ones(1)).rotated(np.pi / 2)
    assert (turned.x[0], turned.y[0]) == pytest.approx((0, 2))


def test_concatenation_and_selection_are_inverse(rng):
    model = draw(rng, 8)
    parts = [model.take(np.arange(3)), model.take(np.arange(3, 8))]
    joined = Components.concatenate(parts)
    assert len(joined) == 8
    np.testing.assert_array_equal(joined.x, model.x)
    np.testing.assert_array_equal(joined.with_flux(2 * model.flux).flux, 2 * model.flux)
