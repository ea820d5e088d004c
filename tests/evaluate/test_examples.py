from typing import Any

import numpy as np
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from merkhet.evaluate.answers import Answers
from merkhet.evaluate.examples import CHAPTERS, PER_CHAPTER, choose_examples, decision_margin

CLASSES = ("FRI", "FRII")


def table(truth, positive):
    """A binary prediction table."""
    rows, p = len(truth), np.asarray(positive, dtype=float)
    columns: dict[str, Any] = {"id": [f"s{n}" for n in range(rows)], "group": range(rows)}
    return Table({**columns, "true": [CLASSES[t] for t in truth], "p_FRI": 1 - p, "p_FRII": p})


def chosen(predictions, **task):
    """Ids by chapter."""
    options: dict[str, Any] = {"mode": "binary", "classes": CLASSES, "threshold": 0.5}
    found = choose_examples(predictions, **{**options, **task})
    for row in found:
        assert predictions["id"][row["row"]] == row["id"]
    for chapter in CHAPTERS:
        ranks = found["rank"][found["chapter"] == chapter]
        assert list(ranks) == list(range(1, len(ranks) + 1))
    return [list(found["id"][found["chapter"] == chapter]) for chapter in CHAPTERS]


def test_surest_right_surest_wrong_least_certain():
    right, wrong, unsure = chosen(table([0, 0, 0, 1, 1, 1], [0.1, 0.45, 0.95, 0.99, 0.2, 0.51]))
    assert right == ["s3", "s0", "s1", "s5"]
    assert wrong == ["s2", "s4"]
    assert unsure[:2] == ["s5", "s1"]


def test_at_most_six_of_each_and_none_wrong():
    right, wrong, unsure = chosen(table([1] * 20, np.linspace(0.6, 0.99, 20)))
    assert (len(right), len(wrong), len(unsure)) == (PER_CHAPTER, 0, PER_CHAPTER)
    assert (right[0], unsure[0]) == ("s19", "s0")


def test_certainty_is_counted_from_the_threshold():
    # 0.95 is half way from 0.9 to certainty, 0.1 nearly all of the way to a certain no
    right, _, _ = chosen(table([1, 0], [0.95, 0.1]), threshold=0.9)
    assert right == ["s1", "s0"]


def test_margin_of_several_classes_is_the_lead():
    p = np.array([[0.6, 0.3, 0.1], [0.4, 0.4, 0.2]])
    nothing = np.zeros((2, 3), dtype=bool)
    answers = Answers("multiclass", ("a", "b", "c"), nothing, nothing, p, np.arange(2))
    np.testing.assert_allclose(decision_margin(answers, threshold=0.5), np.array([[0.3], [0]]), atol=1e-15)


def test_rows_of_several_labels():
    predictions = table([0, 0, 0], [0.1, 0.2, 0.3])
    predictions["true_stripes"], predictions["true_rings"] = [1, 0, 0], [0, 0, 1]
    predictions["p_stripes"], predictions["p_rings"] = [0.9, 0.4, 0.02], [0.2, 0.1, 0.01]
    right, wrong, unsure = chosen(predictions, mode="multilabel", classes=("stripes", "rings"))
    assert right == ["s0", "s1"]  # least sure labels: 0.2 against 0.4
    assert wrong == ["s2"]
    assert unsure == ["s1", "s0", "s2"]


rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20), st.integers(1, 3)), min_size=3, max_size=60)


@given(rows)
def test_what_is_chosen_of_all_parts_is_chosen_of_its_own(values):
    """So that the gallery of pooled folds needs no pixels but those of the folds' galleries."""
    truth, twentieths, part = (np.array(column) for column in zip(*values, strict=True))
    order = np.argsort(part, kind="stable")
    joined = table(truth[order], twentieths[order] / 20)
    of_all = chosen(joined)
    of_parts = [chosen(joined[part[order] == number]) for number in set(part)]
    for chapter in range(len(CHAPTERS)):
        assert set(of_all[chapter]) <= {name for own in of_parts for name in own[chapter]}
