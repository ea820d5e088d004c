import dataclasses

import numpy as np
import pytest

from merkhet.report.folds import FOLD_SCORES, fold_rows, fold_spread
from merkhet.report.run import read_run


@pytest.fixture
def folded(folded_run):
    return read_run(folded_run)


def test_the_pooled_line_stands_above_those_of_the_folds(folded):
    pooled, *folds = fold_rows(folded)
    assert (pooled.title, pooled.n) == ("all folds, pooled", 60)
    assert pooled.scores == folded.metrics["test"]["scores"]
    assert [(row.title, row.n) for row in folds] == [("fold 1", 20), ("fold 2", 20), ("fold 3", 20)]
    right = sum(row.n * row.scores["accuracy"]["value"] for row in folds)
    assert right / 60 == pytest.approx(pooled.scores["accuracy"]["value"])


def test_spread_is_that_of_the_folds_that_have_the_score(folded):
    spread = fold_spread(folded)
    assert set(spread) == set(FOLD_SCORES)
    values = [fold.scores["log_loss"]["value"] for fold in folded.folds]
    assert spread["log_loss"] == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    one = {**folded.folds[0].scores, "roc_auc": {"value": None, "low": None, "high": None}}
    folds = [dataclasses.replace(fold, scores=one) for fold in folded.folds[:2]]
    assert "roc_auc" not in fold_spread(dataclasses.replace(folded, folds=(*folds, folded.folds[2])))


def test_a_run_without_folds_has_no_such_table(run):
    found = read_run(run)
    assert fold_rows(found) == []
    assert fold_spread(found) == {}
