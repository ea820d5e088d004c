"""The pyramid keeps every photon and tells what was observed of each pixel."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from merkhet.scan.pyramid import Layers, block_sum


def make_layers(shape, seed):
    rng = np.random.default_rng(seed)
    observed = (rng.random(shape) < 0.7).astype(np.float32)
    counts, exposure, background = (f32(values) * observed for values in (
        rng.poisson(0.5, shape), rng.uniform(50, 200, shape), rng.uniform(0.1, 1, shape)
    ))  # fmt: skip
    return Layers(counts, exposure, background, observed)


def f32(values):
    return np.asarray(values, dtype=np.float32)


@given(height=st.integers(1, 40), width=st.integers(1, 40), levels=st.integers(1, 6), seed=st.integers(0, 99))
def test_every_level_holds_all_photons_and_the_mean_exposure_of_what_was_observed(height, width, levels, seed):
    first = layers = make_layers((height, width), seed)
    for level in range(1, levels + 1):
        layers = layers.halved()
        assert layers.counts.shape == (-(-height // 2**level), -(-width // 2**level))
    size = 2**levels
    blocks = [[np.s_[r : r + size, c : c + size] for c in range(0, width, size)] for r in range(0, height, size)]
    direct = {
        "counts": [[first.counts[b].sum() for b in row] for row in blocks],
        "background": [[first.background[b].sum() for b in row] for row in blocks],
        "observed": [[first.observed[b].sum() for b in row] for row in blocks],
        "exposure": [[np.nan_to_num(mean(first.exposure[b], first.observed[b])) for b in row] for row in blocks],
    }
    for name, expected in direct.items():
        np.testing.assert_allclose(getattr(layers, name), expected, rtol=1e-4, atol=1e-5)
    assert layers.counts.sum() == first.counts.sum()
    assert (layers.valid == (np.array(direct["observed"]) > 0)).all()
    assert layers.counts.dtype == layers.exposure.dtype == np.float32


def mean(values, weights):
    return (values * weights).sum() / weights.sum() if weights.sum() else 0.0


@given(height=st.integers(1, 30), width=st.integers(1, 30), factor=st.integers(1, 13))
def test_block_sums_are_those_of_the_definition(height, width, factor):
    image = np.random.default_rng(0).random((height, width))
    before = image.copy()
    found = block_sum(image, factor)
    rows, columns = range(0, height, factor), range(0, width, factor)
    expected = [[image[r : r + factor, c : c + factor].sum() for c in columns] for r in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(image, before)


def test_levels_that_are_passed_over_change_nothing():
    layers = make_layers((37, 21), 3)
    direct, stepwise = layers.halved(3), layers.halved().halved().halved()
    for name, expected in vars(stepwise).items():
        np.testing.assert_allclose(getattr(direct, name), expected, rtol=1e-5, atol=1e-6)
