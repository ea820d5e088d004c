import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from merkhet.evaluate.answers import read_answers
from merkhet.evaluate.rivals import against_baselines
from merkhet.evaluate.strengths import Resampling
from tests.evaluate.tables import multilabel_table

LABELS = ("stripes", "rings")
FEW = Resampling(draws=200)


@pytest.fixture
def answers(rng):
    return read_answers(multilabel_table(rng), mode="multilabel", classes=LABELS, threshold=0.5)


def test_the_best_baseline_of_each_label_and_score_is_met(answers, rng):
    noise = rng.random(answers.probability.shape)
    half = replace(answers, probability=(answers.probability + noise) / 2)
    chance = replace(answers, probability=np.full_like(noise, 0.3))
    found = against_baselines(answers, {"half": half, "chance": chance}, resampling=FEW)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for k, name in enumerate(LABELS):
        truth, row = answers.truth[:, k], found[name]
        assert row["roc_auc"]["baseline"] == "half"
        assert row["roc_auc"]["a"] == pytest.approx(roc_auc_score(truth, answers.probability[:, k]))
        assert row["roc_auc"]["b"] == pytest.approx(roc_auc_score(truth, half.probability[:, k]))
        losses = {n: log_loss(truth, each.probability[:, k]) for n, each in (("half", half), ("chance", chance))}
        best = min(losses, key=losses.__getitem__)
        assert row["log_loss"]["baseline"] == best
        assert row["log_loss"]["b"] == pytest.approx(losses[best], rel=1e-5)
        assert row["log_loss"]["low"] <= row["log_loss"]["difference"] <= row["log_loss"]["high"]


def test_equal_answers_do_not_differ(answers):
    found = against_baselines(answers, {"same": answers}, resampling=FEW)["rings"]["roc_auc"]
    assert found["difference"] == found["low"] == found["high"] == 0
    assert found["p_value"] == 1


def test_what_cannot_be_scored_is_left_out(answers):
    assert against_baselines(answers, {}, resampling=FEW) == {}
    none = replace(answers, truth=np.zeros_like(answers.truth))
    found = against_baselines(none, {"same": none}, resampling=FEW)
    assert set(found["rings"]) == {"log_loss"}
