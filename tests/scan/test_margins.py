"""One neighbor as a tile sees it: where its photons fall, what of a margin it covers, and how it is filled."""

import numpy as np
import pytest

from merkhet.scan.footprints import Footprint
from merkhet.scan.listing import TileFiles
from merkhet.scan.margins import Beside, fill
from merkhet.scan.neighbors import survey_neighbors
from tests.scan.fields import make_header, make_tile, write_image

SIDE, SHIFT = 32, 24  # the neighbor lies so many columns to the right, and overlaps the tile by 8


@pytest.fixture
def counts(rng):
    return rng.poisson(0.5, (SIDE, SIDE)).astype(np.int32)


@pytest.fixture
def beside(tmp_path, counts):
    tile = make_tile(np.zeros((SIDE, SIDE)))
    header = make_header((SIDE, SIDE))
    header["CRPIX1"] -= SHIFT
    paths = [
        write_image(tmp_path / f"{name}.fits", image, header=header)
        for name, image in (("image", counts), ("exposure", np.full((SIDE, SIDE), 7.0)))
    ]
    (neighbor,) = survey_neighbors([TileFiles("right", *paths)], folder=tmp_path)
    assert neighbor is not None
    return Beside(neighbor, Footprint(tile.id, tile.wcs, tile.shape))


def test_photons_on_the_tile_itself_are_left_out_and_the_others_sorted_by_reach(beside, counts):
    outside = counts[:, SIDE - SHIFT :]
    assert beside.photons.counts.sum() == outside.sum()
    assert beside.photons.column.min() >= SIDE
    column, row, photons = beside.photons.within(3)
    found = np.zeros((SIDE, 3), dtype=np.int32)
    np.add.at(found, (row, column - SIDE), photons.astype(np.int32))
    np.testing.assert_array_equal(found, outside[:, :3])


def test_only_the_sides_that_a_neighbor_reaches_are_covered(beside):
    rows = slice(0, SIDE)
    assert beside.covered((rows, slice(-10, 0)), 0) is None
    _, columns = beside.covered((rows, slice(SIDE, SIDE + 100)), 0)
    assert SIDE + SHIFT <= columns.start + columns.stop - SIDE <= SIDE + SHIFT + 2


@pytest.mark.parametrize(("level", "margin"), [(0, 16), (1, 8), (2, 4)])
def test_a_margin_is_filled_where_the_neighbor_lies_and_zero_elsewhere(beside, counts, level, margin):
    side = SIDE // 2**level + 2 * margin
    image, valid = np.full((3, side, side), 5, dtype=np.float32), np.ones((side, side), dtype=bool)
    fill(image, valid, [beside], margin=margin, level=level)
    inner, right = slice(margin, side - margin), slice(side - margin, None)
    expected = np.zeros((side, side), dtype=bool)
    expected[inner, : side - margin] = True
    expected[inner, right] = True
    expected[inner, :margin] = False
    np.testing.assert_array_equal(valid, expected)
    assert (image[1, inner, right] == 7).all()
    assert (image[:, inner, inner] == 5).all(), "the tile itself is untouched"
    assert (image[:, ~expected] == 0).all()
    assert image[0, inner, right].sum() == counts[:, SIDE - SHIFT : SIDE - SHIFT + 16].sum()
