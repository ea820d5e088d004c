"""Heat maps against truths of known place."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from merkhet.errors import InputError
from merkhet.evaluate.localization import Localization, localization, score_localization
from merkhet.evaluate.strengths import Resampling

SIZE, SCALE = 120, 6.0


def artifact(rng, *, at=(40, 80), width=12.0, size=SIZE):
    """Ripples under an envelope."""
    y, x = np.mgrid[:size, :size]
    envelope = np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / (2 * width**2))
    return envelope * np.cos(x / 2) + 1e-4 * rng.normal(size=(size, size))


def local_rms(truth):
    return np.sqrt(gaussian_filter(truth**2, SCALE, mode="constant"))


def test_the_artifact_itself_is_the_best_map(rng):
    truth = artifact(rng)
    found = localization(local_rms(truth) ** 2, truth, scale_px=SCALE)
    assert found.auc > 0.99
    assert found.correlation > 0.9
    assert found.share > 3 * found.area


def test_a_map_that_knows_nothing_scores_as_chance(rng):
    found = [localization(rng.random((SIZE, SIZE)), artifact(rng), scale_px=SCALE) for _ in range(10)]
    assert np.mean([one.auc for one in found]) == pytest.approx(0.5, abs=0.05)
    assert np.mean([one.correlation for one in found]) == pytest.approx(0, abs=0.05)
    even = localization(np.ones((SIZE, SIZE)), artifact(rng), scale_px=SCALE)
    assert even.share == pytest.approx(even.area)
    assert even.auc == 0.5
    assert np.isnan(even.correlation)


def test_scores_match_scikit_learn_and_scipy_on_single_pixels(rng):
    heat, truth = rng.random((20, 30)), artifact(rng, at=(5, 9), width=3, size=30)[:20]
    found = localization(heat, truth, scale_px=1.0)  # cells of one pixel
    weight = gaussian_filter(np.ones_like(truth), 1.0, mode="constant")
    rms = np.sqrt(gaussian_filter(truth**2, 1.0, mode="constant") / weight)
    inside = rms > rms.max() / 2
    assert found.auc == pytest.approx(roc_auc_score(inside.ravel(), heat.ravel()))
    assert found.correlation == pytest.approx(spearmanr(heat.ravel(), rms.ravel()).statistic)
    assert found.share == pytest.approx(heat[inside].sum() / heat.sum())
    assert found.area == pytest.approx(inside.mean())


def test_any_rising_map_of_the_heat_ranks_alike_and_its_unit_does_not_matter(rng):
    truth = artifact(rng)
    heat = local_rms(truth) + 0.05 * rng.random((SIZE, SIZE))
    plain, scaled = (localization(values, truth, scale_px=SCALE) for values in (heat, 1e-9 * heat))
    assert scaled == pytest.approx(plain) if isinstance(plain, float) else scaled.auc == plain.auc
    assert scaled.share == pytest.approx(plain.share)


def test_invalid_places_count_for_nothing(rng):
    truth = artifact(rng, at=(40, 40))
    heat = local_rms(truth)
    heat[:, 90:] = np.nan
    blind = truth.copy()
    blind[:, 90:] = 1e3
    assert localization(heat, blind, scale_px=SCALE) == localization(
        heat, np.where(np.isnan(heat), 0, truth), scale_px=SCALE
    )


@pytest.mark.parametrize("heat", [np.full((30, 30), np.nan), np.zeros((30, 30))])
def test_what_is_not_defined_is_nan_without_a_warning(heat):
    found = localization(heat, np.zeros((30, 30)))
    assert np.isnan([found.auc, found.correlation, found.share]).all()


def test_shapes_must_agree():
    with pytest.raises(InputError, match=r"shape \(3, 4\); expected that of the truth, \(3, 5\)"):
        localization(np.zeros((3, 4)), np.zeros((3, 5)))


def test_averages_have_intervals_by_group(rng):
    values = rng.random((40, 4))
    found = [Localization(*row) for row in values]
    group = np.arange(40) // 4
    scored = score_localization(found, strength=np.arange(40.0), group=group, resampling=Resampling(draws=300, seed=1))
    assert json.loads(json.dumps(scored, allow_nan=False)) == scored
    assert scored["n"] == 40
    assert scored["auc"]["value"] == pytest.approx(values[:, 0].mean())
    assert scored["excess"]["value"] == pytest.approx((values[:, 2] - values[:, 3]).mean())
    assert scored["auc"]["low"] < scored["auc"]["value"] < scored["auc"]["high"]
    assert scored["stronger_half"]["n"] == 20
    assert scored["stronger_half"]["auc"]["value"] == pytest.approx(values[20:, 0].mean())


def test_images_without_a_score_are_left_out_of_its_mean():
    found = [Localization(0.8, np.nan, np.nan, 1.0), Localization(np.nan, np.nan, np.nan, 0.5)]
    scored = score_localization(found, group=np.array([0, 1]), resampling=Resampling(draws=20))
    assert scored["auc"]["value"] == 0.8
    assert scored["share"] == {"value": None, "low": None, "high": None}
    nothing = score_localization([], group=np.zeros(0, dtype=np.int64), resampling=Resampling(draws=20))
    assert (nothing["n"], nothing["auc"]["value"]) == (0, None)
