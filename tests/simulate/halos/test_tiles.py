"""Tiles: projection against astropy, maps against photons, overlaps that share their photons."""

import numpy as np
import pytest
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from merkhet.simulate.halos.exposure import Coverage
from merkhet.simulate.halos.sphere import ra_dec, unit_vectors
from merkhet.simulate.halos.survey import Survey
from merkhet.simulate.halos.tiles import Frame, Tile, spiral, tile_center

SMALL = Coverage(Survey(size_px=240), 7)


@given(ra=st.floats(0, 359.9), dec=st.floats(-85, 85), x=st.floats(0, 3239), y=st.floats(0, 3239))
def test_pixels_are_those_of_the_header(ra, dec, x, y):
    frame = Frame(unit_vectors(ra, dec), Survey())
    wcs = WCS(frame.header(name="tile", unit="count"))
    vector = unit_vectors(*wcs.wcs_pix2world(x, y, 0))
    theirs = [float(pixel[0]) for pixel in frame.pixels(vector[None])]
    assert theirs == pytest.approx([x, y], abs=1e-5)
    np.testing.assert_allclose(frame.vectors(np.array(x), np.array(y)), vector, atol=1e-10)


def test_the_far_side_of_the_sky_is_on_no_pixel():
    frame = Frame(unit_vectors(10.0, 0.0), Survey())
    assert not frame.inside(unit_vectors([190.0, 100.0], [0.0, 0.0])).any()


def test_photons_are_counted_once_on_their_pixel():
    frame = Frame(unit_vectors(10.0, 0.0), Survey(size_px=32))
    x, y = np.array([3.0, 3.4, 31.4, 40.0]), np.array([5.0, 4.6, 0.0, 5.0])
    image = frame.count(frame.vectors(x, y))
    assert image.dtype == np.int32
    assert image[5, 3] == 2
    assert image[0, 31] == 1
    assert image.sum() == 3


@pytest.mark.parametrize("size", [17, 240])
def test_maps_are_the_sky_at_each_pixel(size):
    frame = Frame(unit_vectors(120.0, -20.0), Survey(size_px=size))
    coverage = Coverage(frame.survey, 7)
    exposure, background = frame.maps(coverage)
    y, x = np.mgrid[:size, :size]
    for mapped, function in ((exposure, coverage.exposure), (background, coverage.background)):
        error = np.abs(mapped / function(frame.vectors(x, y)) - 1)
        assert np.quantile(error, 0.95) < 2e-3
        assert error.max() < 0.015  # along the rims of scans, which are sharp
    assert exposure.dtype == background.dtype == np.float32


@pytest.fixture(scope="module")
def neighbors():
    tiles = [Tile(index, SMALL) for index in (0, 1)]
    return tiles, [tile.observe() for tile in tiles]


def test_neighbors_share_the_photons_of_their_overlap(neighbors):
    tiles, observed = neighbors
    shared = []
    for one, other in ((0, 1), (1, 0)):
        photons, _ = observed[one]
        both = photons[tiles[other].frame.inside(photons)]
        assert len(both) > 20
        shared.append(both[np.lexsort(both.T)])
    np.testing.assert_array_equal(*shared)


def test_sources_of_the_overlap_are_the_same(neighbors):
    tiles, observed = neighbors
    names = [{placed.name for placed in sources} for _, sources in observed]
    for one, other in ((0, 1), (1, 0)):
        on_both = {placed.name for placed in observed[one][1] if tiles[other].frame.inside(placed.position[None])[0]}
        assert on_both <= names[other]


def test_counts_are_background_and_sources(neighbors):
    tiles, observed = neighbors
    photons, _ = observed[0]
    _, background = tiles[0].frame.maps(SMALL)
    assert tiles[0].frame.count(photons).sum() == len(photons)
    assert len(photons) > background.sum() - 5 * np.sqrt(background.sum())


def test_a_tile_depends_on_its_number_alone(neighbors):
    _, observed = neighbors
    photons, sources = Tile(1, Coverage(Survey(size_px=240), 7)).observe()
    np.testing.assert_array_equal(photons, observed[1][0])
    assert [placed.name for placed in sources] == [placed.name for placed in observed[1][1]]


def test_the_spiral_visits_every_step_once():
    steps = [spiral(index) for index in range(400)]
    assert len(set(steps)) == 400
    assert set(steps[:9]) == {(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)}
    assert np.abs(steps).max() == 10


@pytest.mark.parametrize("seed", range(4))
def test_full_tiles_leave_no_hole_between_them(seed, rng):
    """In the block of 25 tiles around the first."""
    survey = Survey()
    frames = [Frame(tile_center(index, seed=seed, survey=survey), survey) for index in range(25)]
    x, y = rng.uniform(-6000, 9000, size=(2, 4000))
    wide = Frame(frames[0].center, Survey())
    places = wide.vectors(x, y)
    covered = np.any([frame.inside(places) for frame in frames], axis=0)
    near = (np.abs(x - 1620) < 6000) & (np.abs(y - 1620) < 6500)
    assert covered[near].all()
    counts = np.sum([frame.inside(places) for frame in frames], axis=0)
    assert counts[near].mean() > 1.1


def test_tiles_are_named_by_right_ascension_and_polar_distance():
    tile = Tile(0, Coverage(Survey(), 1))
    ra, dec = ra_dec(tile.frame.center)
    assert tile.number == f"{round(float(ra)):03d}{round(90 - float(dec)):03d}"
