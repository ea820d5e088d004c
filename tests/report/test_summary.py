import copy
import dataclasses

import pytest

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
    assert len(rows) == 7
    assert rows["Accuracy"].model == test["scores"]["accuracy"]
    assert rows["Accuracy"].majority == test["baselines"]["majority"]["accuracy"]
    assert rows["Brier score"].other == val["scores"]["brier"]
    assert not rows["Log loss"].score.higher_is_better


def test_scores_without_baseline_or_other_split(found):
    del found.metrics["val"]
    found.metrics["test"]["baselines"]["majority"] = None
    assert all(row.majority is None and row.other is None for row in summary.score_rows(found))
    assert summary.score_rows(without(found, metrics={})) == []


def test_rows_of_splits(found):
    train, val, test = summary.data_rows(found)
    assert (train.split, train.rows, train.groups, train.per_class) == ("training", 600, 200, [100, 200, 300])
    assert (val.split, val.rows, val.groups) == ("validation", 60, found.metrics["val"]["n_groups"])
    assert sum(n or 0 for n in test.per_class) == test.rows == 60


def test_rows_of_splits_as_far_as_known(found):
    assert [row.split for row in summary.data_rows(without(found, metrics={}))] == ["training", "validation", "test"]
    assert summary.data_rows(without(found, metrics={}, bundle=None)) == []
    del found.metrics["val"]
    rows = {row.split: row for row in summary.data_rows(found)}
    assert (rows["validation"].rows, rows["validation"].per_class) == (60, [None] * 3)


def test_a_good_run_earns_no_remark(found):
    found.metrics["test"]["n_groups"] = 200
    assert summary.remarks(found) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.pop("test"), "no test split"),
        (lambda m: m["test"]["baselines"].update(majority=None), "no majority baseline"),
        (lambda m: m["test"]["scores"]["accuracy"].update(low=0.0), "reaches the majority baseline"),
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
    text = summary.meaning_of_intervals(found.metrics["test"])
    assert "95%" in text
    assert "200 tables" in text
    assert f"{found.metrics['test']['n_groups']} groups" in text


def test_setup_names_data_network_and_units(found):
    rows = dict(summary.setup_rows(found))
    assert "I (Jy/beam); 48 \N{MULTIPLICATION SIGN} 48 px, 1.8″ per pixel" in rows["Input"]
    assert rows["Table"].endswith("catalogue.csv, rows with confident: 1")
    assert rows["Network"].startswith("cnn (widths [16, 32, 64, 128]")
    assert rows["Split"] == "random, by groups of column field"


def test_provenance_and_citation(found):
    rows = dict(summary.provenance_rows(found))
    assert rows["Model"] == found.bundle.hash
    assert rows["torch"] == "2.13.0"
    assert rows["Epoch kept"] == "7"
    assert found.bundle.hash[:12] in summary.citation(found)
    bare = without(found, bundle=None)
    assert (summary.provenance_rows(bare), summary.citation(bare)) == ([], "")
