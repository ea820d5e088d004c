"""DS9 regions: what they say, read back by their own rules."""

import re

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from merkhet.scan.regions import write_image_regions, write_sky_regions

CIRCLE = re.compile(r'circle\(([-\d.]+),([-\d.]+),([\d.]+)("?)\) # color=(\w+) text=\{(.*)\}')
CATALOG = Table(
    {
        "id": ["t_0001", "t_0002", "t_0003"],
        "ra": [10.0, 200.0, np.nan],
        "dec": [-5.0, 40.0, np.nan],
        "x": [0.0, 10.5, 3.0],
        "y": [2.0, 99.0, 4.0],
        "size_arcsec": [60.0, 3600.0, np.nan],
        "label": ["halo", "ring", "halo"],
        "category": ["DEFINITE", "POSSIBLE", "POSSIBLE"],
        "probability": [0.99, 0.5, 0.46],
    }
)


def read(path):
    header, _, system, *lines = path.read_text().splitlines()
    assert header == "# Region file format: DS9 version 4.1"
    return system, [match.groups() for match in map(CIRCLE.fullmatch, lines) if match]


def test_circles_on_the_sky_are_in_fk5(tmp_path):
    write_sky_regions(CATALOG, tmp_path / "c.reg")
    system, circles = read(tmp_path / "c.reg")
    assert (system, len(circles)) == ("fk5", 2)  # the third has no place on the sky
    fk5 = SkyCoord([float(c[0]) for c in circles], [float(c[1]) for c in circles], unit="deg", frame="fk5")
    assert fk5.icrs.separation(SkyCoord([10, 200], [-5, 40], unit="deg")).arcsec == pytest.approx([0, 0], abs=1e-3)
    assert [c[2:] for c in circles] == [
        ("60.00", '"', "red", "t_0001 halo 0.99"),
        ("3600.00", '"', "orange", "t_0002 ring 0.50"),
    ]


def test_circles_in_an_image_count_pixels_from_one(tmp_path):
    write_image_regions(CATALOG, [15.0, 900.0, 8.0], tmp_path / "c.reg")
    system, circles = read(tmp_path / "c.reg")
    assert system == "image"
    assert [tuple(map(float, c[:3])) for c in circles] == [(1, 3, 15), (11.5, 100, 900), (4, 5, 8)]


def test_no_detections_are_a_file_too(tmp_path):
    write_sky_regions(CATALOG[:0], tmp_path / "c.reg")
    write_image_regions(CATALOG[:0], [], tmp_path / "d.reg")
    assert (read(tmp_path / "c.reg"), read(tmp_path / "d.reg")) == (("fk5", []), ("image", []))
