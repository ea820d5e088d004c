from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from merkhet.evaluate.answers import Answers, read_answers
from merkhet.report.gallery import decision_margin, read_gallery, sky_position
from tests.report.runs import experiment, radio_galaxy, write_image

CLASSES = ("FRI", "FRII")


def table(truth, positive):
    """A binary prediction table without images."""
    rows = len(truth)
    p = np.asarray(positive, dtype=float)
    columns: dict[str, Any] = {
        "id": [f"s{n}" for n in range(rows)],
        "image": [f"s{n}.fits" for n in range(rows)],
        "group": range(rows),
    }
    columns |= {"ra": np.linspace(0, 90, rows), "dec": np.linspace(-5, 5, rows)}
    return Table({**columns, "true": [CLASSES[t] for t in truth], "p_FRI": 1 - p, "p_FRII": p})


def chapters(predictions, folder, **task):
    spec = experiment(folder, mode="binary", classes=CLASSES, name="toy")
    spec = spec.model_copy(update={"task": spec.task.model_copy(update=task)})
    return read_gallery(predictions, experiment=spec)


def names(chapter):
    return [cutout.caption.name for cutout in chapter.cutouts]


def test_choice_of_images(tmp_path):
    right, wrong, unsure = chapters(table([0, 0, 0, 1, 1, 1], [0.1, 0.45, 0.95, 0.99, 0.2, 0.51]), tmp_path)
    assert names(right) == ["s3", "s0", "s1", "s5"]
    assert names(wrong) == ["s2", "s4"]
    assert names(unsure)[:2] == ["s5", "s1"]
    assert all(cutout.caption.right for cutout in right.cutouts)
    assert not any(cutout.caption.right for cutout in wrong.cutouts)


def test_at_most_six_of_each_and_none_wrong(tmp_path):
    right, wrong, unsure = chapters(table([1] * 20, np.linspace(0.6, 0.99, 20)), tmp_path)
    assert [len(chapter.cutouts) for chapter in (right, wrong, unsure)] == [6, 0, 6]
    assert names(right)[0] == "s19"
    assert names(unsure)[0] == "s0"


def test_certainty_is_counted_from_the_threshold(tmp_path):
    # 0.95 is half way from 0.9 to certainty, 0.1 nearly all of the way to a certain no
    right, _, _ = chapters(table([1, 0], [0.95, 0.1]), tmp_path, threshold=0.9)
    assert names(right) == ["s1", "s0"]


def test_caption_says_what_was_true_and_what_was_said(tmp_path):
    _, wrong, _ = chapters(table([0], [0.875]), tmp_path)
    caption = wrong.cutouts[0].caption
    assert (caption.true, caption.predicted, caption.probability) == ("FRI", "FRII", "0.875")
    assert caption.position == "00:00:00.00 -05:00:00.0"


def test_margin_of_several_classes_is_the_lead():
    p = np.array([[0.6, 0.3, 0.1], [0.4, 0.4, 0.2]])
    nothing = np.zeros((2, 3), dtype=bool)
    answers = Answers("multiclass", ("a", "b", "c"), nothing, nothing, p, np.arange(2))
    np.testing.assert_allclose(decision_margin(answers, threshold=0.5), np.array([[0.3], [0]]), atol=1e-15)


def test_rows_of_several_labels(tmp_path):
    labels = ("stripes", "rings")
    predictions = table([0, 0, 0], [0.1, 0.2, 0.3])
    predictions["true_stripes"], predictions["true_rings"] = [1, 0, 0], [0, 0, 1]
    predictions["p_stripes"], predictions["p_rings"] = [0.9, 0.4, 0.02], [0.2, 0.1, 0.01]
    spec = experiment(tmp_path, mode="multilabel", classes=labels, name="toy")
    right, wrong, unsure = read_gallery(predictions, experiment=spec)
    assert names(right) == ["s0", "s1"]  # least sure labels: 0.2 against 0.4
    assert names(wrong) == ["s2"]
    assert names(unsure) == ["s1", "s0", "s2"]
    caption = wrong.cutouts[0].caption
    assert (caption.true, caption.predicted) == ("rings", "no label")
    assert caption.probability == "stripes 0.020, rings 0.010"


def test_pixels_come_from_the_folder_of_the_data_table(tmp_path, rng):
    image = radio_galaxy(rng, separation=10)
    (tmp_path / "images").mkdir()
    write_image(tmp_path / "images" / "s0.fits", image)
    right, _, _ = chapters(table([1], [0.9]), tmp_path)
    (cutout,) = right.cutouts
    np.testing.assert_array_equal(cutout.pixels, image)
    assert cutout.pixel_scale_arcsec == pytest.approx(1.8)


def test_cube_is_averaged_along_its_depth(tmp_path, rng):
    cube = rng.normal(size=(4, 12, 10)).astype(np.float32)
    path = tmp_path / "cube.fits"
    write_image(path, cube)
    predictions = table([1], [0.9])
    predictions["image"] = [str(path)]
    spec = experiment(tmp_path, mode="binary", classes=CLASSES, name="toy")
    spec = spec.model_copy(update={"input": spec.input.model_copy(update={"dims": 3})})
    right, _, _ = read_gallery(predictions, experiment=spec)
    assert right.cutouts[0].pixels is not None
    np.testing.assert_allclose(right.cutouts[0].pixels, cube.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("content", [None, b"", b"not FITS at all"])
def test_image_that_cannot_be_read_says_why(tmp_path, content):
    path: Path = tmp_path / "s0.fits"
    if content is not None:
        path.write_bytes(content)
    predictions = table([1], [0.9])
    predictions["image"] = [str(path)]
    right, _, _ = chapters(predictions, tmp_path)
    (cutout,) = right.cutouts
    assert cutout.pixels is None
    assert cutout.missing


def test_unknown_position_is_left_out(tmp_path):
    predictions = table([1, 1], [0.9, 0.8])
    predictions["ra"] = np.ma.array([10.0, 10.0], mask=[True, False])
    right, _, _ = chapters(predictions, tmp_path)
    assert [bool(cutout.caption.position) for cutout in right.cutouts] == [False, True]
    predictions.remove_columns(["ra", "dec"])
    right, _, _ = chapters(predictions, tmp_path)
    assert right.cutouts[0].caption.position == ""


@given(st.floats(0, 360, exclude_max=True), st.floats(-90, 90))
def test_sexagesimal_position_reads_back(ra, dec):
    back = SkyCoord(sky_position(ra, dec), unit=("hourangle", "deg"))
    assert back.separation(SkyCoord(ra, dec, unit="deg")).arcsec < 0.15


def test_table_and_answers_agree(tmp_path):
    predictions = table([0, 1], [0.7, 0.7])
    answers = read_answers(predictions, mode="binary", classes=CLASSES, threshold=0.5)
    right, wrong, _ = chapters(predictions, tmp_path)
    assert (len(right.cutouts), len(wrong.cutouts)) == (answers.right.sum(), (~answers.right).sum())


@pytest.mark.real
def test_real_radio_galaxy(real_data, tmp_path):
    predictions = table([1], [0.9])
    predictions["image"] = [str(next((real_data / "mirabest").rglob("*.fits")))]
    right, _, _ = chapters(predictions, tmp_path)
    (cutout,) = right.cutouts
    assert cutout.pixels is not None
    assert cutout.pixels.shape == (150, 150)
    assert cutout.pixel_scale_arcsec == pytest.approx(1.8, rel=1e-3)
