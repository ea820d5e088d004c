import copy
import dataclasses

import pytest

from merkhet.config.ensemble import Ensemble
from merkhet.report import summary
from merkhet.report.run import read_run


@pytest.fixture
def found(run):
    read = read_run(run)
    return dataclasses.replace(read, metrics=copy.deepcopy(read.metrics))


def without(found, **parts):
    return dataclasses.replace(found, **parts)


def test_scores_stand_beside_baseline_and_other_split(found):
    rows = {row.score.title: row for row in summary.score_rows(found)}
    test, val = found.metrics["test"], found.metrics["val"]
    assert len(rows) == 8
    assert rows["Accuracy"].model == test["scores"]["accuracy"]
    assert rows["Accuracy"].majority == test["baselines"]["majority"]["accuracy"]
    assert rows["Brier score"].other == val["scores"]["brier"]
    assert not rows["Log loss"].score.higher_is_better


def test_the_error_that_early_runs_called_ece_is_left_out(found):
    assert summary.calibration_error(found) == found.metrics["test"]["scores"]["ece"]
    for split in ("test", "val"):
        found.metrics[split]["scores"].pop("rmsce")
    titles = [row.score.title for row in summary.score_rows(found)]
    assert len(titles) == 6
    assert not any("alibration" in title for title in titles)
    assert summary.calibration_error(found) is None


def test_scores_without_baseline_or_other_split(found):
    del found.metrics["val"]
    found.metrics["test"]["baselines"]["majority"] = None
    assert all(row.majority is None and row.other is None for row in summary.score_rows(found))
    assert summary.score_rows(without(found, metrics={})) == []


def test_a_good_run_earns_no_remark(found):
    found.metrics["test"]["n_groups"] = 200
    assert summary.remarks(found) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.pop("test"), "no test split"),
        (lambda m: m["test"]["baselines"].update(majority=None), "no majority baseline"),
        (lambda m: m["test"]["scores"]["accuracy"].update(low=0.0), "reaches the majority baseline"),
        (
            lambda m: m["test"]["baselines"].update(pixels=m["test"]["scores"]),
            "reaches boosted trees on pixel statistics",
        ),
        (lambda m: m["test"].update(duplicates=3), "3 images stand on two sides of the split"),
        (lambda m: m["test"].update(trained_on=4), "4 images have the pixels of ones that the model was trained with"),
        (lambda m: m["test"].update(n_groups=12), "With only 12 groups"),
        (lambda m: m["test"].update(n_groups=1), "All rows belong to one group"),
        (lambda m: m["test"]["scores"]["accuracy"].update(value=1.0), "may be as large as 0.015"),
        (lambda m: m["test"]["per_class"]["FRI"].update(support=0), "No row is of FRI"),
    ],
)
def test_remarks(found, change, said):
    found.metrics["test"]["n_groups"] = found.metrics["val"]["n_groups"] = 200
    change(found.metrics)
    assert [said in remark for remark in summary.remarks(found)] == [True]


def test_meaning_of_intervals_names_the_numbers(found):
    text = summary.meaning_of_intervals(found)
    assert "95%" in text
    assert "200 tables" in text
    assert f"{found.metrics['test']['n_groups']} groups" in text


def test_setup_names_data_network_and_units(found):
    rows = dict(summary.setup_rows(found))
    assert "I (Jy/beam); 48 \N{MULTIPLICATION SIGN} 48 px, 1.8″ per pixel" in rows["Input"]
    assert rows["Table"].endswith("catalogue.csv, rows with confident: 1")
    assert rows["Network"].startswith("cnn (widths [16, 32, 64, 128]")
    assert rows["Split"] == "random; by groups of column field"
    assert "Ensemble" not in rows


def changed(found, **parts):
    return without(found, experiment=found.experiment.model_copy(update=parts))


def test_setup_names_fold_and_ensemble(found, folded_run):
    fold = found.experiment.split.model_copy(update={"kind": "fold", "folds": 5, "fold": 2})
    assert dict(summary.setup_rows(changed(found, split=fold)))["Split"] == "fold 2 of 5; by groups of column field"
    ensemble = Ensemble(members=3, orientations="d4")
    said = dict(summary.setup_rows(changed(found, ensemble=ensemble)))["Ensemble"]
    assert said == (
        "3 networks from different seeds; each image in four quarter turns and their mirror images; "
        "probabilities averaged"
    )
    rows = dict(summary.setup_rows(read_run(folded_run)))
    assert rows["Split"].startswith("3 folds, each image tested once")


def test_duplicates_of_folds_stand_in_two_folds(folded_run):
    found = read_run(folded_run)
    found.metrics["test"]["duplicates"] = 2
    assert any("2 images stand in two folds" in remark for remark in summary.remarks(found))
