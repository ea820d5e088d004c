"""The peak over the noise, pixel by pixel."""

import numpy as np

from merkhet.data.peak import peak_over_noise


def test_the_peak_is_counted_from_the_median_in_units_of_the_noise():
    image = np.full((2, 5, 5), 100.0, dtype=np.float32)
    image[0, 2, 3], image[1, 0, 0] = 130, 104
    np.testing.assert_allclose(peak_over_noise(image, np.array([3, 2], np.float32)), [10, 2])


def test_invalid_pixels_are_left_out_and_what_cannot_be_measured_is_nan():
    image = np.zeros((3, 2, 2, 2), dtype=np.float32)
    image[:, 0, 0, 0] = 6
    image[0, 1, 1, 1] = np.inf
    image[1] = np.nan
    peak = peak_over_noise(image, np.array([2, 2, 0], np.float32))
    np.testing.assert_array_equal(peak, np.array([3, np.nan, np.nan], np.float32))


def test_of_a_large_image_every_pixel_may_be_the_peak_and_a_subset_gives_the_median(rng):
    image = rng.normal(5, 2, (1, 1200, 1100)).astype(np.float32)
    image[0, 77, 78] = 1005
    median = float(np.median(image))
    peak = peak_over_noise(image, np.array([2], np.float32))
    np.testing.assert_allclose(peak, (1005 - median) / 2, atol=0.01)
