"""The normalization of photon counts beside exposure and background."""

import numpy as np
import pytest
import torch

from merkhet.config import normalize as schemas
from merkhet.config.base import build


def batch(counts, exposure, background, *, scale=(4.0,)):
    image = torch.stack([torch.as_tensor(band, dtype=torch.float32) for band in (counts, exposure, background)], dim=1)
    return {"image": image, "valid": torch.isfinite(image), "scale": torch.tensor(scale)}


def normalize(made):
    return build(schemas.Counts())(made)


def test_excess_is_that_of_anscombe():
    counts, background = np.array([[[0.0, 1.0, 100.0]]]), np.array([[[0.01, 0.5, 4.0]]])
    x, _, _ = normalize(batch(counts, np.ones_like(counts), background))
    expected = np.arcsinh(2 * np.sqrt(counts + 0.375) - 2 * np.sqrt(background + 0.375))
    np.testing.assert_allclose(x[:, 0].numpy(), expected, rtol=1e-5)


def test_excess_of_background_alone_has_zero_mean_and_unit_variance_where_photons_are_many():
    rng = np.random.default_rng(0)
    background = np.full((1, 200, 200), 50.0)
    x, _, _ = normalize(batch(rng.poisson(background).astype(float), np.ones_like(background), background))
    excess = np.sinh(x[0, 0].numpy().astype(float))
    assert abs(excess.mean()) < 0.1
    assert excess.std() == pytest.approx(1, abs=0.03)


def test_what_was_not_observed_is_zero_and_what_was_never_is():
    counts = np.array([[[0.0, 0.0, np.nan, 3.0]]])
    exposure, background = np.array([[[0.0, 9.0, 9.0, 9.0]]]), np.array([[[0.0, 0.0, 1.0, np.nan]]])
    x, _, _ = normalize(batch(counts, exposure, background))
    assert (x != 0).any(dim=1).tolist() == [[[False, True, False, False]]]


@pytest.mark.parametrize("scale", [0.5, 4.0, 256.0, float("nan")])
def test_pixel_scale_is_told_and_positive(scale):
    x, _, _ = normalize(batch(*[np.ones((1, 2, 2))] * 3, scale=(scale,)))
    assert (x[:, 2] > 0).all()
    expected = np.log2(np.clip(scale, 1, None)) / 4 + 0.25 if np.isfinite(scale) else 0.75
    np.testing.assert_allclose(x[0, 2].numpy(), expected, rtol=1e-6)


def test_denormalize_gives_the_counts_back():
    rng = np.random.default_rng(0)
    background = rng.uniform(0, 5, (2, 8, 8))
    made = batch(rng.poisson(background).astype(float), np.full((2, 8, 8), 7.0), background, scale=(4.0, 8.0))
    module = build(schemas.Counts())
    x, scale, offset = module(made)
    back = module.denormalize(x, scale=scale, offset=offset)
    np.testing.assert_allclose(back[:, 0].numpy(), made["image"][:, 0].numpy(), atol=1e-4)
    np.testing.assert_allclose(back[:, 1:].numpy(), made["image"][:, 1:].numpy())


def test_other_bands_are_refused():
    made = batch(*[np.ones((1, 2, 2))] * 3)
    with pytest.raises(ValueError, match="takes counts, exposure and background; got 2 bands"):
        normalize({**made, "image": made["image"][:, :2], "valid": made["valid"][:, :2]})


def test_gradients_reach_the_counts():
    """As heat maps by gradients need them; against the derivative of the formula."""
    made = batch(*(np.full((1, 2, 2), value) for value in (3.0, 1.0, 0.5)))
    made["image"].requires_grad_()
    x, _, _ = normalize(made)
    x[:, 0].sum().backward()
    excess = 2 * (np.sqrt(3.375) - np.sqrt(0.875))
    expected = 1 / np.sqrt(3.375) / np.sqrt(1 + excess**2)
    np.testing.assert_allclose(made["image"].grad[:, 0].numpy(), expected, rtol=1e-5)
