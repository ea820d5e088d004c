"""Normalizations, each against numpy or astropy, and what all of them promise."""

import numpy as np
import pytest
import torch
from astropy.stats import mad_std
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import ValidationError

from merkhet.config import normalize as schemas
from merkhet.config.base import build, members
from merkhet.data.sample import Batch
from merkhet.errors import ConfigError, InputError
from merkhet.models.normalize import Normalizer, fit_normalization

CONFIGS = {
    "asinh": schemas.AsinhNoise(),
    "noise": schemas.NoiseUnits(),
    "image": schemas.ImageStandard(),
    "robust": schemas.Robust(),
    "dataset": schemas.DatasetStandard(mean=(1.0, -2.0), std=(3.0, 0.5)),
    "log_minmax": schemas.LogMinMax(),
}


def make_batch(image, *, valid=None, noise=None) -> Batch:
    image = torch.as_tensor(image)
    valid = torch.ones_like(image, dtype=torch.bool) if valid is None else torch.as_tensor(valid)
    noise = torch.ones(image.shape[:2]) if noise is None else torch.as_tensor(noise)
    return {"image": torch.where(valid, image, torch.nan), "valid": valid, "noise": noise}


def sky(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    return torch.from_numpy(rng.normal(5, 2, shape).astype(np.float32))


def make(kind: str) -> Normalizer:
    normalizer: Normalizer = build(CONFIGS[kind])
    return normalizer


def test_every_normalization_is_tested():
    of_three_bands = {"counts"}  # in test_counts.py
    assert CONFIGS.keys() | of_three_bands == members(schemas.Normalization).keys()


@pytest.mark.parametrize("shape", [(3, 2, 11, 9), (3, 2, 4, 7, 9)], ids=["image", "cube"])
@pytest.mark.parametrize("kind", CONFIGS)
class TestContract:
    def test_invalid_pixels_become_zero_and_change_nothing(self, rng, kind, shape):
        image = sky(rng, *shape)
        valid = torch.from_numpy(rng.random((3, 1, *shape[2:])) < 0.7)  # one mask for both bands
        batch = make_batch(image, valid=valid)
        x, scale, offset = make(kind)(batch)
        assert x.shape == image.shape
        assert x.dtype == torch.float32
        assert x.isfinite().all()
        assert (x[~valid.expand_as(x)] == 0).all()
        for extra in (scale, offset):
            assert torch.broadcast_shapes(extra.shape, x.shape) == x.shape
        for junk in (1e9, torch.inf, -torch.inf):
            spoiled = {**batch, "image": torch.where(valid, image, junk)}
            assert torch.equal(make(kind)(spoiled)[0], x)

    def test_infinities_are_left_out_even_where_valid(self, rng, kind, shape):
        image = sky(rng, *shape)
        image[0, 0, ..., 1] = torch.inf
        image[0, 1, ..., 2] = -torch.inf
        x, _, _ = make(kind)(make_batch(image))
        expected, _, _ = make(kind)(make_batch(image, valid=image.isfinite()))
        assert torch.equal(x, expected)

    def test_physical_units_come_back(self, rng, kind, shape):
        image = sky(rng, *shape).clamp(min=0.01)
        x, scale, offset = make(kind)(make_batch(image))
        back = make(kind).denormalize(x, scale=scale, offset=offset)
        torch.testing.assert_close(back, image, rtol=2e-5, atol=1e-5)

    def test_nothing_to_learn_and_nothing_to_store(self, kind, shape):
        assert not list(make(kind).parameters())
        assert not make(kind).state_dict()

    def test_autocast_does_not_reach_it(self, rng, kind, shape):
        batch = make_batch(sky(rng, *shape))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            x, scale, offset = make(kind)(batch)
        assert all(torch.equal(a, b) for a, b in zip((x, scale, offset), make(kind)(batch), strict=True))

    def test_without_a_valid_pixel_all_is_zero(self, kind, shape):
        batch = make_batch(
            torch.ones(shape), valid=torch.zeros(shape, dtype=torch.bool), noise=torch.full((3, 2), torch.nan)
        )
        x, scale, offset = make(kind)(batch)
        assert (x == 0).all()
        assert scale.isfinite().all()
        assert offset.isfinite().all()

    def test_a_mask_without_band_axis_is_refused(self, kind, shape):
        batch = make_batch(torch.ones(shape))
        with pytest.raises(ValueError, match="valid has shape"):
            make(kind)({**batch, "valid": batch["valid"][:, 0]})


def test_subclasses_are_called_outside_autocast():
    class Probe(Normalizer):
        def normalize(self, image, good, batch):
            assert not torch.is_autocast_enabled("cpu")
            return image, image, image

    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert Probe()(make_batch(torch.ones(1, 1, 2, 2, dtype=torch.bfloat16)))[0].dtype == torch.float32


class TestAsinhNoise:
    def test_formula(self, rng):
        image, noise = sky(rng, 2, 3, 8, 8), torch.tensor([[1.0, 2.0, 3.0], [0.1, 0.2, 0.3]])
        x, scale, _ = build(schemas.AsinhNoise(softening=2.0))(make_batch(image, noise=noise))
        expected = np.arcsinh(image.numpy() / (2 * noise.numpy()[..., None, None]))
        np.testing.assert_allclose(x.numpy(), expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(scale[..., 0, 0], 2 * noise)

    @pytest.mark.parametrize("noise", [0.0, torch.nan, torch.inf, -1.0, 1e-38])
    def test_noise_that_is_none_gets_a_floor(self, noise):
        image = torch.tensor([0.0, 1.0, -2.0, 100.0]).reshape(1, 1, 2, 2)
        x, scale, offset = make("asinh")(make_batch(image, noise=torch.tensor([[noise]])))
        assert scale.item() == pytest.approx(100 / 1e9)
        assert x.abs().max().item() == pytest.approx(np.arcsinh(1e9), rel=1e-5)
        back = make("asinh").denormalize(x, scale=scale, offset=offset)
        torch.testing.assert_close(back, image, rtol=1e-5, atol=1e-5)

    def test_an_empty_image_without_noise_is_zero(self):
        x, scale, _ = make("asinh")(make_batch(torch.zeros(1, 1, 4, 4), noise=torch.zeros(1, 1)))
        assert (x == 0).all()
        assert scale.item() == 1

    @settings(max_examples=50)
    @given(
        image=hnp.arrays(np.float32, (1, 1, 4, 4), elements=st.floats(-(2.0**40), 2.0**40, width=32)),
        noise=st.floats(0, 2.0**20, width=32),
    )
    def test_round_trip_over_the_whole_range(self, image, noise):
        x, scale, offset = make("asinh")(make_batch(image, noise=torch.tensor([[noise]])))
        assert x.isfinite().all()
        assert x.abs().max() < 22
        back = make("asinh").denormalize(x, scale=scale, offset=offset).numpy()
        np.testing.assert_allclose(back, image, rtol=2e-5, atol=1e-30)


class TestNoiseUnits:
    def test_formula(self, rng):
        image, noise = sky(rng, 2, 3, 8, 8), torch.tensor([[1.0, 2.0, 3.0], [0.1, 0.2, 0.3]])
        x, scale, offset = build(schemas.NoiseUnits(clip=6.0))(make_batch(image, noise=noise))
        expected = np.clip(image.numpy() / noise.numpy()[..., None, None], -6, 6)
        np.testing.assert_allclose(x.numpy(), expected, rtol=1e-6)
        np.testing.assert_allclose(scale[..., 0, 0], noise)
        assert (np.abs(expected) == 6).any()
        assert (offset == 0).all()

    @pytest.mark.parametrize("noise", [0.0, -1.0, np.nan, np.inf])
    def test_noise_that_is_none_gives_finite_numbers(self, noise):
        image = torch.tensor([[[[0.0, 2.0], [0.0, -4.0]]]])
        x, _, _ = build(schemas.NoiseUnits())(make_batch(image, noise=torch.full((1, 1), noise)))
        np.testing.assert_allclose(x.numpy(), image.numpy() / 4e-9, rtol=1e-5)


class TestImageStandard:
    def test_mean_and_standard_deviation_of_valid_pixels(self, rng):
        image = sky(rng, 3, 2, 15, 14)
        valid = torch.from_numpy(rng.random((3, 2, 15, 14)) < 0.8)
        x, scale, offset = make("image")(make_batch(image, valid=valid))
        pixels = np.where(valid, image, np.nan).astype(np.float64)
        mean, std = (f(pixels, axis=(2, 3), keepdims=True) for f in (np.nanmean, np.nanstd))
        np.testing.assert_allclose(offset, mean, rtol=1e-6)
        np.testing.assert_allclose(scale, std, rtol=1e-6)
        np.testing.assert_allclose(x, np.nan_to_num((pixels - mean) / std), rtol=1e-4, atol=1e-5)

    def test_an_offset_far_above_the_noise_costs_no_digits(self, rng):
        noise = rng.normal(0, 1e-3, (1, 1, 64, 64))
        x, _, _ = make("image")(make_batch((5 + noise).astype(np.float32)))
        np.testing.assert_allclose(x, (noise - noise.mean()) / noise.std(), atol=2e-3)

    def test_a_constant_image_is_zero(self):
        x, scale, offset = make("image")(make_batch(torch.full((1, 1, 4, 4), 3.0)))
        assert (x == 0).all()
        assert (scale.item(), offset.item()) == (1, 3)


class TestRobust:
    def test_median_and_mad_of_valid_pixels(self, rng):
        image = sky(rng, 4, 2, 15, 15)
        valid = torch.ones_like(image, dtype=torch.bool)
        valid[:, :, 0] = False  # 210 pixels are left: an even number, so one more
        valid[:, :, 1, 0] = False
        x, scale, offset = make("robust")(make_batch(image, valid=valid))
        pixels = np.where(valid, image, np.nan).reshape(4, 2, -1)
        np.testing.assert_array_equal(offset[..., 0, 0], np.nanmedian(pixels, axis=2))
        np.testing.assert_allclose(scale[..., 0, 0], mad_std(pixels, axis=2, ignore_nan=True), rtol=1e-6)
        expected = (image - offset) / scale
        torch.testing.assert_close(x, torch.where(valid, expected, 0.0))

    def test_clip(self, rng):
        image = sky(rng, 1, 1, 20, 20)
        image[..., 3, 3] = 1e6
        x, _, _ = build(schemas.Robust(clip=4.0))(make_batch(image))
        assert x.max() == 4
        assert x.min() >= -4

    def test_sparse_counts_are_scaled_by_their_standard_deviation(self, rng):
        counts = rng.poisson(0.1, (1, 1, 30, 30)).astype(np.float32)
        x, scale, offset = make("robust")(make_batch(counts))
        assert offset.item() == 0
        assert scale.item() == pytest.approx(counts.std(), rel=1e-5)
        np.testing.assert_allclose(x, counts / counts.std(), rtol=1e-5)

    def test_a_constant_image_is_zero(self):
        x, scale, offset = make("robust")(make_batch(torch.full((1, 1, 4, 4), 7.0)))
        assert (x == 0).all()
        assert (scale.item(), offset.item()) == (1, 7)


class TestLogMinMax:
    def test_is_the_published_preprocessing(self, rng):
        image = rng.normal(3, 20, (2, 1, 16, 16)).astype(np.float32)
        image[0, 0, 0, :3] = np.nan, np.inf, -np.inf
        x, _, _ = make("log_minmax")(make_batch(image, valid=np.isfinite(image)))
        for result, raw in zip(x.numpy(), image, strict=True):
            clean = np.log1p(np.maximum(np.nan_to_num(raw, nan=0.0, posinf=0.0, neginf=0.0), 0))
            expected = (clean - clean.min()) / (clean.max() - clean.min())
            np.testing.assert_allclose(result, expected, atol=1e-6)
        assert x.amin() == 0
        assert x.amax() == 1

    @pytest.mark.parametrize("value", [0.0, 5.0, -5.0])
    def test_a_constant_image_becomes_zeros(self, value):
        x, _, _ = make("log_minmax")(make_batch(torch.full((1, 1, 8, 8), value)))
        assert (x == 0).all()

    def test_bands_of_different_units_are_stretched_apart(self, rng):
        image = sky(rng, 1, 2, 9, 9).abs()
        image[:, 1] *= 1e4
        x, _, _ = make("log_minmax")(make_batch(image))
        assert x.amax(dim=(2, 3)).tolist() == [[1, 1]]
        assert x.amin(dim=(2, 3)).tolist() == [[0, 0]]


class TestDatasetStandard:
    def test_formula(self, rng):
        image = sky(rng, 2, 2, 5, 5)
        x, _, _ = make("dataset")(make_batch(image))
        torch.testing.assert_close(x[:, 0], (image[:, 0] - 1) / 3)
        torch.testing.assert_close(x[:, 1], (image[:, 1] + 2) / 0.5)

    def test_unfitted_is_refused(self):
        with pytest.raises(ConfigError, match="mean and std are not known"):
            build(schemas.DatasetStandard())

    def test_another_number_of_bands_is_refused(self):
        with pytest.raises(ConfigError, match="2 means for an image of 1 bands"):
            make("dataset")(make_batch(torch.zeros(1, 1, 4, 4)))

    @pytest.mark.parametrize(
        ("numbers", "message"),
        [({"mean": (1.0,)}, "belong together"), ({"mean": (1.0,), "std": (1.0, 2.0)}, "1 numbers, std 2")],
    )
    def test_half_given_statistics_are_refused(self, numbers, message):
        with pytest.raises(ValidationError, match=message):
            schemas.DatasetStandard(**numbers)


class TestFit:
    @staticmethod
    def rows(rng: np.random.Generator, *, level: float = 0.0) -> list[tuple[np.ndarray, np.ndarray]]:
        # Rows of different sizes and levels: the mean of their means is not the mean of their pixels.
        sizes = [(5, 5), (40, 30), (1, 2), (17, 3)]
        rows = []
        for number, size in enumerate(sizes):
            image = rng.normal(level + number, 1 + number, (2, *size)).astype(np.float32)
            image[1] *= 100
            image[0, 0, 0] = np.nan
            rows.append((image, rng.random((1, *size)) < 0.8))
        rows.append((np.full((2, 3, 3), np.nan, np.float32), np.zeros((1, 3, 3), bool)))
        return rows

    @pytest.mark.parametrize("level", [0.0, 1e6])
    def test_pooled_over_all_valid_pixels(self, rng, level):
        rows = self.rows(rng, level=level)
        fitted = fit_normalization(schemas.DatasetStandard(), iter(rows))
        assert isinstance(fitted, schemas.DatasetStandard)
        for band in range(2):
            pixels = np.concatenate([image[band][valid[0] & np.isfinite(image[band])] for image, valid in rows])
            assert fitted.mean is not None
            assert fitted.std is not None
            assert fitted.mean[band] == pytest.approx(pixels.mean(dtype=np.float64), rel=1e-12)
            assert fitted.std[band] == pytest.approx(pixels.std(dtype=np.float64), rel=1e-9)

    @pytest.mark.parametrize("config", [*(CONFIGS.values()), schemas.Robust(clip=3.0)])
    def test_what_is_known_already_is_left_alone(self, config):
        def rows():
            raise AssertionError("rows were read")
            yield

        assert fit_normalization(config, rows()) is config

    def test_a_constant_band_is_refused(self, rng):
        image = rng.normal(size=(2, 7, 3)).astype(np.float32)
        image[1] = 0.1
        rows = [(image, np.ones((1, 7, 3), bool))] * 3
        with pytest.raises(InputError, match="training rows: band 1 has the same value in every valid pixel"):
            fit_normalization(schemas.DatasetStandard(), rows)

    def test_a_band_without_pixels_is_refused(self):
        rows = [(np.full((1, 4, 4), np.nan, np.float32), np.zeros((1, 4, 4), bool))]
        with pytest.raises(InputError, match="band 0 has no valid pixel"):
            fit_normalization(schemas.DatasetStandard(), rows)
