"""The folder of the scores of a catalog, and its figures."""

import json
from dataclasses import replace

import numpy as np
import pytest

from merkhet.evaluate.detection import compare_detections, evaluate_detections
from merkhet.evaluate.matching import Outcome
from merkhet.io.tables import read_table
from merkhet.report.detection import (
    completeness_plot,
    operating_curve_plot,
    outcome_table,
    source_table,
    write_scores,
)
from tests.evaluate.test_operating import survey


@pytest.fixture(scope="module")
def matched():
    return survey(np.random.default_rng(4))


@pytest.fixture(scope="module")
def scores(matched):
    worse = replace(matched, detections=replace(matched.detections, probability=matched.detections.probability**2 / 2))
    both = {"network.ecsv": matched, "boxes.ecsv": worse}
    return {name: evaluate_detections(one, n_bootstrap=50) for name, one in both.items()}


def test_the_folder_holds_numbers_tables_and_figures(tmp_path, matched, scores):
    comparison = compare_detections(matched, matched, n_bootstrap=20)
    write_scores(tmp_path, scores, matched=matched, comparison=comparison)
    names = {path.name for path in tmp_path.iterdir()}
    figures = {"completeness.png", "operating_curve.png", "reliability.png"}
    assert names == {"metrics.json", "completeness.csv", "operating_curve.csv", "sources.csv", "outcomes.csv"} | figures
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert list(record["catalogs"]) == ["network.ecsv", "boxes.ecsv"]
    assert record["comparison"] == comparison
    table = read_table(tmp_path / "completeness.csv")
    row = table[(table["catalog"] == "boxes.ecsv") & (table["operating_point"] == "1 per tile")]
    row = row[row["sample"] == "snr >= 10"]
    expected = scores["boxes.ecsv"]["operating_points"]["1 per tile"]["completeness"]["snr >= 10"]
    assert row["value"][0] == pytest.approx(expected["value"])


def test_each_source_and_each_detection_has_a_row(matched):
    sources, outcomes = source_table(matched), outcome_table(matched)
    assert len(sources) == 40
    hit = sources[sources["detection"] >= 0]
    np.testing.assert_array_equal(outcomes["source"][hit["detection"]], hit["id"])
    np.testing.assert_array_equal(outcomes["probability"][hit["detection"]], hit["probability"])
    assert (outcomes["outcome"] == "hit").sum() == len(hit) == (matched.matches.outcome == Outcome.HIT).sum()
    assert np.isnan(sources["probability"][sources["detection"] < 0]).all()


def test_figures_show_the_numbers(scores):
    axes = completeness_plot(scores).axes[0]
    line = axes.lines[0]
    bins = scores["network.ecsv"]["operating_points"]["1 per tile"]["completeness"]
    drawn = np.asarray(line.get_ydata(), dtype=float)
    assert drawn[0] == pytest.approx(bins["snr 5-7"]["value"])
    assert drawn[-1] == pytest.approx(bins["snr > 100"]["value"] or np.nan, nan_ok=True)
    panels = operating_curve_plot(scores).axes
    assert [len(panel.lines) for panel in panels] == [2, 2, 2]
    curve = [row["completeness"]["snr 5-20"]["value"] for row in scores["boxes.ecsv"]["operating_curve"]]
    np.testing.assert_allclose(np.asarray(panels[2].lines[1].get_ydata(), dtype=float), curve)
