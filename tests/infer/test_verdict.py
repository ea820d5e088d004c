"""Verdicts for observations, by hand."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from merkhet.config.tasks import Classify
from merkhet.errors import InputError
from merkhet.infer.inputs import InputItem
from merkhet.infer.verdict import Place, place_of, verdicts

LABELS = Classify(
    mode="multilabel", classes=("rfi", "sis"), derived={"good": (), "rfisis": ("rfi", "sis")}, threshold=0.5
)
CLASSES = Classify(classes=("good", "rfi", "sis"))


def answers(task, probabilities):
    p = np.asarray(probabilities, dtype=float).reshape(len(probabilities), len(task.classes))
    names = [f"{row}.fits" for row in range(len(p))]
    return Table({"image": np.array(names, dtype=str), **{f"p_{name}": p[:, k] for k, name in enumerate(task.classes)}})


def judge(task, probabilities, places, rejected=()):
    places, rejected = ([Place(*place.split("/")) for place in some] for some in (places, rejected))
    return verdicts(answers(task, probabilities), places=places, rejected=rejected, task=task, model="hash")


def test_sub_bands_are_combined_and_polarizations_of_one_count_once():
    p = [[0.1, 0.0], [0.6, 0.0], [0.2, 0.7], [0.0, 0.0]]
    (row,) = judge(LABELS, p, ["1/a", "1/a", "1/b", "1/c"])
    assert (row["images"], row["rejected"], row["subbands"]) == (4, 0, 3)
    assert (row["affected"], row["affected_subbands"], row["label"]) == (2, "a b", "rfisis")
    assert row["p_worst"] == pytest.approx(1 - 0.8 * 0.3)
    assert row["worst_image"] == "2.fits"
    assert row["p_affected"] == pytest.approx(1 - (1 - 0.6) * (0.8 * 0.3) * 1)
    assert row["p_rfi"] == pytest.approx(1 - 0.4 * 0.8)
    assert row["p_sis"] == pytest.approx(0.7)
    assert row["model"] == "hash"


def test_of_exclusive_classes_the_first_is_the_good_one():
    table = judge(CLASSES, [[0.5, 0.3, 0.2], [0.9, 0.1, 0.0], [0.2, 0.1, 0.7]], ["1/a", "1/b", "2/a"])
    assert table["label"].tolist() == ["good", "sis"]
    assert table["affected"].tolist() == [0, 1]
    np.testing.assert_allclose(table["p_worst"], [0.5, 0.8])
    np.testing.assert_allclose(table["p_affected"], [1 - 0.5 * 0.9, 0.8])
    assert "p_good" not in table.colnames


def test_the_threshold_of_the_task_decides():
    strict = LABELS.model_copy(update={"threshold": 0.8})
    assert judge(LABELS, [[0.7, 0.0]], ["1/a"])["affected"].tolist() == [1]
    assert judge(strict, [[0.7, 0.0]], ["1/a"])["label"].tolist() == ["good"]


def test_rejects_are_counted_and_an_observation_of_rejects_alone_is_there():
    table = judge(LABELS, [[0.0, 0.0]], ["1/a"], ["1/b", "2/a", "2/b"])
    assert table["observation"].tolist() == ["1", "2"]
    assert table["rejected"].tolist() == [1, 2]
    assert table["images"].tolist() == [1, 0]
    assert np.isnan(table["p_affected"][1])
    assert table["label"][1] == ""


def test_without_images_there_are_columns_and_no_rows():
    empty, full = judge(LABELS, [], []), judge(LABELS, [[0.0, 0.0]], ["1/a"])
    assert len(empty) == 0
    assert empty.colnames == full.colnames
    assert all(full[name].description for name in full.colnames)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from("abc")), min_size=1, max_size=8))
def test_any_is_at_least_the_worst_and_one_sub_band_is_its_worst_image(rows):
    table = judge(LABELS, [row[:2] for row in rows], [f"1/{row[2]}" for row in rows])
    assert table["p_affected"][0] >= table["p_worst"][0] - 1e-12
    together = judge(LABELS, [row[:2] for row in rows], ["1/a"] * len(rows))
    assert together["p_affected"][0] == pytest.approx(table["p_worst"][0])


def test_names_and_columns_tell_the_observation():
    table = Table({"path": ["x_1.fits"], "night": [20260101]})
    named = InputItem("1131456789", (Path("a/1131456789_XX_72-80MHz.fits"),))
    of_table = InputItem("x", (Path("x_1.fits"),), table=table, row=0)
    assert place_of(named, group=None) == ("1131456789", "72-80MHz")
    assert place_of(of_table, group="night") == ("20260101", "x_1.fits")
    assert place_of(of_table, group=None) == ("x_1.fits", "x_1.fits")
    assert place_of(InputItem("row 3 of t.csv", ()), group=None).observation == "row 3 of t.csv"
    with pytest.raises(InputError, match=r"stands in no table with a column 'night'\. Leave --group-column out"):
        place_of(named, group="night")
