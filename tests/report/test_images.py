import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from merkhet.report.images import asinh_stretch, gallery_plot, scale_bar


def test_gallery_draws_the_first_pixel_at_the_lower_left(tmp_path):
    pixels = np.zeros((40, 40), dtype=np.float32)
    pixels[:20, :20] = 1
    gallery_plot(pixels, save_path=tmp_path / "a.png")
    drawn = np.asarray(Image.open(tmp_path / "a.png").convert("L"), dtype=float)
    height, width = drawn.shape
    corner = drawn[int(0.75 * height), int(0.4 * width)]
    assert corner > drawn[: height // 2].mean() + 50


@pytest.mark.parametrize("pixels", [np.full((8, 8), np.nan), np.zeros((8, 8)), np.ones((3, 90))])
def test_gallery_of_hopeless_images(pixels, tmp_path):
    gallery_plot(pixels.astype(np.float32), pixel_scale_arcsec=1.8, save_path=tmp_path / "a.png")


def test_stretch_matches_the_formula(rng):
    pixels = (rng.normal(2, 0.5, size=(64, 64))).astype(np.float32)
    pixels[30, 30] = 100
    median = np.median(pixels)
    sigma = 1.4826 * np.median(abs(pixels - median))
    low, high = median - 2 * sigma, median + 6 * sigma  # the percentile is lower than 6 sigma here
    stretched = asinh_stretch(pixels)
    inner = (pixels > low) & (pixels < high)
    scale = 3 * sigma
    expected = np.arcsinh((pixels - median) / scale) - np.arcsinh(-2 / 3)
    expected /= np.arcsinh(6 / 3) - np.arcsinh(-2 / 3)
    np.testing.assert_allclose(stretched[inner], expected[inner], rtol=1e-4)
    assert stretched[30, 30] == 1


@given(st.lists(st.floats(-1e6, 1e6, width=32) | st.just(float("nan")), min_size=4, max_size=64))
def test_stretch_keeps_order_and_nan(values):
    pixels = np.array(values, dtype=np.float32)[None]
    stretched = asinh_stretch(pixels)
    finite = np.isfinite(pixels)
    np.testing.assert_array_equal(np.isfinite(stretched), finite)
    assert ((stretched[finite] >= 0) & (stretched[finite] <= 1)).all()
    assert (np.diff(stretched[finite][np.argsort(pixels[finite])]) >= 0).all()


@pytest.mark.parametrize(
    ("width", "scale", "length", "text"),
    [
        (150, 1.8, 60 / 1.8, "1 arcmin"),
        (64, 1.8, 20 / 1.8, "20 arcsec"),
        (100, None, 20, "20 px"),
        (2, None, 1, "1 px"),
        (1000, 1.0, 300, "5 arcmin"),
        (1000, 36.0, 200, "2 deg"),
        (64, 0.05, 20, "1 arcsec"),
    ],
)
def test_scale_bar_is_round(width, scale, length, text):
    pixels, written = scale_bar(width, pixel_scale_arcsec=scale)
    assert pixels == pytest.approx(length)
    assert written == text


@given(st.integers(3, 4_000), st.floats(1e-3, 300))  # 4,000 pixels of 300" go almost once around the sky
def test_scale_bar_covers_at_most_a_third_and_not_too_little(width, scale):
    length, _ = scale_bar(width, pixel_scale_arcsec=scale)
    assert width / 15 * (1 - 1e-9) <= length <= width / 3 * (1 + 1e-9)
