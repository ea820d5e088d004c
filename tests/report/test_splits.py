import copy
import dataclasses

import numpy as np
import pytest

from merkhet.config.tasks import Detect
from merkhet.report.html import render
from merkhet.report.run import read_run
from merkhet.report.splits import counted_classes, data_rows, where_scored


@pytest.fixture
def found(run):
    read = read_run(run)
    return dataclasses.replace(read, metrics=copy.deepcopy(read.metrics))


@pytest.fixture
def folded(folded_run):
    return read_run(folded_run)


def without(found, **parts):
    return dataclasses.replace(found, **parts)


def test_rows_of_splits(found):
    train, val, test = data_rows(found)
    assert (train.split, train.rows, train.groups, train.per_class) == ("training", 600, 200, [100, 200, 300])
    assert (val.split, val.rows, val.groups) == ("validation", 60, found.metrics["val"]["n_groups"])
    assert test.rows == 60
    assert test.per_class == [row["support"] for row in found.metrics["test"]["per_class"].values()]


def test_rows_of_splits_as_far_as_known(found):
    assert [row.split for row in data_rows(without(found, metrics={}))] == ["training", "validation", "test"]
    assert data_rows(without(found, metrics={}, bundle=None)) == []
    del found.metrics["val"]
    rows = {row.split: row for row in data_rows(found)}
    assert (rows["validation"].rows, rows["validation"].per_class) == (60, [None] * 3)


def test_each_row_of_the_folds_is_tested_once(folded):
    whole, train, val, test = data_rows(folded)
    result, table = folded.metrics["test"], folded.predictions["test"]
    assert (whole.split, whole.rows, whole.groups) == ("all, each tested once", 60, result["n_groups"])
    assert whole.per_class == [(table["true"] == name).sum() for name in result["classes"]]
    assert (train.rows, val.rows, test.rows) == (30, 10, 20)
    for k, name in enumerate(result["classes"]):
        tested = np.bincount(table["fold"][table["true"] == name], minlength=4)[1:]
        learned = tested.sum() // 2
        assert_span(train.per_class[k], [learned])
        assert_span(val.per_class[k], tested.sum() - learned - tested)
        assert_span(test.per_class[k], tested)
    assert_span(test.groups, [fold.n_groups for fold in folded.folds])


def assert_span(span, numbers):
    low, high = span if isinstance(span, tuple) else (span, span)
    assert (low, high) == (min(numbers), max(numbers))


def test_folds_without_their_folders_or_predictions(folded):
    folds = tuple(dataclasses.replace(fold, bundle=None) for fold in folded.folds)
    rows = data_rows(without(folded, folds=folds))
    assert [row.split for row in rows] == ["all, each tested once", "test, each fold"]
    rows = data_rows(without(folded, predictions={}))
    assert [row.per_class[0] is None for row in rows] == [False, False, True, True]


def test_what_was_scored_has_a_name(found, folded):
    assert where_scored(found) == "test split"
    assert where_scored(without(found, metrics={"val": found.metrics["val"]})) == "validation split"
    assert where_scored(without(found, metrics={})) == "test split"
    assert where_scored(folded) == "3 test folds"


def detector(found, *, counts):
    task = Detect(classes=("halo", "ring"))
    provenance = found.bundle.provenance.model_copy(update={"train_counts": counts})
    bundle = found.bundle.model_copy(update={"provenance": provenance})
    experiment = found.experiment.model_copy(update={"task": task})
    return without(found, experiment=experiment, bundle=bundle, metrics={}, galleries={}, predictions={})


def test_objects_of_a_detector_are_counted_where_the_run_says_so(found):
    told = detector(found, counts={"halo": 7, "ring": 5})
    assert counted_classes(told) == ("halo", "ring")
    assert data_rows(told)[0].per_class == [7, 5]
    assert "Objects are counted by kind" in render(told)
    silent = detector(found, counts={})
    assert counted_classes(silent) == ()
    page = render(silent)
    assert "this run does not say how many of each kind there were" in page
    assert '<th class="n">halo</th>' not in page
    assert "Patches" in page
    assert counted_classes(found) == ("FRI", "FRII", "hybrid")
