import numpy as np
import pytest
from astropy.table import MaskedColumn

from merkhet.evaluate.answers import read_answers
from merkhet.evaluate.questions import as_labels, questions
from tests.evaluate.tables import multilabel_table, single_label_table

FOUR = ("good", "rfi", "sis", "rfisis")


def test_of_two_classes_the_second_is_asked_for(rng):
    table = single_label_table(rng, classes=("noise", "halo"))
    labels = as_labels(read_answers(table, mode="binary", classes=("noise", "halo"), threshold=0.3))
    assert (labels.mode, labels.classes) == ("multilabel", ("halo",))
    np.testing.assert_array_equal(labels.truth[:, 0], table["true"] == "halo")
    np.testing.assert_array_equal(labels.predicted[:, 0], np.asarray(table["p_halo"]) >= 0.3)


def test_unions_of_exclusive_classes_are_their_sums(rng):
    table = single_label_table(rng, classes=FOUR)
    answers = read_answers(table, mode="multiclass", classes=FOUR, threshold=0.5)
    labels = as_labels(answers, unions={"any_rfi": ("rfi", "rfisis"), "any_sis": ("sis", "rfisis")})
    assert labels.classes == ("any_rfi", "any_sis")
    np.testing.assert_array_equal(labels.truth[:, 1], np.isin(table["true"], ("sis", "rfisis")))
    np.testing.assert_allclose(labels.probability[:, 0], table["p_rfi"] + table["p_rfisis"])
    best = np.array(FOUR)[np.argmax([table[f"p_{name}"] for name in FOUR], axis=0)]
    np.testing.assert_array_equal(labels.predicted[:, 0], np.isin(best, ("rfi", "rfisis")))
    assert as_labels(answers).classes == FOUR


def test_several_labels_stay_as_they_are(rng):
    answers = read_answers(multilabel_table(rng), mode="multilabel", classes=("stripes", "rings"), threshold=0.5)
    assert as_labels(answers, unions={"none": ()}) is answers


def test_strengths_come_from_their_columns(rng):
    table = multilabel_table(rng)
    table["strength_rings"] = MaskedColumn(np.arange(len(table)), mask=np.arange(len(table)) < 2)
    answers = read_answers(table, mode="multilabel", classes=("stripes", "rings"), threshold=0.5)
    stripes, rings = questions(answers, table)
    assert stripes.strength is None
    assert rings.strength is not None
    assert np.isnan(rings.strength[:2]).all()
    assert rings.strength[2:] == pytest.approx(np.arange(2, len(table)))
    assert rings.groups == answers.groups
