"""Statistics of radio images: what each artifact raises, what leaves them alone, and direct formulas."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from merkhet.errors import InputError
from merkhet.evaluate.pixel_statistics import pixel_statistics
from merkhet.evaluate.radio_statistics import EULER, SECTORS, radio_statistics
from merkhet.io.fits import read_image

SIZE = 192


def measure(images, *, valid=True, noise=1.0, bands=("I",)):
    images = np.asarray(images, dtype=np.float32).reshape(-1, len(bands), *np.shape(images)[-2:])
    table = radio_statistics(
        images,
        valid=np.broadcast_to(valid, images.shape),
        noise=np.full(images.shape[:2], noise, dtype=np.float32),
        bands=bands,
    )
    return {name: np.asarray(table[name]) for name in table.colnames}


def noise(rng, *, n=8):
    """Noise with a beam of some pixels, of rms 1."""
    images = scipy.ndimage.gaussian_filter(rng.normal(size=(n, SIZE, SIZE)), (0, 1.2, 1.2), mode="wrap")
    return images / images.std()


def stripes(*, angle=0.6, cycles=12.0):
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    return np.sqrt(2) * np.cos(2 * np.pi * cycles * (np.cos(angle) * x + np.sin(angle) * y))


def strip(rng):
    """Power along one direction of the Fourier plane: a source far outside the image."""
    u, v = np.meshgrid(np.fft.fftfreq(SIZE), np.fft.fftfreq(SIZE))
    near = np.abs(np.cos(0.6) * v - np.sin(0.6) * u) < 1.5 / SIZE
    image = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIZE, SIZE))) * near).real
    return image / image.std()


def sources(rng, *, bowl=0.0):
    y, x = np.mgrid[:SIZE, :SIZE]
    image = np.zeros((SIZE, SIZE))
    for _ in range(8):
        radius2 = (x - rng.integers(20, SIZE - 20)) ** 2 + (y - rng.integers(20, SIZE - 20)) ** 2
        image += 60 * (np.exp(-radius2 / 6) - bowl * np.exp(-((np.sqrt(radius2) - 5) ** 2) / 2))
    return image


def test_the_statistics_of_pixels_are_among_them(rng):
    images = noise(rng, n=2)[:, None].astype(np.float32)
    plain = pixel_statistics(images, valid=np.ones_like(images, bool), noise=np.ones((2, 1), np.float32), bands=["I"])
    found = measure(images)
    assert len(found) == len(plain.colnames) + 20
    for name in plain.colnames:
        np.testing.assert_array_equal(found[name], plain[name])


def raised(found, plain, name):
    """How many standard deviations of clean images a statistic lies above theirs."""
    return (found[f"I_{name}"] - plain[f"I_{name}"].mean()) / plain[f"I_{name}"].std()


def test_stripes_are_few_outstanding_cells(rng):
    clean = noise(rng, n=12)
    plain, found = measure(clean[:8]), measure(clean[8:] + 0.3 * stripes())
    for name in ("cell_peak", "patch_peak"):
        assert (raised(found, plain, name) > 8).all(), name


def test_a_source_far_outside_is_a_direction(rng):
    clean = noise(rng, n=12)
    plain, found = measure(clean[:8]), measure(clean[8:] + 0.5 * strip(rng))
    for name in ("sector_peak", "sector_scatter", "sector_peak_inner"):
        assert (raised(found, plain, name) > 5).all(), name


def test_what_was_not_deconvolved_has_pits(rng):
    clean = noise(rng, n=4)
    bright = sources(rng)
    restored, dirty = measure(clean + bright), measure(clean + sources(rng, bowl=0.15))
    assert (dirty["I_bowl"] < restored["I_bowl"] - 0.05).all()
    assert (dirty["I_pits"] > restored["I_pits"]).all()
    plain = measure(clean)
    assert np.isnan(plain["I_extent"]).all()


def test_bright_sources_move_the_fourier_statistics_little(rng):
    clean = noise(rng, n=8)
    plain, found = measure(clean), measure(clean + sources(rng))
    assert (raised(found, plain, "cell_peak") < 8).all()


def test_extent_is_sum_over_peak_of_a_source(rng):
    y, x = np.mgrid[:SIZE, :SIZE]
    image = 1e4 * np.exp(-((x - 90) ** 2 + (y - 80) ** 2) / (2 * 1.5**2))
    found = measure(image + rng.normal(0, 0.1, image.shape))
    side = np.arange(-3, 4)
    assert found["I_extent"][0] == pytest.approx(np.exp(-(side**2) / (2 * 1.5**2)).sum() ** 2, rel=1e-3)
    assert found["I_extent_scatter"][0] == 0


def test_noise_has_the_moments_of_an_exponential(rng):
    found = measure(rng.normal(size=(10, SIZE, SIZE)))
    assert found["I_cell_scatter"].mean() == pytest.approx(1, abs=0.03)
    assert found["I_cell_peak"].mean() == pytest.approx(EULER, abs=1)  # of a Gumbel distribution
    assert found["I_central_rms"].mean() == pytest.approx(1, abs=0.05)
    assert np.abs(found["I_kurtosis"]).max() < 0.1
    assert SECTORS == 36


def test_noise_that_rises_to_the_edge(rng):
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    found = measure(rng.normal(size=(SIZE, SIZE)) * (1 + 4 * (x**2 + y**2)))
    assert found["I_central_rms"][0] < 0.85
    assert found["I_block_high"][0] > 1.5


@given(st.floats(1e-6, 1e6), st.floats(-10, 10), st.integers(0, 3))
@settings(max_examples=10)
def test_unit_level_and_quarter_turns_do_not_matter(scale, level, turns):
    rng = np.random.default_rng(5)
    image = noise(rng, n=1)[0] + 0.5 * stripes() + sources(rng)
    plain, moved = measure(image), measure(scale * (np.rot90(image, turns) + level), noise=scale)
    for name in ("cell_peak", "cell_scatter", "block_high", "extent", "bowl", "kurtosis", "sector_scatter"):
        assert moved[f"I_{name}"][0] == pytest.approx(plain[f"I_{name}"][0], rel=0.05, abs=0.02), name


def test_invalid_pixels_count_for_nothing(rng):
    image = noise(rng, n=1)[0]
    hidden = image.copy()
    hidden[:, :50] = np.nan
    masked = measure(np.where(np.isnan(hidden), 99, image), valid=np.isfinite(hidden))
    for name, values in measure(hidden).items():
        np.testing.assert_array_equal(values, masked[name])
        assert np.isfinite(values).all() or "extent" in name or "bowl" in name


@pytest.mark.parametrize(
    ("image", "sigma"),
    [
        (np.full((64, 64), np.nan), 1.0),
        (np.zeros((64, 64)), 0.0),
        (np.zeros((64, 64)), 1.0),
        (np.ones((64, 64)), np.nan),
        (np.zeros((8, 8)), 1.0),
    ],
    ids=["nothing valid", "no noise", "flat", "unknown noise", "too small"],
)
def test_what_is_not_defined_is_nan_without_a_warning(image, sigma):
    found = measure(image, noise=sigma)
    assert np.isnan(found["I_cell_peak"]).all()
    assert np.isnan(found["I_bowl"]).all()


def test_bands_do_not_mix(rng):
    images = np.stack([noise(rng, n=2), noise(rng, n=2) + stripes()], axis=1)
    together = measure(images, bands=("a", "b"))
    for c, band in enumerate("ab"):
        alone = measure(images[:, c])
        np.testing.assert_allclose(together[f"{band}_cell_peak"], alone["I_cell_peak"])


def test_cubes_are_refused():
    with pytest.raises(InputError, match="expected two spatial axes"):
        measure_cube = np.zeros((1, 1, 4, 64, 64), np.float32)
        radio_statistics(measure_cube, valid=measure_cube == 0, noise=np.ones((1, 1), np.float32), bands=["I"])


@pytest.mark.real
def test_a_mosaic_with_a_wide_invalid_margin(real_data):
    image = read_image(real_data / "radio" / "1904-66_SIN.fits")[0]
    found = measure(image, noise=float(np.nanstd(image)))
    assert np.isfinite(found["I_cell_peak"]).all()
