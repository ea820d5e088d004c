"""Noise and brightness on normalized images, on the samples that they are meant for."""

import numpy as np
import pytest
import torch
from scipy import stats

from merkhet.config import augment as schemas
from merkhet.config.base import build
from merkhet.config.inputs import Band
from merkhet.config.normalize import LogMinMax
from merkhet.data.augment import Augmenter
from merkhet.data.sample import Target
from tests.data.batches import assert_same, make_batch, select


def batch_of(n=40, size=16):
    batch = make_batch(n=n, bands=1, shape=(size, size))
    return {**batch, "target": {"label": Target("label", torch.arange(n) % 2)}}


def augment(batch, *, seed=1, epoch=0, repeat=None, **options):
    config = schemas.AfterNormalization(**options)
    return Augmenter([config], seed=seed, bands=(Band(name="counts"),))(batch, epoch=epoch, repeat=repeat)


def test_what_is_drawn_is_gaussian_and_uniform_and_the_image_stays():
    batch = batch_of(400, 12)
    result = augment(batch, noise_sigma=0.02, brightness=0.1)
    assert_same({key: result[key] for key in batch}, batch)
    noise, brightness = (result["normalized"][key].numpy() for key in ("noise", "brightness"))
    assert noise.shape == (400, 1, 12, 12)
    assert stats.kstest(noise.ravel() / 0.02, "norm").pvalue > 1e-3
    assert stats.kstest(brightness, stats.uniform(-0.1, 0.2).cdf).pvalue > 1e-3


def test_normalized_images_are_those_of_the_published_order():
    batch = batch_of()
    normalize = build(LogMinMax())
    plain = normalize(batch)[0].numpy()
    drawn = augment(batch, noise_sigma=0.3, brightness=0.5)
    noise, brightness = (drawn["normalized"][key].numpy() for key in ("noise", "brightness"))
    expected = np.clip(np.clip(plain + noise, 0, 1) * (1 + brightness[:, None, None, None]), 0, 1)
    x, scale, offset = normalize(drawn)
    np.testing.assert_allclose(x.numpy(), expected, atol=1e-6)
    assert (x.min(), x.max()) == (0, 1)
    torch.testing.assert_close((scale, offset), normalize(batch)[1:])


def test_positives_alone_are_touched():
    batch = batch_of()
    everywhere, positive = augment(batch)["normalized"], augment(batch, samples="positive")["normalized"]
    mine = torch.arange(40) % 2 == 1
    for name in ("noise", "brightness"):
        assert torch.equal(positive[name][mine], everywhere[name][mine])
        assert (positive[name][~mine] == 0).all()
    x = build(LogMinMax())({**batch, "normalized": positive})[0]
    plain = build(LogMinMax())(batch)[0]
    assert torch.equal(x[~mine], plain[~mine])
    assert (x[mine] != plain[mine]).any(dim=3).all()


def test_a_batch_without_positives_is_left_alone():
    batch = select(batch_of(), torch.arange(0, 40, 2))
    assert_same(augment(batch, samples="positive"), batch)


@pytest.mark.parametrize("kind", [schemas.Dihedral, schemas.FluxScale])
def test_other_augmentations_can_be_for_positives_too(kind):
    batch, bands = batch_of(), (Band(name="counts"),)
    mine = torch.arange(40) % 2 == 1
    result = Augmenter([kind(samples="positive")], seed=1, bands=bands)(batch, epoch=0)
    alone = Augmenter([kind()], seed=1, bands=bands)(batch, epoch=0)
    rest = torch.nonzero(~mine).squeeze(1)
    assert_same(select(result, rest), select(batch, rest))
    assert_same(select(result, mine), select(alone, mine))
    assert not torch.equal(result["image"].nan_to_num(), batch["image"].nan_to_num())


def test_a_sample_drawn_twice_is_disturbed_in_two_ways_whatever_else_is_in_the_batch():
    batch, repeat = batch_of(6), torch.tensor([0, 0, 1, 1, 0, 2])
    whole = augment(batch, samples="positive", repeat=repeat)["normalized"]["noise"]
    alone = augment(select(batch, torch.tensor([3])), samples="positive", repeat=repeat[3:4])["normalized"]["noise"]
    assert torch.equal(whole[3], alone[0])
    again = augment(batch, samples="positive")["normalized"]["noise"]
    assert torch.equal(again[1], whole[1])
    assert not torch.equal(again[3], whole[3])
