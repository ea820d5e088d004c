import copy
import json
from pathlib import Path

import pytest

from merkhet.errors import InputError
from merkhet.report.metrics import check_metrics


@pytest.fixture
def metrics(run):
    return json.loads((run / "metrics.json").read_text())


def check(metrics, *, classes=("FRI", "FRII", "hybrid")):
    check_metrics(metrics, classes=classes, source=Path("metrics.json"))


def test_scores_of_runs_and_folds_and_of_nothing(metrics, folded_run):
    check(metrics)
    check(json.loads((folded_run / "metrics.json").read_text()))
    check({})


def test_scores_from_before_labels_and_curves_were_kept(metrics):
    for side in metrics.values():
        for key in ("labels", "against", "pr", "calibration"):
            del side[key]
        del side["scores"]["rmsce"]
        for row in side["per_class"].values():
            del row["average_precision"]
    check(metrics)


def change(metrics, path, value):
    *parents, key = path.split(".")
    node = metrics
    for parent in parents:
        node = node[parent]
    if value is None:
        del node[key]
    else:
        node[key] = value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("test.scores", None, r"test\.scores is missing"),
        ("test.scores.accuracy.value", "good", r"test\.scores\.accuracy\.value holds 'good'; expected a valid number"),
        ("test.scores.accuracy", 0.9, r"test\.scores\.accuracy holds '0\.9'"),
        ("test.per_class.FRI", None, r"test\.per_class are FRII, hybrid; expected FRI, FRII, hybrid"),
        ("val.classes", ["a", "b", "c"], r"val\.classes are a, b, c"),
        ("test.confusion", [[1, 2], [3, 4]], r"test\.confusion is not square"),
        ("test.baselines", [], r"test\.baselines holds '\[\]'"),
        ("test.baselines.pixels", {"accuracy": 1}, r"test\.baselines\.pixels"),
        ("test.baselines.majority.class", None, r"test\.baselines\.majority\.class is missing"),
        ("test.roc.FRI", {"fpr": [0, 1]}, r"test\.roc\.FRI"),
        ("test.labels.FRI.points.decision.precision", 3, r"test\.labels\.FRI\.points\.decision\.precision holds '3'"),
        ("test.against.FRI", {"accuracy": 1}, r"test\.against\.FRI"),
        ("test.bootstrap", None, r"test\.bootstrap is missing"),
        ("test", 7, r"test holds '7'"),
    ],
)
def test_edited_scores_are_one_clear_line(metrics, path, value, said):
    change(metrics, path, value)
    with pytest.raises(InputError, match=f"metrics.json: {said}") as error:
        check(metrics)
    assert "\n" not in str(error.value)
    assert "Evaluate the run again" in str(error.value)


def test_what_no_report_shows_may_be_anything(metrics):
    before = copy.deepcopy(metrics)
    metrics["test"]["note"] = {"by": "hand"}
    check(metrics)
    assert set(metrics["test"]) - set(before["test"]) == {"note"}
