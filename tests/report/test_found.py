"""Detections in one form, and what is around them."""

import json

import numpy as np
import pytest
from astropy.table import Table

from merkhet.report.found import cut_out, detections_on, read_detections
from tests.scan.fields import make_tile


def test_published_corner_becomes_the_middle(tmp_path):
    rows = [
        {"x": 10, "y": 20, "probability": 0.5, "category": "POSSIBLE_HALO", "window_size": 64},
        {"x": 0, "y": 0, "probability": 0.9, "category": "DEFINITE_HALO", "window_size": 3, "image": "b.fits"},
    ]
    (tmp_path / "found.json").write_text(json.dumps({"num_detections": 2, "detections": rows}))
    table = read_detections(tmp_path / "found.json")
    assert table["category"].tolist() == ["DEFINITE_HALO", "POSSIBLE_HALO"]  # the most probable first
    assert table["x"].tolist() == [1.0, 41.5]
    assert table["y"].tolist() == [1.0, 51.5]
    assert table["radius_px"].tolist() == [1.5, 32.0]


def test_detections_are_told_apart_by_their_image():
    tile = make_tile(np.zeros((40, 50)), name="a")
    table = Table(
        {
            "x": [1.0, 2.0, 3.0],
            "y": [1.0] * 3,
            "probability": [0.9, 0.8, 0.7],
            "category": ["A"] * 3,
            "image": ["there/a.fits", "b.fits", ""],
            "size_arcsec": [8.0, 8.0, np.nan],
        }
    )
    here = detections_on(tile, read_detections(table))
    assert here["x"].tolist() == [1.0, 3.0]
    assert here["radius_px"][0] == 2
    assert np.isnan(here["radius_px"][1])


@pytest.mark.parametrize(("x", "y"), [(20.0, 30.0), (0.0, 0.0), (49.4, 39.4), (-500.0, 20.0)])
def test_cutout_is_centered_and_what_lies_beyond_is_not_observed(x, y):
    counts = np.zeros((40, 50))
    row, column = int(np.clip(np.rint(y), 0, 39)), int(np.clip(np.rint(x), 0, 49))
    counts[row, column] = 100
    cutout = cut_out(make_tile(counts), x, y, radius_px=5.0)
    assert cutout.circle is not None
    assert cutout.circle[:2] == pytest.approx((32 + x - round(x), 32 + y - round(y)))
    inside = np.isfinite(cutout.picture.pixels)
    assert inside.sum() <= 40 * 50
    if x >= 0:
        assert np.nanargmax(cutout.picture.pixels) == 32 * inside.shape[1] + 32
    else:
        assert not inside.any()


def test_large_objects_are_cut_out_whole():
    cutout = cut_out(make_tile(np.zeros((400, 500))), 200.0, 200.0, radius_px=60.0)
    assert cutout.circle is not None
    assert cutout.picture.block == 3
    assert cutout.circle[2] == 20
    assert cutout.picture.pixels.shape[0] * 3 >= 2 * 2.5 * 60
