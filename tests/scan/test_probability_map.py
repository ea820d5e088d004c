"""Maps of probability and their world coordinates."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from merkhet.scan.grid import Grid
from merkhet.scan.probability_map import scaled_wcs, write_probability_map
from tests.scan.surveys import make_counts, make_tile, make_wcs


def make_grid(logit, *, step, covered=None) -> Grid:
    logit = np.asarray(logit, dtype=np.float32)
    covered = np.ones(logit.shape, dtype=bool) if covered is None else covered
    return Grid(0, step, ((step - 1) / 2, (step - 1) / 2), covered, {"logit": logit})


def test_the_largest_probability_of_all_scales_stands_on_the_finest(rng, tmp_path):
    wcs = make_wcs(shape=(64, 64))
    tile = make_tile(make_counts(rng, shape=(64, 64)), wcs=wcs)
    fine, coarse = np.full((4, 4), -1.0), np.full((2, 2), -2.0)
    fine[0, 3], coarse[1, 0] = 2.0, 3.0
    covered = np.ones((4, 4), dtype=bool)
    covered[2, 2] = False
    grids = [make_grid(coarse, step=32.0), make_grid(fine, step=16.0, covered=covered)]
    write_probability_map(tile, grids, tmp_path / "p.fits", model="abc")
    data, header = fits.getdata(tmp_path / "p.fits", header=True)
    expected = 1 / (1 + np.exp(-np.maximum(fine, np.kron(coarse, np.ones((2, 2))))))
    expected[2, 2] = np.nan
    assert data == pytest.approx(expected, abs=1e-6, nan_ok=True)
    assert header["MKMODEL"] == "abc"
    x, y = np.array([0, 3]), np.array([1, 2])
    there, here = WCS(header).pixel_to_world(x, y), wcs.pixel_to_world(7.5 + 16 * x, 7.5 + 16 * y)
    assert there.separation(here).arcsec == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("matrix", ["cdelt", "cd"])
def test_world_coordinates_are_scaled_about_the_same_sky(matrix):
    header = make_wcs(shape=(64, 64)).to_header()
    if matrix == "cd":
        angle = np.deg2rad(30)
        header["CD1_1"], header["CD1_2"] = -np.cos(angle) * 1e-3, np.sin(angle) * 1e-3
        header["CD2_1"], header["CD2_2"] = np.sin(angle) * 1e-3, np.cos(angle) * 1e-3
        for key in ("CDELT1", "CDELT2"):
            del header[key]
    wcs = WCS(header)
    scaled = scaled_wcs(wcs, step=5.0, origin=(2.0, -7.0))
    x, y = np.arange(5.0), 3 * np.arange(5.0)
    apart = scaled.pixel_to_world(x, y).separation(wcs.pixel_to_world(2 + 5 * x, -7 + 5 * y))
    assert apart.arcsec == pytest.approx(np.zeros(5), abs=1e-6)


def test_a_tile_without_world_coordinates_has_a_map_without_them(rng, tmp_path):
    tile = make_tile(make_counts(rng, shape=(64, 64)))
    write_probability_map(tile, [make_grid(np.zeros((4, 4)), step=16.0)], tmp_path / "p.fits", model="abc")
    assert not WCS(fits.getheader(tmp_path / "p.fits")).has_celestial
