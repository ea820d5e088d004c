"""Augmentations: what they do to pixels, noise and targets, and that it belongs to the sample alone."""

import math
import pickle

import numpy as np
import pytest
import torch
from scipy import stats

from merkhet.config import augment as schemas
from merkhet.config.base import members
from merkhet.config.inputs import Band
from merkhet.data.augment import Augmenter, beam_noise
from merkhet.data.sample import Batch, Target
from merkhet.errors import ConfigError, InputError
from tests.data.batches import assert_same, make_batch, select
from tests.data.blobs import Blob, angle_between, measure, render

COUNTS, EXPOSURE, BACKGROUND = (
    Band(name="counts"),
    Band(name="exposure", role="exposure"),
    Band(name="background", role="background"),
)
BANDS = (COUNTS, EXPOSURE, BACKGROUND)
CONFIGS: dict[str, schemas.Step] = {
    "dihedral": schemas.Dihedral(),
    "affine": schemas.Affine(shift_px=2.5),
    "shift": schemas.Shift(),
    "flux_scale": schemas.FluxScale(),
    "poisson": schemas.PoissonNoise(),
    "beam_noise": schemas.BeamNoise(),
}
# Thinning first, while the counts are whole numbers.
CHAIN = [CONFIGS[kind] for kind in ("poisson", "dihedral", "affine", "shift", "flux_scale", "beam_noise")]


def augment(
    batch: Batch, *configs: schemas.Step, bands: tuple[Band, ...] = BANDS, seed: int = 1, epoch: int = 0
) -> Batch:
    return Augmenter(configs, seed=seed, bands=bands)(batch, epoch=epoch)


def test_every_augmentation_is_tested():
    elsewhere = {"after_normalization"}  # it leaves pixels alone: tests/data/test_after_normalization.py
    assert CONFIGS.keys() | elsewhere == members(schemas.Augmentation).keys()


@pytest.mark.parametrize("shape", [(20, 20), (15, 22), (3, 16, 16)], ids=["square", "oblong", "cube"])
@pytest.mark.parametrize("kind", CONFIGS)
class TestContract:
    def test_keeps_form_and_inputs(self, kind, shape):
        batch, untouched = make_batch(shape=shape), make_batch(shape=shape)
        result = augment(batch, CONFIGS[kind])
        assert_same(batch, untouched)
        assert result.keys() == batch.keys()
        for key in ("image", "valid", "noise"):
            assert result[key].shape == batch[key].shape
            assert result[key].dtype == batch[key].dtype
        assert torch.equal(result["image"].isfinite(), result["valid"].expand_as(result["image"]))
        assert torch.equal(result["index"], batch["index"])
        assert torch.equal(result["target"]["label"].value, batch["target"]["label"].value)
        assert not torch.equal(result["image"].nan_to_num(), batch["image"].nan_to_num()), "it does nothing"

    def test_a_sample_fares_alike_in_any_batch(self, kind, shape):
        batch = make_batch(n=19, shape=shape)
        whole = augment(batch, CONFIGS[kind])
        order = torch.randperm(19, generator=torch.Generator().manual_seed(1))
        assert_same(augment(select(batch, order), CONFIGS[kind]), select(whole, order))
        for rows in order.split([1, 3, 15]):
            assert_same(augment(select(batch, rows), CONFIGS[kind]), select(whole, rows))


def test_threads_change_nothing():
    batch = make_batch(n=9, shape=(64, 64))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        single = augment(batch, *CHAIN)
        torch.set_num_threads(3)
        assert_same(augment(batch, *CHAIN), single)
    finally:
        torch.set_num_threads(threads)


def test_seed_epoch_and_repeat_change_what_happens():
    batch = make_batch()
    augmenter = Augmenter(CHAIN, seed=1, bands=BANDS)
    first = augmenter(batch, epoch=0)
    assert_same(augmenter(batch, epoch=0, repeat=torch.zeros(6, dtype=torch.int64)), first)
    for other in (
        augmenter(batch, epoch=1),
        augmenter(batch, epoch=0, repeat=torch.ones(6, dtype=torch.int64)),
        Augmenter(CHAIN, seed=2, bands=BANDS)(batch, epoch=0),
    ):
        assert not torch.equal(other["noise"], first["noise"])


def test_two_of_a_kind_are_drawn_apart():
    # the same element twice would always be a turn whose square it is
    batch = make_batch(n=64)
    twice = augment(batch, schemas.FluxScale(), schemas.FluxScale())
    once = augment(batch, schemas.FluxScale())
    first, both = (entry["noise"][:, 0].log() - math.log(2) for entry in (once, twice))
    assert abs(np.corrcoef(first, both - first)[0, 1]) < 0.4


def test_travels_to_worker_processes():
    augmenter = Augmenter(CHAIN, seed=1, bands=BANDS)
    assert_same(pickle.loads(pickle.dumps(augmenter))(make_batch(), epoch=3), augmenter(make_batch(), epoch=3))


class TestMotions:
    @pytest.mark.parametrize("config", [schemas.Dihedral(), schemas.Affine(shift_px=3), schemas.Shift(max_px=5)])
    @pytest.mark.parametrize("shape", [(57, 57), (56, 63)])
    def test_measured_position_and_angle_are_the_targets(self, config, shape):
        n = 40
        blob = Blob(
            x=torch.linspace(-3, 3, n).double() + shape[1] / 2,
            y=torch.linspace(4, -2, n).double() + shape[0] / 2,
            angle=torch.linspace(0, 3, n).double(),
            flux=torch.full((n,), 50.0, dtype=torch.float64),
        )
        image = render(blob, shape=shape)
        target = {
            "xy": Target("objects", torch.stack([blob.x, blob.y], dim=1)[:, None].float(), torch.ones(n).long()),
            "angle": Target("angle", blob.angle.float()),
        }
        batch: Batch = {
            "image": image,
            "valid": image.isfinite(),
            "noise": torch.ones(n, 1),
            "index": torch.arange(n),
            "target": target,
        }
        result = augment(batch, config, bands=(COUNTS,))
        seen = measure(result["image"])
        torch.testing.assert_close(
            torch.stack([seen.x, seen.y], dim=1).float(), result["target"]["xy"].value[:, 0], rtol=0, atol=0.02
        )
        assert (angle_between(seen.angle, result["target"]["angle"].value).abs() < 0.01).all()
        torch.testing.assert_close(seen.flux, blob.flux, rtol=1e-3, atol=0)

    @pytest.mark.parametrize(("shape", "elements"), [((8, 8), 8), ((8, 9), 4)])
    def test_dihedral_visits_every_element_equally(self, shape, elements):
        n = 800
        image = torch.rand(1, 1, *shape).expand(n, -1, -1, -1)
        batch = {**make_batch(n=n, bands=1, shape=shape), "image": image, "target": {}}
        result = augment(batch, schemas.Dihedral(), bands=(COUNTS,))["image"]
        _, counts = np.unique(result.flatten(1).numpy(), axis=0, return_counts=True)
        assert len(counts) == elements
        assert stats.chisquare(counts).pvalue > 1e-3

    def test_affine_turns_all_the_way_round_and_shifts_within_its_reach(self):
        n = 500
        batch = make_batch(n=n, bands=1, shape=(9, 9))
        center = torch.full((n, 1, 2), 4.0)
        batch["target"] = {"xy": Target("objects", center, torch.ones(n).long()), "a": Target("angle", torch.zeros(n))}
        target = augment(batch, schemas.Affine(shift_px=1.5), bands=(COUNTS,))["target"]
        shift = target["xy"].value.flatten(0, 1) - 4
        for axis in shift.unbind(1):
            assert stats.kstest(axis, stats.uniform(-1.5, 3).cdf).pvalue > 1e-3
        assert stats.kstest(target["a"].value, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-3
        narrow = augment(batch, schemas.Affine(rotation_deg=10), bands=(COUNTS,))["target"]
        assert 0.16 < narrow["a"].value.abs().max() < math.radians(10)
        torch.testing.assert_close(narrow["xy"].value, center)

    @pytest.mark.parametrize("config", [schemas.Shift(), schemas.Affine(shift_px=1)])
    def test_a_beam_is_not_shifted_off_its_center(self, config):
        bands = (COUNTS, Band(name="psf", role="beam"))
        with pytest.raises(ConfigError, match="the beam in band psf cannot be shifted"):
            Augmenter([config], seed=0, bands=bands)
        Augmenter([schemas.Affine(), schemas.Dihedral()], seed=0, bands=bands)


class TestFluxScale:
    def test_signal_noise_and_truth_scale_together(self):
        batch = make_batch(n=300)
        result = augment(batch, schemas.FluxScale(sigma=0.3))
        factor = result["noise"][:, 0] / 2
        assert stats.kstest(factor.log() / 0.3, "norm").pvalue > 1e-3
        scale = factor[:, None, None]
        torch.testing.assert_close(result["image"][:, 0], batch["image"][:, 0] * scale, equal_nan=True)
        torch.testing.assert_close(result["image"][:, 1:], batch["image"][:, 1:], rtol=0, atol=0, equal_nan=True)
        assert (result["noise"][:, 1:] == 2).all()
        truth = batch["target"]["truth"].value * scale[:, None]
        torch.testing.assert_close(result["target"]["truth"].value, truth)
        assert torch.equal(result["target"]["mask"].value, batch["target"]["mask"].value)


class TestPoissonNoise:
    def test_is_a_binomial_draw(self):
        # 50 counts in every pixel: the result is binomial(50, share), with the share seen in the exposure
        batch = make_batch(n=30, shape=(60, 60))
        batch["image"] = torch.where(batch["valid"], torch.tensor([50.0, 1000.0, 0.5])[:, None, None], torch.nan)
        result = augment(batch, schemas.PoissonNoise(min_exposure=0.2))
        exposure = result["image"][:, 1].nan_to_num().amax(dim=(1, 2))
        share = exposure.double().numpy() / 1000
        assert stats.kstest(share, stats.uniform(0.2, 0.8).cdf).pvalue > 1e-3
        pixels = [image[np.isfinite(image)] for image in result["image"][:, 0].numpy()]
        for kept, p in zip(pixels, share, strict=True):
            assert set(kept) <= set(range(51))
            assert kept.mean() == pytest.approx(50 * p, abs=5 * math.sqrt(50 * p * (1 - p) / kept.size))
            # the variance of a sample variance of n normal values is 2 / n
            assert kept.var() == pytest.approx(50 * p * (1 - p), rel=5 * math.sqrt(2 / kept.size))

    def test_thinned_poisson_counts_are_poisson_counts(self):
        batch = make_batch(n=20, shape=(60, 60), mean=3.0)
        result = augment(batch, schemas.PoissonNoise(min_exposure=0.3))
        ratio = [image[np.isfinite(image)] for image in result["image"][:, 0].numpy()]
        assert np.mean([pixels.var() / pixels.mean() for pixels in ratio]) == pytest.approx(1, abs=0.02)

    def test_everything_else_follows_the_exposure(self):
        batch = make_batch(n=8)
        result = augment(batch, schemas.PoissonNoise())
        share = (result["image"][:, 1] / batch["image"][:, 1]).nan_to_num().amax(dim=(1, 2))
        expected = batch["image"][:, 1:] * share[:, None, None, None]
        torch.testing.assert_close(result["image"][:, 1:], expected, equal_nan=True)
        noise = torch.stack([share.sqrt(), share, share], dim=1) * batch["noise"]
        torch.testing.assert_close(result["noise"], noise)
        truth = batch["target"]["truth"].value * share[:, None, None, None]
        torch.testing.assert_close(result["target"]["truth"].value, truth)

    def test_full_exposure_is_the_image_itself(self):
        batch = make_batch()
        assert_same(augment(batch, schemas.PoissonNoise(min_exposure=1)), batch)

    @pytest.mark.parametrize("value", [0.5, -1.0])
    def test_what_is_no_count_is_refused(self, value):
        batch = make_batch()
        batch["image"][2, 0, 4, 4] = value
        with pytest.raises(InputError, match=rf"augment poisson: a signal band holds {value:g}; expected counts"):
            augment(batch, schemas.PoissonNoise())


class TestBeamNoise:
    def test_noise_has_the_rms_that_the_estimate_says(self):
        batch = make_batch(n=60, shape=(64, 64))
        batch["noise"] = torch.tensor([2.0, 5.0, 5.0]).expand(60, 3)
        result = augment(batch, schemas.BeamNoise(max_sigma=3))
        added = (result["image"] - batch["image"])[:, 0].numpy()
        claimed = np.sqrt(result["noise"][:, 0].double().numpy() ** 2 - 4)
        assert stats.kstest(claimed, stats.uniform(0, 6).cdf).pvalue > 1e-3
        assert np.mean(np.nanstd(added, axis=(1, 2)) / claimed) == pytest.approx(1, abs=0.01)
        assert torch.equal(result["noise"][:, 1:], batch["noise"][:, 1:])
        torch.testing.assert_close(result["image"][:, 1:], batch["image"][:, 1:], rtol=0, atol=0, equal_nan=True)

    @pytest.mark.parametrize("noise", [0.0, torch.nan])
    def test_unknown_noise_adds_none(self, noise):
        batch = make_batch()
        batch["noise"] = torch.full((6, 3), noise)
        assert_same(augment(batch, schemas.BeamNoise()), batch)

    @pytest.mark.parametrize("fwhm", [2.5, 6.0])
    def test_autocorrelation_is_the_beam(self, rng, fwhm):
        field = beam_noise(rng, shape=(40, 100, 90), fwhm_px=fwhm)
        assert field.shape == (40, 100, 90)
        assert field.dtype == np.float32
        assert np.mean(field**2) == pytest.approx(1, abs=0.03)
        for lag in range(1, 8):
            beam = 0.5 ** ((2 * lag / fwhm) ** 2)
            assert np.mean(field[:, lag:] * field[:, :-lag]) == pytest.approx(beam, abs=0.03)
            assert np.mean(field[..., lag:] * field[..., :-lag]) == pytest.approx(beam, abs=0.03)
        # neither opposite edges nor two planes know of each other
        assert np.mean(field[:, 0] * field[:, -1]) == pytest.approx(0, abs=0.15)
        assert np.mean(field[1:] * field[:-1]) == pytest.approx(0, abs=0.02)

    def test_every_pixel_has_the_same_variance(self, rng):
        variance = np.mean(beam_noise(rng, shape=(4000, 8, 8), fwhm_px=3.0) ** 2, axis=0)
        np.testing.assert_allclose(variance, 1, atol=5 * math.sqrt(2 / 4000))


def test_samples_without_images_are_refused():
    with pytest.raises(ConfigError, match="hold no image"):
        augment({"telescopes": {}, "index": torch.arange(2)}, schemas.Dihedral())


def test_other_bands_than_announced_are_refused():
    with pytest.raises(ConfigError, match="does not fit 3 bands"):
        augment(make_batch(bands=1), schemas.Dihedral())
    batch = make_batch()
    with pytest.raises(ConfigError, match="does not fit"):
        augment({**batch, "valid": batch["valid"][:, 0]}, schemas.Dihedral())
