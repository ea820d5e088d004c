"""Statistics of images against scipy, direct formulas and shapes of known size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from merkhet.data.noise import MAD_TO_SIGMA, sky_noise
from merkhet.errors import InputError
from merkhet.evaluate.pixel_statistics import RING_EDGES, pixel_statistics
from merkhet.io.fits import read_image


def measure(images, *, valid=True, noise=1.0, bands=("I",)):
    """Statistics of ``(n, C, *S)`` images of one noise, as ``{name: (n,)}``."""
    images = np.asarray(images, dtype=np.float32)
    table = pixel_statistics(
        images,
        valid=np.broadcast_to(valid, images.shape),
        noise=np.full(images.shape[:2], noise, dtype=np.float32),
        bands=bands,
    )
    return {name: np.asarray(table[name]) for name in table.colnames}


def blob(shape, *, at, sigmas, height, angle=0.0):
    """A Gaussian of the given widths along its own axes."""
    offset = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1) - np.array(at)
    c, s = np.cos(angle), np.sin(angle)
    turned = offset.astype(float)
    turned[..., -2:] = offset[..., -2:] @ np.array([[c, -s], [s, c]])
    return height * np.exp(-0.5 * ((turned / sigmas) ** 2).sum(axis=-1))


def test_simple_numbers_match_numpy_and_scipy(rng):
    images = rng.normal(2, 3, size=(4, 2, 20, 31)).astype(np.float32)
    images[:, 1] += rng.exponential(9, size=images[:, 1].shape)
    found = measure(images, noise=3.0, bands=("I", "V"))
    for c, band in enumerate("IV"):
        for n in range(4):
            pixels = images[n, c].astype(float)
            height = (pixels - np.median(pixels)) / 3
            expected = {
                "rms": MAD_TO_SIGMA * np.median(np.abs(pixels - np.median(pixels))),
                "minimum": height.min(),
                "maximum": height.max(),
                "skewness": stats.skew(height.ravel()),
                "pixels_3": (height > 3).sum(),
                "pixels_5": (height > 5).sum(),
                "pixels_10": (height > 10).sum(),
            }
            assert {name: found[f"{band}_{name}"][n] for name in expected} == pytest.approx(expected, rel=1e-5)


def test_invalid_pixels_count_for_nothing(rng):
    image = rng.normal(size=(1, 1, 16, 16)).astype(np.float32)
    image[0, 0, :4] = 50
    valid = np.ones(image.shape, dtype=bool)
    valid[0, 0, :4] = False
    hidden = image.copy()
    hidden[0, 0, :4] = np.nan
    masked, nan = measure(image, valid=valid), measure(hidden)
    for name, values in masked.items():
        np.testing.assert_array_equal(values, nan[name])
    kept = image[0, 0, 4:].astype(float)
    assert masked["I_rms"][0] == pytest.approx(MAD_TO_SIGMA * np.median(np.abs(kept - np.median(kept))), rel=1e-6)
    assert masked["I_skewness"][0] == pytest.approx(stats.skew(kept.ravel()), abs=1e-5)
    assert masked["I_maximum"][0] < 6


def test_flux_and_concentration_of_a_blob():
    inside, outside = blob((40, 60), at=(20, 30), sigmas=2, height=100), blob((40, 60), at=(5, 8), sigmas=2, height=50)
    found = measure((inside + outside)[None, None])
    bright = inside + outside
    assert found["I_flux"][0] == pytest.approx(bright[bright > 3].sum(), rel=1e-6)
    assert found["I_concentration"][0] == pytest.approx(inside[inside > 3].sum() / bright[bright > 3].sum(), rel=1e-4)


@pytest.mark.parametrize("angle", [0.0, 0.6, np.pi / 2])
def test_size_and_axis_ratio_of_a_tilted_blob(angle):
    found = measure(blob((96, 96), at=(40.3, 51.7), sigmas=(3, 6), height=3e4, angle=angle)[None, None])
    # A Gaussian cut at 3 of 3e4 lacks 0.01 % of its flux, and of its second moment the share below.
    cut = np.log(1e4)
    lost = np.exp(-cut) * (1 + cut) / (1 - np.exp(-cut))
    assert found["I_size"][0] == pytest.approx(np.sqrt(9 + 36) * (1 - lost / 2), rel=1e-3)
    assert found["I_axis_ratio"][0] == pytest.approx(0.5, rel=1e-3)


def test_axes_of_a_cube():
    found = measure(blob((20, 40, 40), at=(10, 19, 22), sigmas=(1, 2, 4), height=1e6)[None, None])
    assert found["I_axis_ratio"][0] == pytest.approx(1 / 4, rel=0.01)
    assert found["I_size"][0] == pytest.approx(np.sqrt(1 + 4 + 16), rel=0.01)


def test_a_single_bright_pixel_has_no_extent():
    image = np.zeros((1, 1, 9, 9))
    image[0, 0, 2, 3] = 20
    found = measure(image)
    assert found["I_pixels_10"] == found["I_pixels_3"] == 1
    assert found["I_size"][0] == 0
    assert np.isnan(found["I_axis_ratio"][0])


@pytest.mark.parametrize("shape", [(24, 32), (15, 17), (8, 12, 10)])
def test_power_matches_the_whole_transform(rng, shape):
    image = rng.normal(size=shape).cumsum(axis=-1)
    found = measure(image[None, None])
    height = image - np.median(image)
    power = np.abs(np.fft.fftn(height)) ** 2 / height.size
    radius = np.sqrt(sum(f**2 for f in np.meshgrid(*map(np.fft.fftfreq, shape), indexing="ij")))
    for k in range(4):
        ring = (radius > RING_EDGES[k]) & (radius <= RING_EDGES[k + 1])
        expected = np.log10(power[ring].mean()) if ring.any() else np.nan
        assert found[f"I_power_{k + 1}"][0] == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_power_of_white_noise_is_one(rng):
    found = measure(rng.normal(0, 5, size=(20, 1, 64, 64)), noise=5.0)
    for k in range(1, 5):
        assert found[f"I_power_{k}"].mean() == pytest.approx(0, abs=0.05)


def test_images_do_not_mix(rng):
    images = rng.normal(size=(5, 2, 12, 12)) * np.arange(1, 6)[:, None, None, None]
    together = measure(images, bands=("a", "b"))
    for n in range(5):
        alone = measure(images[n : n + 1], bands=("a", "b"))
        for name, values in together.items():
            assert values[n] == pytest.approx(alone[name][0], rel=1e-6, nan_ok=True)


@pytest.mark.parametrize(
    ("image", "noise"),
    [(np.full((12, 12), np.nan), 1.0), (np.zeros((12, 12)), 0.0), (np.ones((12, 12)), np.nan)],
    ids=["no valid pixel", "no noise", "unknown noise"],
)
def test_what_is_not_defined_is_nan_without_a_warning(image, noise):
    found = measure(image[None, None], noise=noise)
    rms = found.pop("I_rms")
    assert all(np.isnan(values).all() for values in found.values())
    assert np.isnan(rms[0]) == np.isnan(image).all()


def test_a_flat_image_with_noise_has_no_skewness_and_no_power():
    found = measure(np.full((1, 1, 12, 12), 7.0))
    assert (found["I_flux"][0], found["I_pixels_3"][0], found["I_maximum"][0]) == (0, 0, 0)
    for name in ("skewness", "concentration", "size", "axis_ratio", "power_3"):
        assert np.isnan(found[f"I_{name}"][0])


@given(st.floats(1e-6, 1e6), st.floats(-100, 100), st.integers(0, 3))
@settings(max_examples=30)
def test_only_rms_knows_the_unit_and_nothing_the_level(scale, level, turns):
    image = np.random.default_rng(3).normal(size=(16, 16)) + blob((16, 16), at=(6, 9), sigmas=(1, 2), height=30)
    plain = measure(image[None, None])
    moved = measure(scale * (np.rot90(image, turns) + level)[None, None], noise=scale)
    assert moved.pop("I_rms")[0] == pytest.approx(scale * plain.pop("I_rms")[0], rel=1e-3)
    for name, values in plain.items():
        assert moved[name][0] == pytest.approx(values[0], rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(
    ("images", "noise", "bands"),
    [((2, 1, 8), (2, 1), 1), ((2, 1, 8, 8), (2, 2), 1), ((2, 1, 8, 8), (2, 1), 2)],
)
def test_shapes_that_do_not_fit(images, noise, bands):
    with pytest.raises(InputError, match="expected images"):
        pixel_statistics(
            np.zeros(images, np.float32),
            valid=np.ones(images, bool),
            noise=np.ones(noise, np.float32),
            bands=["x"] * bands,
        )


@pytest.mark.real
def test_a_mosaic_with_a_wide_invalid_margin(real_data):
    image = read_image(real_data / "radio" / "1904-66_SIN.fits")[0]
    good = np.isfinite(image)
    assert 0.2 < 1 - good.mean() < 0.6
    noise = sky_noise(image[None], good[None])
    found = measure(image[None, None], noise=float(noise[0]))
    assert all(np.isfinite(values).all() for values in found.values())
    median = np.median(image[good])
    assert found["I_pixels_5"][0] == (image[good] - median > 5 * noise[0]).sum()
    assert found["I_maximum"][0] > 50
