import copy
import dataclasses
import json
import shutil

import numpy as np
import pytest

from merkhet.report.html import write_report
from merkhet.report.labels import against_rows, point_rows, recall_plot, searches, strength_columns
from merkhet.report.run import read_run
from tests.report.runs import write_run

LABELS = ("stripes", "rings")
UNKNOWN = {"value": None, "low": None, "high": None}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("labels") / "toy", mode="multilabel", classes=LABELS)


@pytest.fixture
def found(labelled):
    read = read_run(labelled)
    return dataclasses.replace(read, metrics=copy.deepcopy(read.metrics))


def bins(*recalls):
    """Bins of rising strength."""
    return [
        {
            "low": 0.1 * 2**k,
            "high": None if k == len(recalls) - 1 else 0.2 * 2**k,
            "n": 10,
            "median": 0.15 * 2**k,
            "recall": {"value": recall, "low": max(recall - 0.2, 0), "high": min(recall + 0.2, 1)},
            "recall_from": UNKNOWN,
            "roc_auc": UNKNOWN,
        }
        for k, recall in enumerate(recalls)
    ]


def test_each_label_has_a_search(found):
    stripes, rings = searches(found)
    assert (stripes.name, rings.name) == LABELS
    assert stripes.rival == "pixels"
    assert [row.title for row in stripes.rows] == ["all"]
    assert stripes.recall is None
    assert stripes.reliability is not None
    support = found.metrics["test"]["per_class"]["stripes"]["support"]
    assert stripes.rows[0].n == support


def test_strengths_have_a_line_each_beside_the_best_baseline(found):
    scored = found.metrics["test"]["labels"]
    scored["stripes"]["bins"] = bins(0.1, 0.5, 0.9)
    baselines = found.metrics["test"]["baselines"]
    baselines["pixels"] = {"labels": copy.deepcopy(scored)}
    baselines["pixels"]["labels"]["stripes"]["bins"] = bins(0.0, 0.2, 0.8)
    stripes, _ = searches(found)
    assert [row.title for row in stripes.rows] == ["all", "0.1 to 0.2", "0.2 to 0.4", "0.4 and more"]
    assert [row.rival["value"] for row in stripes.rows[1:] if row.rival] == [0.0, 0.2, 0.8]
    assert stripes.recall is not None
    (axes,) = stripes.recall.axes
    drawn = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    np.testing.assert_array_equal(drawn["this model"], [0.1, 0.5, 0.9])
    np.testing.assert_array_equal(drawn["pixels"], [0.0, 0.2, 0.8])


def test_points_and_comparisons_are_listed(found):
    rows = point_rows(found)
    assert [(row.label, row.title, row.threshold) for row in rows] == [
        ("stripes", "the model's own decision", 0.5),
        ("rings", "the model's own decision", 0.5),
    ]
    assert [(label, title) for label, title, _ in against_rows(found)] == [
        (label, score) for label in LABELS for score in ("ROC AUC", "Log loss")
    ]
    columns = found.experiment.data.columns.model_copy(update={"strength": ("a", "b")})
    data = found.experiment.data.model_copy(update={"columns": columns})
    named = dataclasses.replace(found, experiment=found.experiment.model_copy(update={"data": data}))
    assert strength_columns(named) == {"stripes": "a", "rings": "b"}


def test_plot_leaves_out_what_is_not_known():
    rows = bins(0.2, 0.6, 0.9)
    rows[1]["recall"] = UNKNOWN
    rows[2]["recall"].update(low=None, high=None)
    (axes,) = recall_plot(rows, rate=0.005).axes
    np.testing.assert_allclose(np.asarray(axes.get_lines()[0].get_xdata()), np.array([0.15, 0.6]))
    assert axes.get_xscale() == "log"
    rows[0]["median"] = -1.0
    assert recall_plot(rows, rate=0.005).axes[0].get_xscale() == "linear"


def test_page_of_several_labels_and_of_an_old_run(labelled, tmp_path):
    page = write_report(labelled).read_text(encoding="utf-8")
    assert "At few false alarms" in page
    assert "Precision at 2 %" in page
    assert "Against the best baseline" in page
    old = shutil.copytree(labelled, tmp_path / "old")
    found = read_run(old)
    for side in found.metrics.values():
        del side["labels"], side["against"]
    assert (searches(found), point_rows(found), against_rows(found)) == ([], [], [])
    write_old(old, found.metrics)
    assert "this run was scored before it was kept" in write_report(old).read_text(encoding="utf-8")


def write_old(folder, metrics):
    (folder / "metrics.json").write_text(json.dumps(metrics))
