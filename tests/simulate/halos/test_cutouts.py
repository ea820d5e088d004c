"""Cutouts: counts of halos and confusers are matched, truth is where the image is, scars dim what is under them."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from merkhet.simulate.halos.confusers import CONFUSERS
from merkhet.simulate.halos.cutout_dataset import observe_cutouts
from merkhet.simulate.halos.cutouts import PER_SIGHTLINE
from merkhet.simulate.halos.survey import Survey
from merkhet.simulate.halos.truth import NEGATIVE_SNR, POSITIVE_SNR

SURVEY = Survey(size_px=64)


@pytest.fixture(scope="module")
def population():
    return list(observe_cutouts(320, seed=11, survey=SURVEY))


def test_each_slot_holds_an_absorbed_source_and_a_confuser(population):
    absorbed = np.array([cutout.dust is not None for cutout in population]).reshape(-1, 2)
    assert np.all(absorbed.sum(axis=1) == 1)
    assert absorbed[:, 0].mean() == pytest.approx(0.5, abs=0.12)
    assert {cutout.kind for cutout in population} == {"halo", "ring", "background", *CONFUSERS}


def test_labels_follow_what_can_be_seen(population):
    for cutout in population:
        snr = cutout.signal.snr
        expected = "halo" if snr >= POSITIVE_SNR else "none" if snr < NEGATIVE_SNR else "unclear"
        assert cutout.signal.label == expected
        if cutout.dust is None and cutout.kind != "wings":
            assert snr == 0
    labels = [cutout.signal.label for cutout in population if cutout.dust is not None]
    assert {label: 0.1 < labels.count(label) / len(labels) < 0.8 for label in ("halo", "unclear", "none")} == {
        "halo": True,
        "unclear": True,
        "none": True,
    }


def test_brightness_does_not_tell_a_halo_from_its_confuser(population):
    """Within the slots whose halo can be seen, and background left out, which is darker by its nature."""
    pairs = list(zip(population[::2], population[1::2], strict=True))
    pairs = [pair for pair in pairs if any(c.signal.label == "halo" for c in pair)]
    pairs = [pair for pair in pairs if all(c.kind != "background" for c in pair)]
    flat = [cutout for pair in pairs for cutout in pair]
    truth = [cutout.dust is not None for cutout in flat]
    for statistic in (np.sum, np.max):
        values = [float(statistic(cutout.counts)) for cutout in flat]
        assert abs(roc_auc_score(truth, values) - 0.5) < 0.12, statistic


def test_images_are_counts_and_their_maps_are_finite(population):
    for cutout in population[:60]:
        assert cutout.counts.shape == cutout.exposure.shape == (64, 64)
        assert cutout.counts.dtype == cutout.exposure.dtype == np.float32
        assert np.all(cutout.counts == np.rint(cutout.counts))
        assert np.isfinite(cutout.exposure).all()
        assert np.all(cutout.counts[cutout.exposure == 0] == 0)
        assert cutout.exposure.max() > 20


def test_a_background_cutout_is_poisson_about_its_map(population):
    empty = [cutout for cutout in population if cutout.kind == "background"]
    ratio = np.array([cutout.counts.sum() / cutout.background.sum() for cutout in empty])
    assert len(empty) > 5
    assert 0.7 < np.median(ratio) < 2.0  # unrelated sources come on top


def test_expected_counts_of_the_annulus_are_those_of_the_image():
    """Summed over many halos: inside the annulus are the halo, the source itself, the background, unrelated sources."""
    seen, expected = 0.0, 0.0
    for cutout in observe_cutouts(120, seed=2, survey=SURVEY):
        if cutout.kind == "halo":
            x, y = (float(pixel[0]) for pixel in cutout.frame.pixels(cutout.position[None]))
            rows, columns = np.mgrid[:64, :64]
            radius = 4 * np.hypot(columns - x, rows - y)
            signal = cutout.signal
            inside = (radius >= signal.inner_arcsec) & (radius < signal.outer_arcsec)
            seen += float(cutout.counts[inside].sum())
            expected += signal.halo + signal.psf + signal.background
    assert seen == pytest.approx(expected, rel=0.03)


def test_scars_are_in_the_exposure(population):
    share = np.mean([cutout.scar != "" for cutout in population])
    assert share == pytest.approx(0.15, abs=0.06)
    for cutout in population:
        low = cutout.exposure.min() < 0.75 * cutout.exposure.max()
        assert low or cutout.scar != "chip_gap"


def test_images_of_a_sightline_are_neighbors_that_do_not_overlap(population):
    centers = np.stack([cutout.frame.center for cutout in population])
    apart = np.rad2deg(np.arccos(np.clip(centers @ centers.T, -1, 1))) + 10 * np.eye(len(centers))
    assert apart.min() > SURVEY.side_deg
    for start in range(0, len(population), PER_SIGHTLINE):
        group = population[start : start + PER_SIGHTLINE]
        assert len({cutout.sightline for cutout in group}) == 1
        assert apart[start, start + 1 : start + PER_SIGHTLINE].max() < 1
