import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from merkhet.errors import InputError
from merkhet.evaluate.answers import decide, read_answers
from tests.evaluate.tables import CLASSES, multilabel_table, single_label_table


def read(table, **changes):
    return read_answers(table, **{"mode": "multiclass", "classes": CLASSES, "threshold": 0.5, **changes})


def test_multiclass_truth_and_decision(rng):
    table = single_label_table(rng)
    answers = read(table)
    assert (np.asarray(CLASSES)[answers.truth.argmax(axis=1)] == table["true"]).all()
    assert (np.asarray(CLASSES)[answers.predicted.argmax(axis=1)] == table["label"]).all()
    assert answers.groups == len(set(table["group"]))
    assert (answers.right == (table["label"] == table["true"])).all()


def test_binary_decision_follows_the_threshold():
    p = np.array([[0.35, 0.65], [0.3, 0.7], [0.1, 0.9]])
    assert decide(p, mode="binary", threshold=0.7)[:, 1].tolist() == [False, True, True]
    assert (decide(p, mode="binary", threshold=0.7).sum(axis=1) == 1).all()


def test_multilabel_labels_are_independent(rng):
    table = multilabel_table(rng)
    answers = read(table, mode="multilabel", classes=("stripes", "rings"), threshold=0.3)
    assert (answers.predicted[:, 0] == (table["p_stripes"] >= 0.3)).all()
    assert (answers.truth[:, 1] == (table["true_rings"] == 1)).all()
    assert (answers.right == (answers.truth == answers.predicted).all(axis=1)).all()


def test_equal_probabilities_go_to_the_first_class():
    assert decide(np.full((1, 3), 1 / 3), mode="multiclass", threshold=0.5).tolist() == [[True, False, False]]


def broken(column, value):
    def change(table):
        table[column] = table[column].astype(object) if isinstance(value, str) else table[column]
        table[column][3] = value
        return table

    return change


def masked(table):
    table["group"] = MaskedColumn(table["group"], mask=np.arange(len(table)) == 2)
    return table


def without(column):
    def change(table):
        table.remove_column(column)
        return table

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table[:0], "no rows"),
        (without("p_FRII"), "no column 'p_FRII'"),
        (without("true"), "no column 'true'"),
        (without("group"), "no column 'group'"),
        (masked, "column 'group' has no value in row 2"),
        (broken("p_FRI", np.nan), "column 'p_FRI' holds nan in row 3; expected a probability"),
        (broken("p_FRI", 1.5), "holds 1.5 in row 3"),
        (broken("p_FRI", "high"), "column 'p_FRI' holds text"),
        (broken("true", "spiral"), "holds 'spiral' in row 3; expected one of FRI, FRII, hybrid"),
    ],
)
def test_bad_table_gives_one_clear_line(rng, change, message):
    with pytest.raises(InputError, match=message) as caught:
        read(change(single_label_table(rng)))
    assert "\n" not in str(caught.value)


def test_multilabel_truth_must_be_a_flag():
    table = Table({"group": [1], "p_a": [0.2], "true_a": [2]})
    with pytest.raises(InputError, match="column 'true_a' holds 2 in row 0; expected 0 or 1"):
        read(table, mode="multilabel", classes=("a",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "ternary"}, "mode is 'ternary'"),
        ({"mode": "binary"}, "3 classes for mode binary; expected 2 classes"),
        ({"classes": ("FRI",)}, "1 classes for mode multiclass; expected 2 or more"),
        ({"threshold": 1.0}, "threshold is 1"),
    ],
)
def test_task_that_does_not_fit(rng, changes, message):
    with pytest.raises(InputError, match=message):
        read(single_label_table(rng), **changes)
