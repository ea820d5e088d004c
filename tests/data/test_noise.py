"""The sky noise, against astropy and against the truth."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.stats import mad_std, sigma_clip
from hypothesis import given, settings
from hypothesis import strategies as st

from merkhet.data.noise import sky_noise

ALL = np.ones((1, 1, 1), dtype=bool)


def with_sources(rng: np.random.Generator, image: np.ndarray, *, share: float, brightness: float) -> np.ndarray:
    bright = rng.random(image.shape) < share
    return (image + bright * np.rint(rng.exponential(brightness, image.shape))).astype(np.float32)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.04])
def test_gaussian_sky_with_bright_sources(rng, share):
    image = with_sources(rng, rng.normal(300, 2, (1, 200, 200)), share=share, brightness=100)
    noise = sky_noise(image, ALL)
    assert noise.dtype == np.float32
    assert noise[0] == pytest.approx(2, rel=0.03)
    clipped = sigma_clip(image[0], sigma=3, maxiters=5, cenfunc="median", stdfunc="mad_std")
    assert noise[0] == pytest.approx(mad_std(clipped.compressed()), rel=2e-3)


@pytest.mark.parametrize("mean", [0.01, 0.1, 0.6, 1.0, 3.0, 12.0, 60.0, 400.0])
@pytest.mark.parametrize("share", [0.0, 0.003])
def test_counts_have_the_noise_of_poisson_however_sparse(rng, mean, share):
    image = with_sources(rng, rng.poisson(mean, (1, 300, 300)), share=share, brightness=1000)
    # 2 % and twice the statistical error of sqrt(mean) from the counts in the image
    tolerance = 0.02 + 1 / np.sqrt(mean * image.size)
    assert sky_noise(image, ALL)[0] == pytest.approx(np.sqrt(mean), rel=tolerance)


def test_coarse_digits_of_a_camera(rng):
    image = with_sources(rng, np.rint(rng.normal(1000, 1.5, (1, 200, 200))), share=0.01, brightness=500)
    assert sky_noise(image, ALL)[0] == pytest.approx(np.hypot(1.5, np.sqrt(1 / 12)), rel=0.03)


def test_sparse_counts_less_a_share_of_other_counts(rng):
    # Out-of-time events are subtracted as 6.3 % of the counts along a column: most steps are no whole counts.
    counts = rng.poisson(0.1, (1, 300, 300))
    image = (counts - 0.063 * rng.poisson(0.1, counts.shape)).astype(np.float32)
    image = with_sources(rng, image, share=0.003, brightness=1000)
    assert sky_noise(image, ALL)[0] == pytest.approx(np.sqrt(0.1), rel=0.03)


def test_a_few_sky_counts_beside_a_bright_source(rng):
    image = rng.poisson(0.002, (1, 200, 200)).astype(np.float32)
    sky = image.std()
    image[:, 90:110, 90:110] += rng.poisson(100, (20, 20))
    assert sky_noise(image, ALL)[0] == pytest.approx(sky, rel=0.03)


def test_exposure_maps_have_the_size_of_their_spread():
    y, x = np.mgrid[-50:50, -50:50]
    exposure = np.where(np.hypot(x, y) < 35, 1e4 * np.exp(-np.hypot(x, y) / 50), 0)[None].astype(np.float32)
    assert (exposure == 0).mean() > 0.5
    assert sky_noise(exposure, ALL)[0] == pytest.approx(exposure.std(), rel=1e-5)


@pytest.mark.real
def test_first_survey(real_data):
    # Becker, White & Helfand 1995: typical rms 0.15 mJy/beam
    paths = sorted((real_data / "mirabest").glob("**/*.fits"))[::40]
    images = [np.squeeze(fits.getdata(path)).astype(np.float32)[None] for path in paths]
    noise = [sky_noise(image, ALL)[0] for image in images]
    assert 0.12e-3 < np.median(noise) < 0.18e-3


def test_each_band_has_its_noise_from_its_valid_pixels(rng):
    image = rng.normal(0, [[[1]], [[10]]], (2, 100, 100)).astype(np.float32)
    valid = np.ones((2, 100, 100), dtype=bool)
    valid[0, :60] = False
    image[0, :60] = 1e6
    image[1, :30] = np.nan
    image[1, 30, :50] = np.inf
    noise = sky_noise(image, valid)
    np.testing.assert_allclose(noise, [1, 10], rtol=0.05)
    np.testing.assert_array_equal(noise[:1], sky_noise(image[:1, 60:], ALL))


def test_cubes(rng):
    cube = rng.normal(0, 3, (1, 10, 30, 30)).astype(np.float32)
    assert sky_noise(cube, np.ones((1, 1, 1, 1), dtype=bool))[0] == pytest.approx(3, rel=0.03)


def test_nothing_to_measure_is_nan():
    assert np.isnan(sky_noise(np.zeros((2, 0, 4), dtype=np.float32), ALL)).all()
    assert np.isnan(sky_noise(np.ones((1, 4, 4), dtype=np.float32), ~ALL)).all()
    assert np.isnan(sky_noise(np.full((1, 4, 4), np.nan, dtype=np.float32), ALL)).all()


@pytest.mark.parametrize("value", [0.0, 7.0, -0.25])
def test_an_image_of_one_value_has_no_noise(value):
    assert sky_noise(np.full((1, 8, 8), value, dtype=np.float32), ALL)[0] == 0


def test_large_images_are_measured_on_a_subset_of_every_column(rng):
    # Columns alternate between two noises; a stride of 2 would see one of them alone.
    columns = np.resize([1.0, 2.0], 1200)
    image = (rng.standard_normal((1, 1200, 1200), dtype=np.float32) * columns).astype(np.float32)
    small = sky_noise(image[:, :800], ALL)
    np.testing.assert_allclose(sky_noise(image, ALL), small, rtol=0.01)


@settings(max_examples=40)
@given(exponent=st.integers(-30, 30), mean=st.sampled_from([0.05, 2.0, 1000.0]), offset=st.integers(-3, 3))
def test_noise_follows_the_unit_and_not_the_zero_point(exponent, mean, offset):
    counts = np.random.default_rng(3).poisson(mean, (1, 40, 40)).astype(np.float32)
    unit = np.float32(2.0**exponent)  # a power of two, so that scaling is exact
    expected = sky_noise(counts, ALL) * unit
    np.testing.assert_allclose(sky_noise((counts + offset) * unit, ALL), expected, rtol=1e-5)
