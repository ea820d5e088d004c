"""The beam and its noise against scipy's filters and the closed formulas."""

import numpy as np
import pytest
from astropy.modeling.models import Gaussian2D
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from merkhet.simulate.beams import (
    FWHM_TO_SIGMA,
    beam_area_px,
    beam_transfer,
    correlated_noise,
    noise_correlation,
    padded_shape,
)


@given(fwhm=st.floats(2, 20))
def test_area_is_the_sum_of_a_beam_of_unit_peak(fwhm):
    y, x = np.mgrid[-80:81, -80:81]
    sigma = fwhm * FWHM_TO_SIGMA
    assert beam_area_px(fwhm) == pytest.approx(Gaussian2D(1, 0.3, -0.2, sigma, sigma)(x, y).sum(), rel=1e-5)


def test_transfer_is_the_transform_of_a_sampled_beam():
    y, x = (np.fft.fftfreq(side, 1 / side) for side in (40, 54))
    sigma = 3 * FWHM_TO_SIGMA
    beam = np.exp(-(y[:, None] ** 2 + x**2) / (2 * sigma**2)) / beam_area_px(3)
    # The transform of samples is folded at the Nyquist frequency, where that of this beam is 3.4e-4.
    np.testing.assert_allclose(np.fft.rfft2(beam).real, beam_transfer((40, 54), beam_fwhm_px=3), atol=5e-4)


@pytest.mark.parametrize("shape", [(64, 96), (81, 50)])
def test_noise_is_white_noise_through_a_gaussian_filter(shape):
    noise = correlated_noise(np.random.default_rng(5), shape=shape, beam_fwhm_px=3.4, rms=0.2)
    white = np.random.default_rng(5).standard_normal(shape)
    delta = np.zeros(shape)
    delta[0, 0] = 1
    blur = {"sigma": 3.4 * FWHM_TO_SIGMA, "mode": "wrap", "truncate": 9}
    gain = np.sqrt((ndimage.gaussian_filter(delta, **blur) ** 2).sum())
    np.testing.assert_allclose(noise, 0.2 / gain * ndimage.gaussian_filter(white, **blur), atol=5e-5)


def test_noise_has_the_rms_and_the_correlation_of_the_formula(rng):
    fwhm = 3.0
    noise = correlated_noise(rng, shape=(1200, 1200), beam_fwhm_px=fwhm, rms=1.5e-4)
    assert noise.std() == pytest.approx(1.5e-4, rel=0.01)
    assert abs(noise.mean()) < 1e-6
    unit = noise / noise.std()
    for shift in [(0, 1), (1, 0), (2, 0), (0, 3), (2, 2), (0, 5), (4, 3)]:
        measured = np.mean(unit * np.roll(unit, shift, axis=(0, 1)))
        assert measured == pytest.approx(noise_correlation(np.hypot(*shift), beam_fwhm_px=fwhm), abs=0.012), shift


def test_the_edges_of_a_cut_know_nothing_of_each_other(rng):
    height, width = padded_shape((40, 60), beam_fwhm_px=4)
    assert height >= 48
    assert width >= 68
    maps = np.stack([correlated_noise(rng, shape=(height, width), beam_fwhm_px=4, rms=1) for _ in range(200)])
    cut = maps[:, :40, :60]
    assert abs(np.mean(cut[:, :, 0] * cut[:, :, -1])) < 0.05
    assert abs(np.mean(cut[:, 0] * cut[:, -1])) < 0.05
    assert np.mean(maps[:, :, 0] * maps[:, :, -1]) > 0.8  # as those of the periodic map do
