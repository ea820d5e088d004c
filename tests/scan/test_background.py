"""The estimated background follows the exposure, not the sources."""

import numpy as np
import pytest

from merkhet.scan.background import estimate_background


@pytest.mark.parametrize("rate", [2e-5, 1e-3])
def test_a_sky_without_sources_is_found_to_its_poisson_error(rng, rate):
    y, x = np.mgrid[:512, :600]
    exposure = (200 * np.exp(-((x - 300) ** 2 + (y - 250) ** 2) / 5e5)).astype(np.float32)
    exposure[:, 100:110] = 0
    truth = rate * exposure
    found = estimate_background(rng.poisson(truth).astype(np.float32), exposure=exposure)
    assert found.shape == truth.shape and found.dtype == np.float32
    assert (found[:, 100:110] == 0).all()
    assert found.sum() == pytest.approx(truth.sum(), rel=float(4 / np.sqrt(truth.sum()) + 0.02))
    assert np.quantile(np.abs(found - truth)[exposure > 0] / truth[exposure > 0], 0.9) < 8 / np.sqrt(
        64 * 64 * rate * 150
    )


def test_sources_do_not_raise_it(rng):
    truth = np.full((512, 512), 0.003)
    y, x = np.mgrid[:512, :512]
    bright = np.zeros_like(truth)
    for column, row in rng.uniform(20, 490, (30, 2)):
        bright += 5 * np.exp(-((x - column) ** 2 + (y - row) ** 2) / 18)
    counts = rng.poisson(truth + bright).astype(np.float32)
    assert counts.sum() > 10 * truth.sum()
    found = estimate_background(counts, exposure=np.ones_like(counts))
    assert found.mean() == pytest.approx(0.003, rel=0.15)


def test_a_slow_gradient_is_followed(rng):
    truth = np.linspace(0.01, 0.03, 640)[None].repeat(640, axis=0)
    found = estimate_background(rng.poisson(truth).astype(np.float32), exposure=np.ones(truth.shape, dtype=np.float32))
    assert found[:, 600].mean() / found[:, 40].mean() > 2


@pytest.mark.parametrize("shape", [(5, 7), (64, 300), (65, 64)])
def test_any_shape_will_do(rng, shape):
    counts = rng.poisson(0.5, shape).astype(np.float32)
    found = estimate_background(counts, exposure=np.ones(shape, dtype=np.float32))
    assert found.sum() == pytest.approx(counts.sum(), rel=0.3)


def test_an_image_without_photons_has_no_background():
    assert (estimate_background(np.zeros((80, 80), np.float32), exposure=np.ones((80, 80), np.float32)) == 0).all()
