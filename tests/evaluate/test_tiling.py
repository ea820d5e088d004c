"""The sky of a survey: its area once, its owner, its files."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from merkhet.errors import InputError
from merkhet.evaluate.tiling import read_tiling, sky_vectors
from merkhet.simulate.halos.sphere import unit_vectors
from tests.evaluate.detections import make_catalog, make_tiling, tile_wcs

DEGREES = st.floats(9.3, 11.6)


def test_shared_sky_counts_once():
    areas = make_tiling().areas()
    assert areas.sum() == pytest.approx(1.9, rel=0.01)  # two square degrees, a tenth of one shared; in blocks
    assert areas[0] == pytest.approx(areas[1], rel=0.05)  # half of what is shared each, in blocks
    assert make_tiling(separate=True).areas().sum() == pytest.approx(2.0, rel=2e-3)


def test_invalid_sky_is_no_area_and_owns_nothing():
    valid = np.ones((180, 180), dtype=bool)
    valid[:, :90] = False  # the east
    tiling = make_tiling([(10.0, 0.0)], valid=valid)
    assert tiling.areas().sum() == pytest.approx(0.5, rel=0.02)
    owner = tiling.owner(unit_vectors([10.2, 9.8], [0.0, 0.0]), images=None, source="t")
    assert owner.tolist() == [-1, 0]


@settings(max_examples=40)
@given(ra=DEGREES, dec=st.floats(-0.6, 0.6))
def test_the_owner_is_the_tile_with_the_nearest_center_of_those_that_hold_the_position(ra, dec):
    tiling = make_tiling()
    position = SkyCoord(ra, dec, unit="deg")
    nearest, least = -1, np.inf
    for number, center in enumerate(((10.0, 0.0), (10.9, 0.0))):
        x, y = tile_wcs(*center, side=180).world_to_pixel(position)
        away = position.separation(SkyCoord(*center, unit="deg")).deg
        if -0.5 <= x < 179.5 and -0.5 <= y < 179.5 and away < least:
            nearest, least = number, away
    assert tiling.owner(unit_vectors([ra], [dec]), images=None, source="t").tolist() == [nearest]


def test_the_other_side_of_the_sky_is_on_no_tile():
    assert make_tiling().owner(unit_vectors([190.0], [0.0]), images=None, source="t").tolist() == [-1]


def test_separate_tiles_are_told_apart_by_their_images():
    tiling, places = make_tiling([(10.0, 0.0), (10.0, 0.0)], separate=True), unit_vectors([10, 10, 30], [0, 0, 0])
    images = ["elsewhere/1.fits", "0.fits", "1.fits"]
    assert tiling.owner(places, images=images, source="t").tolist() == [1, 0, -1]
    with pytest.raises(InputError, match=r"found\.csv: names the image 7\.fits; expected a tile, such as 0\.fits"):
        tiling.owner(places[:1], images=["7.fits"], source="found.csv")
    with pytest.raises(InputError, match="no column 'image'"):
        tiling.owner(places, images=None, source="found.csv")


def write_tile(folder, *, exposure):
    header = tile_wcs(10.0, 0.0, side=64).to_header()
    fits.PrimaryHDU(np.zeros((64, 64), dtype=np.int32), header=header).writeto(folder / "image.fits")
    columns = {"image": ["image.fits"]}
    if exposure is not None:
        fits.PrimaryHDU(exposure.astype(np.float32), header=header).writeto(folder / "exposure.fits")
        columns["exposure"] = ["exposure.fits"]
    Table(columns).write(folder / "tiles.csv")
    return folder / "tiles.csv"


def test_a_table_of_tiles_is_read(tmp_path):
    exposure = np.ones((64, 64))
    exposure[:32] = 0
    (tmp_path / "exposed").mkdir()
    half = read_tiling(write_tile(tmp_path / "exposed", exposure=exposure)).areas().sum()
    assert half == pytest.approx(read_tiling(write_tile(tmp_path, exposure=None)).areas().sum() / 2)
    assert half == pytest.approx(32 * 64 * (20 / 3600) ** 2)


def test_tiles_that_are_of_no_use_are_named(tmp_path):
    fits.PrimaryHDU(np.zeros((9, 9))).writeto(tmp_path / "image.fits")
    Table({"image": ["image.fits"]}).write(tmp_path / "tiles.csv")
    with pytest.raises(InputError, match=r"image\.fits: has no celestial WCS"):
        read_tiling(tmp_path / "tiles.csv")


def test_positions_must_be_known():
    with pytest.raises(InputError, match=r"c\.csv: 1 of 2 rows have no ra and dec"):
        sky_vectors(make_catalog((1.0, 2.0, 0.5), (np.nan, 2.0, 0.5)), source="c.csv")
