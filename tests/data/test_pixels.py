"""From files to bands: what is refused, and how images are brought to one shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from merkhet.config.data import ReadSpec
from merkhet.config.inputs import Band, InputSpec
from merkhet.data.pixels import center, check_units, conform, read_pixels
from merkhet.errors import InputError
from tests.skies import make_image, write_image

READ = ReadSpec()


def image_of(value: object, shape: tuple[int, ...] = (12, 12)) -> np.ndarray:
    return np.full(shape, value, dtype=np.float32)


def test_one_file_for_each_band_is_stacked(tmp_path, rng):
    paths = [write_image(tmp_path / f"{k}.fits", make_image("single", rng)) for k in range(3)]
    pixels = read_pixels(paths, read=READ, channels=3, dims=2)
    assert pixels.image.shape == (3, 24, 24)
    assert pixels.noise.shape == (3,)
    assert pixels.info is not None
    assert pixels.info.unit == "Jy/beam"


def test_a_cube_is_bands_or_a_cube_or_one_plane(tmp_path, rng):
    path = write_image(tmp_path / "cube.fits", rng.normal(size=(4, 12, 12)).astype(np.float32))
    assert read_pixels([path], read=READ, channels=4, dims=2).image.shape == (4, 12, 12)
    assert read_pixels([path], read=READ, channels=1, dims=3).image.shape == (1, 4, 12, 12)
    assert read_pixels([path], read=ReadSpec(plane=2), channels=1, dims=2).image.shape == (1, 12, 12)
    with pytest.raises(InputError, match=r"4 bands .* expected 1 as in input\.bands\. Select a plane"):
        read_pixels([path], read=READ, channels=1, dims=2)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (image_of(np.nan), "every pixel is NaN or infinite"),
        (image_of(np.inf), "every pixel is NaN or infinite"),
        (image_of(0), "the image is constant"),
        (np.where(np.eye(12) > 0, np.nan, 3).astype(np.float32), "the image is constant"),
    ],
)
def test_an_image_with_nothing_in_it_is_refused(tmp_path, image, message):
    path = write_image(tmp_path / "a.fits", image)
    with pytest.raises(InputError, match=rf"a\.fits: {message}"):
        read_pixels([path], read=READ, channels=1, dims=2)


def test_bands_of_two_shapes_are_refused(tmp_path, rng):
    paths = [write_image(tmp_path / f"{n}.fits", rng.normal(size=(n, n)).astype(np.float32)) for n in (8, 9)]
    with pytest.raises(InputError, match="the bands differ in shape"):
        read_pixels(paths, read=READ, channels=2, dims=2)


def test_infinities_become_invalid(tmp_path, rng):
    image = rng.normal(size=(12, 12)).astype(np.float32)
    image[3, 4] = -np.inf
    pixels = read_pixels([write_image(tmp_path / "a.fits", image)], read=READ, channels=1, dims=2)
    assert np.isnan(pixels.image[0, 3, 4])


def test_the_checksum_knows_pixels_and_not_names(tmp_path, rng):
    image = rng.normal(size=(12, 12)).astype(np.float32)
    files = [write_image(tmp_path / name, pixels) for name, pixels in (("a.fits", image), ("b.fits", image))]
    files.append(write_image(tmp_path / "c.fits", image + 1))
    a, b, c = (read_pixels([file], read=READ, channels=1, dims=2).checksum for file in files)
    assert a == b != c


@given(st.integers(3, 20), st.integers(3, 20), st.integers(3, 20), st.integers(3, 20))
def test_center_crops_and_pads_about_the_center(h, w, to_h, to_w):
    image = np.arange(h * w, dtype=np.float32).reshape(1, h, w)
    result = conform(image, InputSpec(shape=(to_h, to_w), fit="center"), where="x")
    assert result.shape == (1, to_h, to_w)
    kept = np.isfinite(result)
    assert kept.sum() == min(h, to_h) * min(w, to_w)
    assert set(result[kept]) <= set(image.ravel())
    if (to_h, to_w) == (h, w):
        np.testing.assert_array_equal(result, image)


def test_exact_refuses_another_shape_and_any_takes_it():
    image = np.zeros((1, 5, 6), np.float32)
    with pytest.raises(InputError, match=r"x: image is 5 x 6 px; expected 6 x 6 px\. Crop or pad it about its center"):
        conform(image, InputSpec(shape=(6, 6)), where="x")
    assert conform(image, InputSpec(shape=(6, 6), fit="any"), where="x").shape == (1, 5, 6)


@settings(max_examples=30)
@given(st.integers(2, 200), st.integers(2, 200))
def test_resizing_is_linear_from_corner_to_corner(h, w):
    # A plane stays a plane, whatever the sizes: the value at a corner is the value at the corner.
    y, x = np.mgrid[:h, :w].astype(np.float32)
    image = np.stack([3 + 2 * y / (h - 1) - x / (w - 1), y * 0 + 5])[None]
    bands = (Band(name="a"), Band(name="b"))
    result = conform(image, InputSpec(bands=bands, shape=(64, 64), fit="resize"), where="x")
    row, column = np.mgrid[:64, :64] / 63
    assert result.shape == (1, 2, 64, 64)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[0, 0], 3 + 2 * row - column, atol=1e-5)
    np.testing.assert_allclose(result[0, 1], 5, rtol=1e-6)


def test_invalid_pixels_count_as_zero_when_an_image_is_resized():
    image = np.full((1, 8, 8), 2, np.float32)
    image[0, :4] = np.nan
    filled = np.nan_to_num(image)
    spec = InputSpec(shape=(5, 5), fit="resize")
    np.testing.assert_array_equal(conform(image, spec, where="x"), conform(filled, spec, where="x"))


@given(st.integers(1, 4), st.integers(4, 17), st.integers(4, 17))
def test_binning_averages_or_sums_blocks(factor, h, w):
    image = np.random.default_rng(h * w).normal(size=(2, h, w)).astype(np.float32)
    bands = (Band(name="a"), Band(name="b"))
    mean = conform(image, InputSpec(bands=bands, bin=factor), where="x")
    total = conform(image, InputSpec(bands=bands, bin=factor, bin_mode="sum"), where="x")
    assert mean.shape == (2, h // factor, w // factor)
    np.testing.assert_allclose(total, mean * factor**2, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mean[:, 0, 0], image[:, :factor, :factor].mean(axis=(1, 2)), rtol=1e-4, atol=1e-6)


def test_a_block_with_an_invalid_pixel_is_invalid():
    image = np.ones((1, 4, 4), np.float32)
    image[0, 0, 0] = np.nan
    assert np.isnan(conform(image, InputSpec(bin=2), where="x")).sum() == 1


def test_each_band_must_have_its_unit():
    bands = (Band(name="counts", unit="count"), Band(name="exposure", unit="s"))
    check_units(("ct", None), bands, where="x")
    with pytest.raises(InputError, match=r"x: unit of band exposure is Jy; expected s\. Convert the image"):
        check_units(("count", "Jy"), bands, where="x")


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 24))
@settings(max_examples=30)
def test_narrow_images_are_padded_about_their_center_and_wide_ones_taken(height, width, pad_to):
    spec = InputSpec(fit="any", pad_to=pad_to)
    image = np.arange(height * width, dtype=np.float32).reshape(1, height, width)
    padded = conform(image, spec, where="a")
    assert padded.shape == (1, max(height, pad_to), max(width, pad_to))
    assert np.isfinite(padded).sum() == image.size
    np.testing.assert_array_equal(center(padded, (height, width)), image)


def test_images_that_are_too_small_are_refused():
    spec = InputSpec(fit="any", smallest=64, pad_to=256)
    assert conform(image_of(1, (1, 64, 64)), spec, where="a").shape == (1, 256, 256)
    with pytest.raises(InputError, match=r"a\.fits: image is 32 x 100 px; expected at least 64 x 64 px"):
        conform(image_of(1, (1, 32, 100)), spec, where="a.fits")
    with pytest.raises(ValidationError, match="pad_to is for fit=any, but fit is center"):
        InputSpec(fit="center", pad_to=256)
