import json

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from sklearn.dummy import DummyClassifier

from merkhet.errors import InputError
from merkhet.evaluate.answers import read_answers
from merkhet.evaluate.baselines import classical, leak_warning, majority, score_answers
from merkhet.evaluate.resampled import OVERALL
from merkhet.evaluate.scores import evaluate_table
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


def metadata(rng, codes, *, told=0.9):
    """Columns of rows of class ``codes``: a telescope that gives the class away in most rows, a date that does not."""
    names = np.array(["VLA", "GMRT", "MeerKAT"])
    given = np.where(rng.random(len(codes)) < told, codes, rng.integers(3, size=len(codes)))
    telescope = MaskedColumn(names[given], mask=rng.random(len(codes)) < 0.05)
    return Table(
        {"telescope": telescope, "mjd": np.where(rng.random(len(codes)) < 0.1, np.nan, rng.random(len(codes)))}
    )


@pytest.fixture
def leaky(rng):
    """A table of predictions, its metadata and those of training rows, and the classes of the training rows."""
    table = single_label_table(rng, rows=240, groups=120)
    codes = np.array([CLASSES.index(name) for name in table["true"]])
    train = rng.integers(3, size=300)
    return table, metadata(rng, codes), metadata(rng, train), train


def task(table, mode="multiclass", classes=CLASSES):
    return read_answers(table, mode=mode, classes=classes, threshold=0.5)


def score_columns(answers, *, train, train_truth, rows, n_bootstrap):
    said = classical(answers, train=train, train_truth=train_truth, rows=rows, seed=0)
    return score_answers(said, n_bootstrap=n_bootstrap)


def test_metadata_that_give_the_class_away_are_found_out(leaky):
    table, rows, train, truth = leaky
    found = score_columns(task(table), train=train, train_truth=truth, rows=rows, n_bootstrap=200)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found) == set(OVERALL)
    # 5 % of the telescopes are masked; of the rest 90 % + 10 % / 3 name the class, of the masked ones a third.
    assert found["accuracy"]["value"] == pytest.approx(0.95 * (0.9 + 0.1 / 3) + 0.05 / 3, abs=0.05)
    assert found["accuracy"]["low"] < found["accuracy"]["value"] < found["accuracy"]["high"]


def test_layout_is_that_of_the_majority_baseline(leaky):
    table, rows, train, truth = leaky
    found = score_columns(task(table), train=train, train_truth=truth, rows=rows, n_bootstrap=20)
    counts = {name: int((truth == k).sum()) for k, name in enumerate(CLASSES)}
    scored = evaluate_table(
        table, mode="multiclass", classes=CLASSES, threshold=0.5, n_bootstrap=20, train_counts=counts
    )
    assert set(OVERALL) <= set(scored["baselines"]["majority"])
    for name in OVERALL:
        assert set(found[name]) == set(scored["baselines"]["majority"][name]) == {"value", "low", "high"}


def test_columns_that_say_nothing_do_no_better_than_chance(rng, leaky):
    table, rows, train, truth = leaky
    for columns in (rows, train):
        columns["telescope"] = rng.permutation(np.asarray(columns["telescope"]))
    found = score_columns(task(table), train=train, train_truth=truth, rows=rows, n_bootstrap=200)
    assert found["roc_auc"]["low"] < 0.5 < found["roc_auc"]["high"]
    assert found["log_loss"]["value"] < 1.25 * np.log(3)  # not too sure of what it does not know


def test_same_seed_same_answer(leaky):
    table, rows, train, truth = leaky
    said = [classical(task(table), train=train, train_truth=truth, rows=rows, seed=1) for _ in range(2)]
    np.testing.assert_array_equal(said[0].probability, said[1].probability)
    np.testing.assert_allclose(said[0].probability.sum(axis=1), 1)
    assert (said[0].predicted.sum(axis=1) == 1).all()


def test_a_class_without_training_rows_is_never_said(leaky):
    table, rows, train, truth = leaky
    said = classical(task(table), train=train, train_truth=np.where(truth == 1, 0, truth), rows=rows, seed=0)
    assert (said.probability[:, 1] == 0).all()
    only = classical(task(table), train=train, train_truth=np.full(300, 2), rows=rows, seed=0)
    assert (only.probability == [0, 0, 1]).all()


def test_a_handful_of_training_rows_is_enough(leaky):
    table, rows, train, truth = leaky
    said = classical(task(table), train=train[:4], train_truth=truth[:4], rows=rows, seed=0)
    assert np.isfinite(said.probability).all()


def test_columns_without_a_value_are_no_error(leaky):
    table, rows, train, truth = leaky
    for columns in (rows, train):
        columns["empty"] = np.full(len(columns), np.nan)
        columns["blank"] = np.full(len(columns), "")
    plain = classical(task(table), train=train["telescope", "mjd"], train_truth=truth, rows=rows, seed=0)
    said = classical(task(table), train=train, train_truth=truth, rows=rows, seed=0)
    np.testing.assert_array_equal(said.probability, plain.probability)
    nothing = classical(task(table), train=train["empty", "blank"], train_truth=truth, rows=rows, seed=0)
    np.testing.assert_allclose(nothing.probability[0], np.bincount(truth) / 300)


def test_binary_and_several_labels(rng):
    binary = single_label_table(rng, classes=CLASSES[:2])
    codes = np.asarray(binary["true"] == "FRII").astype(int)
    hint = Table({"hint": codes + rng.normal(0, 0.1, size=len(codes))})
    answers = task(binary, mode="binary", classes=CLASSES[:2])
    assert score_columns(answers, train=hint, train_truth=codes, rows=hint, n_bootstrap=0)["roc_auc"]["value"] == 1
    many = multilabel_table(rng)
    flags = np.column_stack([many["true_stripes"], many["true_rings"]])
    hint = Table({"hint": flags[:, 0] + rng.normal(0, 0.1, size=len(flags))})
    answers = task(many, mode="multilabel", classes=("stripes", "rings"))
    said = classical(answers, train=hint, train_truth=flags, rows=hint, seed=0)
    assert (said.predicted[:, 0] == answers.truth[:, 0]).all()
    assert not (said.predicted[:, 1] == answers.truth[:, 1]).all()


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (lambda rows, train, truth: (rows[:-1], train, truth), "239 rows for 240 answers"),
        (lambda rows, train, truth: (rows, train, truth[:-1]), r"truth \(299,\) for 300 training rows"),
        (lambda rows, train, truth: (rows, train[:0], truth[:0]), "no training rows"),
        (lambda rows, train, truth: (rows, train, truth + 1), r"truth holds \[1, 2, 3\]; expected 0 to 2"),
        (lambda rows, train, truth: (rows["mjd",], train, truth), "no column 'telescope'"),
    ],
)
def test_columns_that_do_not_fit(leaky, cut, message):
    table, *rest = leaky
    rows, train, truth = cut(*rest)
    with pytest.raises(InputError, match=message):
        classical(task(table), train=train, train_truth=truth, rows=rows, seed=0)


def score(value, *, margin=0.02):
    return {"value": value, "low": value - margin, "high": value + margin}


def scores(area, accuracy, *, margin=0.02):
    return {"roc_auc": score(area, margin=margin), "balanced_accuracy": score(accuracy), "columns": ["telescope"]}


@pytest.mark.parametrize(
    ("model", "alone", "warns"),
    [
        (scores(0.95, 0.90), scores(0.94, 0.70), True),  # its area lies within the model's interval
        (scores(0.95, 0.90), scores(0.97, 0.70), True),  # or above it
        (scores(0.95, 0.90), scores(0.80, 0.89), True),
        (scores(0.95, 0.90), scores(0.92, 0.87), False),
        (scores(0.51, 0.50), scores(0.50, 0.50), False),  # neither knows anything
        (scores(0.60, 0.55, margin=0.15), scores(0.53, 0.52, margin=0.05), False),  # no better than chance
    ],
)
def test_warning_where_metadata_come_close(model, alone, warns):
    said = leak_warning(model, alone)
    assert (said is not None) == warns
    if said:
        assert "Metadata alone (telescope)" in said
        assert "\n" not in said


def test_warning_without_intervals_and_without_a_score():
    nothing = {"value": None, "low": None, "high": None}
    bare = {
        name: {**row, "low": None, "high": None} if isinstance(row, dict) else row
        for name, row in scores(0.9, 0.9).items()
    }
    assert leak_warning(bare, bare) is not None
    assert leak_warning(bare, {**bare, "roc_auc": nothing}) is None
    assert leak_warning({"roc_auc": nothing, "balanced_accuracy": nothing}, bare) is None
