from functools import cache

import numpy as np
import pytest
from astropy.table import Table

from merkhet.evaluate.cherenkov.scaled import fit_scaled_sizes
from merkhet.evaluate.cherenkov.scores import evaluate_events
from merkhet.evaluate.cherenkov.trees import TreeBaseline
from tests.showers import events, image_table

TRAIN, TEST = (240, 2), (60, 1)


@cache
def trained(stereo):
    return TreeBaseline(stereo=stereo).fit(image_table(TRAIN[0], seed=TRAIN[1]), events(TRAIN[0], seed=TRAIN[1]).truth)


def scored(stereo):
    table, truth = image_table(TEST[0], seed=TEST[1]), events(TEST[0], seed=TEST[1]).truth
    found = trained(stereo).predict(table)
    event = np.arange(table.events) if stereo else table.event
    found["true_particle"] = np.where(truth["shower_primary_id"] == 0, "gamma", "other")[event]
    found["true_energy"] = truth["energy"][event]
    for name in ("alt", "az"):
        found[f"true_{name}"] = np.rad2deg(truth[name])[event]
    found["group"] = event
    return found, evaluate_events(found, n_bootstrap=0)["scores"]


@pytest.fixture(scope="module")
def both():
    return {stereo: scored(stereo) for stereo in (False, True)}


def test_trees_learn_from_single_images(both):
    table, scores = both[False]
    assert len(table) == len(image_table(TEST[0], seed=TEST[1]))
    assert scores["roc_auc"]["value"] > 0.6
    assert scores["angular_resolution_deg"]["value"] < 1.2


def test_several_telescopes_are_better_than_one(both):
    table, scores = both[True]
    single = both[False][1]
    assert len(table) == TEST[0]
    assert scores["roc_auc"]["value"] > single["roc_auc"]["value"]
    assert scores["energy_resolution"]["value"] < single["energy_resolution"]["value"]
    assert scores["angular_resolution_deg"]["value"] < single["angular_resolution_deg"]["value"]


def test_answers_are_valid_or_not_a_number(both):
    for table, _ in both.values():
        assert isinstance(table, Table)
        columns = np.stack([table[name] for name in ("gammaness", "energy", "alt", "az")])
        np.testing.assert_array_equal(np.isfinite(columns).all(axis=0), table["is_valid"])


def test_an_event_without_usable_image_is_not_answered_and_changes_no_other():
    table = image_table(TEST[0], seed=TEST[1])
    whole, rest = trained(True).predict(table), trained(True).predict(table.take(table.event != 3))
    assert not rest["is_valid"][3]
    assert np.isnan(rest["gammaness"][3])
    others = np.arange(table.events) != 3
    for name in ("gammaness", "energy", "alt", "az"):
        np.testing.assert_array_equal(rest[name][others], whole[name][others])


def test_gammas_have_scaled_sizes_around_zero():
    table = image_table(TRAIN[0], seed=TRAIN[1])
    used = table.take(table.usable)
    impact = np.full(len(used), 100.0)
    scaled = fit_scaled_sizes(used, impact)(used, impact)
    known = np.isfinite(scaled).all(axis=0)
    assert known.mean() > 0.5
    np.testing.assert_allclose(scaled[:, known].mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(scaled[:, known].std(axis=1), 1, atol=1e-3)
