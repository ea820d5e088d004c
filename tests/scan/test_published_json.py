"""The JSON of the published halo detector."""

import json

import numpy as np
from astropy.table import Table

from merkhet.scan.published_json import write_published


def rows(**changes) -> Table:
    columns = {
        "x": [40.2, 100.0],
        "y": [31.5, 50.0],
        "cell_x": [31.5, np.nan],
        "cell_y": [63.5, np.nan],
        "scale_px": [64.0, 128.0],
        "probability": [0.9, 0.5],
        "category": ["DEFINITE_HALO", "POSSIBLE_HALO"],
        "image": ["a.fits", "a.fits"],
    }
    return Table(columns | changes)


def test_windows_are_named_by_their_lower_corner(tmp_path):
    write_published(rows(), tmp_path / "d.json")
    assert json.loads((tmp_path / "d.json").read_text()) == {
        "num_detections": 2,
        "detections": [
            {"x": 0, "y": 32, "probability": 0.9, "category": "DEFINITE_HALO", "window_size": 64},
            {"x": 36, "y": -14, "probability": 0.5, "category": "POSSIBLE_HALO", "window_size": 128},
        ],
    }


def test_several_images_are_told_apart(tmp_path):
    write_published(rows(image=["a.fits", "b.fits"]), tmp_path / "d.json")
    assert [d["image"] for d in json.loads((tmp_path / "d.json").read_text())["detections"]] == ["a.fits", "b.fits"]


def test_no_detections_are_written_too(tmp_path):
    write_published(rows()[:0], tmp_path / "d.json")
    assert json.loads((tmp_path / "d.json").read_text()) == {"num_detections": 0, "detections": []}
