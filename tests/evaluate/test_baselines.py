import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from merkhet.errors import InputError
from merkhet.evaluate.answers import read_answers
from merkhet.evaluate.baselines import majority
from tests.evaluate.tables import CLASSES, multilabel_table, single_label_table


@pytest.fixture
def answers(rng):
    return read_answers(single_label_table(rng), mode="multiclass", classes=CLASSES, threshold=0.5)


@pytest.mark.parametrize("counts", [(30, 50, 20), (10, 10, 5), (0, 0, 7)])
def test_majority_matches_scikit_learn(answers, counts):
    y = np.repeat(CLASSES, counts)
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((len(y), 1)), y)
    said = majority(answers, train_counts=dict(zip(CLASSES, counts, strict=True)), train_rows=sum(counts))
    present = [k for k, name in enumerate(CLASSES) if name in dummy.classes_]
    np.testing.assert_allclose(said.probability[:, present], dummy.predict_proba(np.zeros((len(answers), 1))))
    assert (np.asarray(CLASSES)[said.predicted.argmax(axis=1)] == dummy.predict(np.zeros((len(answers), 1)))).all()
    assert (said.truth == answers.truth).all()


def test_multilabel_majority_is_per_label(rng):
    labels = ("stripes", "rings")
    answers = read_answers(multilabel_table(rng), mode="multilabel", classes=labels, threshold=0.5)
    said = majority(answers, train_counts={"stripes": 60, "rings": 50}, train_rows=100)
    assert said.predicted.tolist() == [[True, False]] * len(answers)
    assert said.probability[0].tolist() == [0.6, 0.5]


@pytest.mark.parametrize(
    ("counts", "rows", "message"),
    [
        ({"spiral": 3}, 3, r"classes \['spiral'\]"),
        ({}, 0, "of 0 rows"),
        ({"FRI": -1, "FRII": 3}, 2, "-1"),
        ({"FRI": 5}, 4, "of 4 rows"),
    ],
)
def test_counts_that_do_not_fit(answers, counts, rows, message):
    with pytest.raises(InputError, match=message):
        majority(answers, train_counts=counts, train_rows=rows)
