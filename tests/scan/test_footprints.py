"""Each position of a survey has one owner: the tile in which it lies deepest."""

import numpy as np
import pytest
from astropy.wcs import WCS

from merkhet.scan.footprints import Footprint, owner, read_footprint
from merkhet.scan.listing import TileFiles
from tests.scan.fields import make_header, write_image


def make_footprint(name="a", *, shape=(60, 80), **header):
    return Footprint(name, WCS(make_header(shape, **header)), shape)


def test_a_footprint_is_read_from_the_header(tmp_path):
    path = write_image(tmp_path / "a.fits.gz", np.zeros((60, 80), dtype=np.int32))
    found = read_footprint(TileFiles("a", path))
    assert found is not None
    assert found.shape == (60, 80) and found.pixel_arcsec == pytest.approx(4)
    assert (found.center.ra.deg, found.center.dec.deg) == pytest.approx((150, 10))
    diagonal = np.hypot(60, 80) / 2 * 4 / 3600
    assert diagonal <= found.radius_deg < 1.01 * diagonal


def test_a_file_that_cannot_be_placed_has_none(tmp_path):
    (tmp_path / "text.fits").write_text("no")
    plain = write_image(tmp_path / "plain.fits", np.zeros((4, 4)), header=make_header()[:0])
    for path in (tmp_path / "text.fits", tmp_path / "absent.fits", plain):
        assert read_footprint(TileFiles("x", path)) is None


def test_depth_is_the_distance_to_the_nearest_edge():
    place = make_footprint()
    depth = place.depth(np.array([-0.5, 39.5, 70.0, 39.5, -3.0]), np.array([20.0, 29.5, 30.0, 58.0, 20.0]))
    np.testing.assert_allclose(depth, [0, 30, 9.5, 1.5, -2.5])


def test_positions_belong_to_the_tile_in_which_they_lie_deepest(rng):
    left = make_footprint("left", ra=150.05)
    right = make_footprint("right", ra=150.0)  # overlaps: a tile is 0.09 degrees wide
    tiles = [None, left, right]
    ra, dec = rng.uniform(149.9, 150.15, 400), rng.uniform(9.95, 10.05, 400)
    found = owner(tiles, ra, dec)
    depths = np.stack([place.depth(*place.pixels(ra, dec)) for place in (left, right)])
    expected = np.where(depths.max(axis=0) > 0, 1 + depths.argmax(axis=0), -1)
    np.testing.assert_array_equal(found, expected)
    assert set(found) == {-1, 1, 2}


def test_nowhere_and_the_far_side_of_the_sky_belong_to_no_tile():
    tiles = [make_footprint()]
    assert owner(tiles, [150.0, np.nan, 330.0], [10.0, 10.0, -10.0]).tolist() == [0, -1, -1]
    assert owner([], np.array([1.0]), np.array([1.0])).tolist() == [-1]
    assert owner(tiles, np.array([]), np.array([])).tolist() == []


def swapped(header):
    """The same sky with declination on the first axis."""
    for key in ("CTYPE", "CUNIT", "CRVAL"):
        header[f"{key}1"], header[f"{key}2"] = header[f"{key}2"], header[f"{key}1"]
    return header


@pytest.mark.parametrize("change", [dict, swapped, lambda header: header.update(RADESYS="FK5", EQUINOX=1980.0)])
def test_positions_are_those_of_astropy_in_any_frame(rng, change):
    header = make_header((60, 80), ra=359.99, rotation_deg=20)
    place = Footprint("a", WCS(change(header) or header), (60, 80))
    x, y = rng.uniform(-5, 85, 20), rng.uniform(-5, 65, 20)
    ra, dec = place.sky(x, y)
    expected = place.wcs.pixel_to_world(x, y).icrs
    np.testing.assert_allclose([ra, dec], [expected.ra.deg, expected.dec.deg], rtol=0, atol=1e-9)
    np.testing.assert_allclose(place.pixels(ra, dec), [x, y], atol=1e-5)
    assert np.isnan(place.pixels(np.array([170.0]), np.array([-10.0]))).all()


def test_right_ascension_may_wrap():
    tiles = [make_footprint(ra=0.0)]
    assert owner(tiles, np.array([359.99, 0.01]), np.array([10.0, 10.0])).tolist() == [0, 0]
