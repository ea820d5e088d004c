import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from merkhet.errors import InputError
from merkhet.evaluate.cherenkov.coverage import CONTAINMENT
from merkhet.evaluate.cherenkov.scorer import OVERALL, weighted_auc, weighted_quantiles
from merkhet.evaluate.cherenkov.scores import compare_events, evaluate_events
from tests.showers import predictions


def test_scores_are_those_of_independent_formulas():
    columns = predictions(800)
    scores = evaluate_events(Table(columns), n_bootstrap=0)["scores"]
    gamma = columns["true_particle"] == "gamma"
    assert scores["roc_auc"]["value"] == pytest.approx(roc_auc_score(gamma, columns["gammaness"]))
    assert scores["accuracy"]["value"] == pytest.approx(((columns["gammaness"] >= 0.5) == gamma).mean())
    error = (columns["energy"] / columns["true_energy"] - 1)[gamma]
    tail = (1 - CONTAINMENT) / 2
    low, middle, high = np.quantile(error, [tail, 0.5, 1 - tail], method="inverted_cdf")
    assert scores["energy_bias"]["value"] == pytest.approx(middle)
    assert scores["energy_resolution"]["value"] == pytest.approx((high - low) / 2)
    from astropy.coordinates import angular_separation

    apart = np.rad2deg(angular_separation(*(np.deg2rad(columns[name][gamma])
                                            for name in ("az", "alt", "true_az", "true_alt"))))  # fmt: skip
    radius = np.quantile(apart, CONTAINMENT, method="inverted_cdf")
    assert scores["angular_resolution_deg"]["value"] == pytest.approx(radius, rel=1e-6)


def test_the_q_factor_is_that_of_the_cut_which_keeps_seventy_percent():
    columns = predictions(2000)
    gamma = columns["true_particle"] == "gamma"
    fpr, tpr, _ = roc_curve(gamma, columns["gammaness"], drop_intermediate=False)
    place = np.argmax(tpr >= 0.7)
    value = evaluate_events(Table(columns), n_bootstrap=0)["scores"]["q_factor"]["value"]
    assert value == pytest.approx(tpr[place] / np.sqrt(fpr[place]))


@given(st.integers(0, 10_000))
def test_weights_are_repeated_rows(seed):
    rng = np.random.default_rng(seed)
    n = 25
    score, positive = rng.integers(0, 6, n) / 5, rng.random(n) < 0.5
    weights = rng.integers(0, 4, (n, 1)).astype(float)
    again = np.repeat(np.arange(n), weights[:, 0].astype(int))
    (median,) = weighted_quantiles(score, weights, (0.5,))
    if len(again):
        assert median[0] == np.quantile(score[again], 0.5, method="inverted_cdf")
    else:
        assert np.isnan(median[0])
    if 0 < positive[again].sum() < len(again):
        assert weighted_auc(score, positive, weights)[0] == pytest.approx(roc_auc_score(positive[again], score[again]))
    else:
        assert np.isnan(weighted_auc(score, positive, weights)[0])


def test_intervals_hold_the_values_and_bins_hold_the_gammas():
    columns = predictions(600)
    found = evaluate_events(Table(columns), n_bootstrap=100)
    for row in found["scores"].values():
        assert row["low"] <= row["value"] <= row["high"]
    assert sum(row["gammas"] for row in found["by_energy"]) == (columns["true_particle"] == "gamma").sum()
    assert found == evaluate_events(Table(columns), n_bootstrap=100)


def test_events_without_an_answer_are_counted_and_left_out():
    columns = predictions(400)
    valid = np.arange(400) % 5 > 0
    whole = Table({**columns, "is_valid": valid})
    part = Table({name: values[valid] for name, values in columns.items()})
    found = evaluate_events(whole, n_bootstrap=0)
    assert found["answered"] == 0.8
    assert found["scores"] == evaluate_events(part, n_bootstrap=0)["scores"]


def test_scores_without_energies_and_directions_are_null():
    columns = predictions(100)
    found = evaluate_events(Table({name: columns[name] for name in ("true_particle", "gammaness")}), n_bootstrap=20)
    assert found["scores"]["roc_auc"]["value"] > 0.5
    assert found["scores"]["energy_bias"] == {"value": None, "low": None, "high": None}


def test_a_better_method_is_better_and_an_equal_one_is_not():
    columns = predictions(1500)
    worse = dict(columns)
    rng = np.random.default_rng(5)
    worse["gammaness"] = np.clip(columns["gammaness"] + 0.3 * rng.standard_normal(1500), 0, 1)
    worse["energy"] = columns["energy"] * np.exp(0.3 * rng.standard_normal(1500))
    found = compare_events(Table(columns), Table(worse), n_bootstrap=200)["scores"]
    assert set(found) == set(OVERALL)
    assert found["roc_auc"]["low"] > 0
    assert found["roc_auc"]["p_value"] < 0.02
    assert found["energy_resolution"]["high"] < 0
    same = found["angular_resolution_deg"]
    assert same["difference"] == same["low"] == same["high"] == 0
    assert same["p_value"] == 1


def test_a_method_gains_nothing_by_leaving_hard_events_out():
    columns = predictions(1000)
    gamma = columns["true_particle"] == "gamma"
    hard = (columns["gammaness"] > 0.5) != gamma
    shy = Table({**columns, "is_valid": ~hard})
    found = compare_events(shy, Table(columns), n_bootstrap=20)["scores"]["accuracy"]
    assert found["difference"] == 0


def test_groups_widen_the_intervals():
    columns = predictions(600)
    order = np.argsort(columns["gammaness"])
    grouped = {name: values[order] for name, values in columns.items()} | {"group": np.arange(600) // 60}
    alone, together = (
        evaluate_events(Table(table), n_bootstrap=200)["scores"]["accuracy"] for table in (columns, grouped)
    )
    assert together["high"] - together["low"] > alone["high"] - alone["low"]


def test_tables_that_cannot_be_scored_are_refused():
    columns = predictions(50)
    with pytest.raises(InputError, match="expected one event or more"):
        evaluate_events(Table(columns)[:0])
    del columns["true_particle"]
    with pytest.raises(InputError, match="true_particle"):
        evaluate_events(Table(columns))


def test_gammas_alone_have_resolutions_and_no_separation():
    table = Table(predictions(400))
    gammas = table[table["true_particle"] == "gamma"]
    whole, alone = (evaluate_events(some, n_bootstrap=20)["scores"] for some in (table, gammas))
    assert alone["roc_auc"]["value"] is None
    assert alone["q_factor"]["value"] is None
    for name in ("energy_bias", "energy_resolution", "angular_resolution_deg"):
        assert alone[name]["value"] == whole[name]["value"]


def test_what_a_method_does_not_say_is_not_scored():
    table = Table(predictions(200))
    del table["gammaness"]
    scores = evaluate_events(table, n_bootstrap=20)["scores"]
    assert scores["accuracy"]["value"] is None
    assert scores["energy_resolution"]["value"] is not None


def test_pairs_of_other_events_are_refused():
    with pytest.raises(InputError, match="truth or groups differ"):
        compare_events(Table(predictions(50)), Table(predictions(50, seed=1)))
