"""The scores of a catalog: numbers, intervals, comparison."""

import json
from dataclasses import replace

import numpy as np
import pytest

from merkhet.errors import InputError
from merkhet.evaluate.calibration import expected_calibration_error
from merkhet.evaluate.detection import compare_detections, evaluate_detections, match_catalog
from merkhet.evaluate.matching import Outcome
from tests.evaluate.detections import make_catalog, make_truth
from tests.evaluate.test_operating import TILING, survey


def test_scores_are_plain_numbers_with_intervals_about_them(rng):
    scores = evaluate_detections(survey(rng), n_bootstrap=200)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert scores["n_tiles"] == 5
    assert scores["square_degrees"] == pytest.approx(5, rel=1e-3)
    assert scores["truth"]["positive"] == 40
    assert sum(scores["detections"].values()) == scores["detections"]["hit"] + 60
    for point in scores["operating_points"].values():
        row = point["completeness"]["all"]
        assert row["low"] <= row["value"] <= row["high"]
        assert row["n"] == 40
        assert sum(point["false_alarms_by"].values()) == pytest.approx(point["false_alarms_per_tile"]["value"] * 5)
    assert scores["operating_points"]["1 per tile"]["false_alarms_per_tile"]["value"] <= 1


def test_the_operating_curve_rises_and_holds_the_points(rng):
    scores = evaluate_detections(survey(rng), n_bootstrap=0)
    curve = {row["false_alarms_per_tile"]: row["completeness"]["all"]["value"] for row in scores["operating_curve"]}
    values = list(curve.values())
    assert values == sorted(values)
    for name, rate in (("1 per tile", 1.0), ("0.1 per tile", 0.1)):
        assert curve[rate] == scores["operating_points"][name]["completeness"]["all"]["value"]


def test_errors_of_position_and_size_are_those_of_the_hits():
    rows = [(10.0 + 1.5 * k, 0.0, "halo", "halo", 20.0, 100.0) for k in range(5)]
    catalog = make_catalog(*((10.0 + 1.5 * k, (k + 1) / 3600, 0.9) for k in range(5)))
    catalog["size_arcsec"] = [50.0, 80.0, 100.0, 120.0, 150.0]
    matched = match_catalog(catalog, make_truth(*rows), tiling=TILING, source="c", of="t")
    scores = evaluate_detections(matched, n_bootstrap=50)
    assert scores["position_error_arcsec"]["median"]["value"] == pytest.approx(3, rel=1e-4)
    assert scores["position_error_of_size"]["median"]["value"] == pytest.approx(0.03, rel=1e-4)
    assert [scores["size_ratio"][q]["value"] for q in ("p16", "median", "p84")] == pytest.approx([0.5, 1.0, 1.5])


def test_calibration_is_that_of_hits_and_false_alarms(rng):
    matched = survey(rng, sources=200, false=300)
    counted = np.isin(matched.matches.outcome, (Outcome.HIT, Outcome.FALSE))
    expected = expected_calibration_error(
        matched.detections.probability[counted],
        matched.matches.outcome[counted] == Outcome.HIT,
        groups=matched.detections.tile[counted],
    )
    calibration = evaluate_detections(matched, n_bootstrap=50)["calibration"]
    assert calibration["ece"]["value"] == pytest.approx(expected)
    assert calibration["n"] == counted.sum()
    assert sum(row["count"] for row in calibration["bins"]) == calibration["n"]


def test_an_empty_catalog_is_scored():
    truth = make_truth((10.0, 0.0, "halo", "halo", 9.0, 30.0))
    scores = evaluate_detections(match_catalog(make_catalog(), truth, tiling=TILING, source="c", of="t"))
    assert scores["calibration"] is None
    assert scores["operating_points"]["catalog"]["completeness"]["all"]["value"] == 0
    assert scores["position_error_arcsec"]["median"]["value"] is None


def test_a_better_catalog_is_told_from_a_worse_one(rng):
    better = survey(rng)
    worse = replace(better, detections=replace(better.detections, probability=1 - better.detections.probability))
    row = compare_detections(better, worse, n_bootstrap=300)["1 per tile"]["completeness all"]
    assert row["difference"] == pytest.approx(row["a"] - row["b"])
    assert 0 < row["low"] <= row["difference"] <= row["high"]
    assert row["p_value"] < 0.05
    same = compare_detections(better, better, n_bootstrap=50)["1 per tile"]["completeness all"]
    assert (same["difference"], same["low"], same["high"], same["p_value"]) == (0, 0, 0, 1)


def test_resampling_must_be_possible(rng):
    with pytest.raises(InputError, match="n_bootstrap -1"):
        evaluate_detections(survey(rng), n_bootstrap=-1)


def test_a_sample_that_was_found_whole_has_an_interval():
    rows = [(10.0 + 1.5 * k, 0.0, "halo", "halo", 20.0, 100.0) for k in range(5)]
    catalog = make_catalog(*((ra, dec, 0.9) for ra, dec, *_ in rows))
    matched = match_catalog(catalog, make_truth(*rows), tiling=TILING, source="c", of="t")
    found = evaluate_detections(matched, n_bootstrap=50)["operating_points"]["catalog"]["completeness"]["all"]
    z2 = 1.959964**2
    assert found["low"] == pytest.approx(5 / (5 + z2), rel=1e-4)  # Wilson's interval of 5 in 5
    assert found["high"] == 1
