"""Statistics of single images, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from merkhet.config.tasks import Classify
from merkhet.io.tables import read_table, write_table
from merkhet.tasks.statistics import image_statistics


def test_one_class_each():
    task = Classify(classes=("a", "b", "c"))
    p = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]], dtype=np.float32)
    answers = {"label": np.array(["a", "b", "c"]), "probability": p.max(axis=1)}
    answers |= {f"p_{name}": p[:, k] for k, name in enumerate(task.classes)}
    table = image_statistics(answers, np.array([0, 2, -1]), task=task, images=["x", "y", "z"], split="val", epoch=4)
    assert table["true"].tolist() == ["a", "c", ""]
    assert table["predicted"].tolist() == ["a", "b", "c"]
    assert table["epoch"].tolist() == [4, 4, 4]
    np.testing.assert_allclose(table["loss"][:2], [-np.log(0.7), -np.log(0.3)], rtol=1e-6)
    assert table["loss"][:2].mean() == pytest.approx(log_loss([0, 2], p[:2].astype(float), labels=[0, 1, 2]), rel=1e-6)
    assert np.isnan(table["loss"][2])
    np.testing.assert_array_equal(table["certainty"], p.max(axis=1))


def test_several_labels_are_named_as_the_task_names_them_and_cost_their_mean():
    task = Classify(mode="multilabel", classes=("rfi", "sis"), derived={"good": (), "both": ("rfi", "sis")})
    p = np.array([[0.9, 0.2], [0.0, 0.5], [0.5, 0.5], [0.1, 0.1]], dtype=np.float32)
    answers = {"label": task.name(p >= 0.5), "probability": np.where(p >= 0.5, p, 1 - p).min(axis=1)}
    answers |= {"p_rfi": p[:, 0], "p_sis": p[:, 1]}
    answers |= {"p_only_good": (1 - p).prod(axis=1), "p_only_both": p.prod(axis=1)}
    truth = np.array([[1, 0], [1, 1], [np.nan, np.nan], [0, 0]])
    table = image_statistics(answers, truth, task=task, images=list("wxyz"), split="predict")
    assert table["true"].tolist() == ["rfi", "both", "", "good"]
    assert table["predicted"].tolist() == ["rfi", "sis", "both", "good"]
    expected = -np.log([[0.9, 0.8], [1e-7, 0.5], [0.9, 0.9]]).mean(axis=1)
    np.testing.assert_allclose(table["loss"][[0, 1, 3]], expected, rtol=1e-5)
    assert np.isnan(table["loss"][2])
    assert table["epoch"].mask.all()
    assert [name for name in table.colnames if name.startswith("p_")] == [
        "p_rfi",
        "p_sis",
        "p_only_good",
        "p_only_both",
    ]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".ecsv", ".fits"])
@pytest.mark.parametrize("rows", [0, 2])
def test_every_format_holds_them_also_without_rows(tmp_path, suffix, rows):
    task = Classify(mode="binary", classes=("no", "yes"))
    p = np.full(rows, 0.5, dtype=np.float32)
    answers = {"label": np.full(rows, "yes"), "probability": p, "p_no": p, "p_yes": p}
    table = image_statistics(
        answers, np.zeros(rows), task=task, images=np.full(rows, "a.fits"), split="predict", seconds_prediction=0.5
    )
    read = read_table(write_table(table, tmp_path / f"s{suffix}"))
    assert read.colnames == table.colnames
    assert len(read) == rows
    if suffix != ".csv":
        assert (read["seconds_prediction"].unit, read["loss"].description) == ("s", table["loss"].description)
