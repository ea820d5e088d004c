"""Every object of a survey once."""

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from merkhet.scan.footprints import Footprint
from merkhet.scan.ownership import claim
from tests.scan.surveys import ARCSEC, make_wcs

SIZE, STEP = 300, 240  # two tiles share 60 px, 240 arcsec
SKY = make_wcs(shape=(SIZE, SIZE + STEP))
TILES = [Footprint(f"t{k}", SKY[:, STEP * k : STEP * k + SIZE], (SIZE, SIZE)) for k in range(2)]
BORDER = STEP + (SIZE - STEP) / 2 - 0.5  # of ownership, in pixels of the sky


def make_rows(tile, x, y, score=None, radius=40.0) -> Table:
    """Detections at pixels of the whole sky."""
    n = len(tile)
    sky = SKY.pixel_to_world(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
    return Table(
        {
            "tile": tile,
            "ra": sky.ra.deg,
            "dec": sky.dec.deg,
            "radius_arcsec": np.full(n, radius),
            "score": np.zeros(n) if score is None else score,
        }
    )


@settings(max_examples=25)
@given(st.floats(STEP, SIZE - 1), st.floats(50, 250), st.floats(-3, 3), st.floats(-3, 3))
def test_an_object_in_the_overlap_is_there_once_wherever_each_tile_puts_it(x, y, first, second):
    rows = make_rows([0, 1], [x + first, x + second], [y, y + first / 2], score=[1.0, 2.0])
    kept = claim(rows, TILES)
    assert kept.sum() == 1
    if x + min(first, second) > BORDER + 1:
        assert kept.tolist() == [False, True]
    if x + max(first, second) < BORDER - 1:
        assert kept.tolist() == [True, False]


@pytest.mark.parametrize(
    ("tile", "x", "kept"), [(0, BORDER - 25, True), (1, BORDER - 25, False), (1, BORDER - 5, True)]
)
def test_what_one_tile_alone_has_stays_if_it_is_its_own_or_near_the_border(tile, x, kept):
    assert claim(make_rows([tile], [x], [150.0]), TILES).tolist() == [kept]


def test_a_tile_that_was_not_scanned_owns_nothing():
    rows = make_rows([1], [BORDER - 25], [150.0])
    assert claim(rows, [None, TILES[1]]).tolist() == [True]


def test_rows_without_a_place_on_the_sky_stay():
    rows = make_rows([0, 0, 1], [10.0, 10.0, 10.0], [5.0, 5.0, 5.0])
    rows["ra"] = rows["dec"] = np.nan
    assert claim(rows, [None, None]).all()
    assert claim(rows[:0], TILES).shape == (0,)


def test_different_objects_of_two_tiles_both_stay():
    apart = 60 / ARCSEC
    rows = make_rows([0, 1], [BORDER - apart, BORDER + apart], [150.0, 150.0])
    assert claim(rows, TILES).all()
