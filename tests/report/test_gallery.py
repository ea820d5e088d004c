from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from merkhet.config.tasks import Classify
from merkhet.errors import InputError
from merkhet.evaluate.examples import CHAPTERS
from merkhet.report.gallery import TITLES, read_gallery, sky_position

CLASSES = ("FRI", "FRII")
BINARY = Classify(mode="binary", classes=CLASSES)
SOURCE = Path("run/gallery_test.parquet")


def table(truth, positive):
    """A binary prediction table."""
    rows, p = len(truth), np.asarray(positive, dtype=float)
    columns: dict[str, Any] = {"id": [f"s{n}" for n in range(rows)], "group": range(rows)}
    columns |= {"ra": np.linspace(0, 90, rows), "dec": np.linspace(-5, 5, rows)}
    return Table({**columns, "true": [CLASSES[t] for t in truth], "p_FRI": 1 - p, "p_FRII": p})


def images(*places, scale=1.8):
    """Pixels that count up from the number of the place, for ``(id, chapter, rank)`` each."""
    pixels = np.arange(len(places), dtype=np.float32)[:, None, None] + np.arange(12, dtype=np.float32).reshape(3, 4)
    gallery = Table(rows=places, names=("id", "chapter", "rank"))
    gallery["pixel_scale_arcsec"], gallery["pixels"] = scale, pixels
    return gallery


def chapters(gallery, predictions, task=BINARY):
    return read_gallery(gallery, predictions=predictions, task=task, source=SOURCE)


def test_every_chapter_has_a_title():
    assert tuple(TITLES) == CHAPTERS


def test_images_stand_by_chapter_and_rank():
    gallery = images(("s2", "wrong", 1), ("s0", "right", 2), ("s1", "right", 1))
    right, wrong, unsure = chapters(gallery, table([0, 1, 0], [0.1, 0.9, 0.8]))
    assert [chapter.title for chapter in (right, wrong, unsure)] == [title for title, _ in TITLES.values()]
    assert [cutout.caption.name for cutout in right.cutouts] == ["s1", "s0"]
    np.testing.assert_array_equal(right.cutouts[1].pixels, gallery["pixels"][1])
    assert [cutout.caption.right for cutout in (*right.cutouts, *wrong.cutouts)] == [True, True, False]
    assert wrong.cutouts[0].pixel_scale_arcsec == 1.8
    assert unsure.cutouts == []


def test_caption_says_what_was_true_and_what_was_said():
    _, wrong, _ = chapters(images(("s0", "wrong", 1)), table([0], [0.875]))
    caption = wrong.cutouts[0].caption
    assert (caption.true, caption.predicted, caption.probability) == ("FRI", "FRII", "0.875")
    assert caption.position == "00:00:00.00 -05:00:00.0"


def test_caption_of_several_labels():
    predictions = table([0], [0.3])
    predictions["true_stripes"], predictions["true_rings"] = [0], [1]
    predictions["p_stripes"], predictions["p_rings"] = [0.02], [0.01]
    task = Classify(mode="multilabel", classes=("stripes", "rings"))
    _, wrong, _ = chapters(images(("s0", "wrong", 1)), predictions, task)
    caption = wrong.cutouts[0].caption
    assert (caption.true, caption.predicted) == ("rings", "no label")
    assert caption.probability == "stripes 0.020, rings 0.010"


def test_unknown_scale_and_position_are_left_out():
    predictions = table([1, 1], [0.9, 0.8])
    predictions["ra"] = np.ma.array([10.0, 10.0], mask=[True, False])
    gallery = images(("s0", "right", 1), ("s1", "right", 2), scale=np.nan)
    right, _, _ = chapters(gallery, predictions)
    assert [bool(cutout.caption.position) for cutout in right.cutouts] == [False, True]
    assert right.cutouts[0].pixel_scale_arcsec is None
    predictions.remove_columns(["ra", "dec"])
    right, _, _ = chapters(gallery, predictions)
    assert right.cutouts[0].caption.position == ""


def test_tables_that_do_not_belong_together():
    with pytest.raises(InputError, match=r"gallery_test\.parquet: no prediction of image 's7'\. Evaluate the run"):
        chapters(images(("s7", "right", 1)), table([1], [0.9]))
    with pytest.raises(InputError, match=r"gallery_test\.parquet: has no column 'chapter'"):
        chapters(Table({"id": ["s0"]}), table([1], [0.9]))


@given(st.floats(0, 360, exclude_max=True), st.floats(-90, 90))
def test_sexagesimal_position_reads_back(ra, dec):
    back = SkyCoord(sky_position(ra, dec), unit=("hourangle", "deg"))
    assert back.separation(SkyCoord(ra, dec, unit="deg")).arcsec < 0.15
