"""Rings of pixels against direct sums, compact sources against where they were put."""

import numpy as np
import pytest

from merkhet.scan import radial
from merkhet.scan.radial import SOURCE_CHANCE, recentered, rings_around, sources_above
from tests.scan.photons import BACKGROUND, PIXEL_ARCSEC, draw_tile, star


def test_rings_are_sums_over_pixels(rng):
    tile = draw_tile(rng, (), side=200)
    tile.exposure[:, :50] = 50
    x, y = 80.3, 90.6
    rings = rings_around(tile, x, y, reach_arcsec=200.0, background_scale=2.0)
    row, column = np.indices(tile.counts.shape)
    radius = PIXEL_ARCSEC * np.hypot(column - x, row - y)
    edges = np.array([0.0, 33.0, 70.0, 199.0])
    for values, expected in (
        (rings.pixels, np.ones_like(radius)),
        (rings.counts, tile.counts),
        (rings.exposure, tile.exposure / 100),
        (rings.background, 2 * tile.background),
    ):
        direct, _ = np.histogram(radius, edges, weights=expected)
        assert rings.summed(values, edges) == pytest.approx(direct, rel=0.03)
    assert np.all(np.diff(rings.radius_arcsec) > 0)


def test_a_position_off_the_tile_sees_the_part_that_is_there(rng):
    tile = draw_tile(rng, (), side=100)
    rings = rings_around(tile, -10.0, 50.0, reach_arcsec=200.0)
    row, column = np.indices(tile.counts.shape)
    assert rings.pixels.sum() == np.sum(PIXEL_ARCSEC * np.hypot(column + 10, row - 50) < 200)
    assert rings_around(tile, -1000.0, 50.0, reach_arcsec=200.0).pixels.sum() == 0


def test_strangers_are_left_out_and_the_middle_is_not(rng):
    tile = draw_tile(rng, star(3.0), side=200, others=[(140.0, 100.0, 80)])
    rings = rings_around(tile, 99.5, 99.5, reach_arcsec=300.0)
    around = rings.summed(rings.counts, np.array([0.0, 40.0, 300.0]))
    assert around[0] == pytest.approx(300 * 0.78, rel=0.15)
    pixels = rings.summed(rings.pixels, np.array([40.0, 300.0]))[0]
    wings = 300 * 0.22
    assert around[1] == pytest.approx(wings + BACKGROUND * pixels, abs=4 * np.sqrt(wings + BACKGROUND * pixels))
    assert pixels > 0.85 * np.pi * (300**2 - 40**2) / PIXEL_ARCSEC**2


def test_sources_stand_where_they_were_put(rng):
    tile = draw_tile(rng, (), side=300, others=[(60.0, 200.0, 15)])
    found = sources_above(tile.counts, tile.background, pixel_arcsec=PIXEL_ARCSEC)
    assert found[200, 60]
    y, x = np.nonzero(found)
    assert np.hypot(x - 60, y - 200).max() < 10


@pytest.mark.parametrize("strip", [1, 5, 64])
def test_sources_are_the_same_however_many_rows_are_searched_together(rng, monkeypatch, strip):
    tile = draw_tile(rng, (), side=150, others=[(60.0, 63.0, 15), (90.0, 128.0, 15)])
    monkeypatch.setattr(radial, "STRIP_PX", 1000)
    whole = sources_above(tile.counts, tile.background, pixel_arcsec=PIXEL_ARCSEC)
    monkeypatch.setattr(radial, "STRIP_PX", strip)
    assert whole[63, 60]
    assert whole[128, 90]
    np.testing.assert_array_equal(sources_above(tile.counts, tile.background, pixel_arcsec=PIXEL_ARCSEC), whole)


def test_empty_sky_has_as_many_sources_as_chance_allows(rng):
    counts = rng.poisson(0.05, (1000, 1000))
    found = sources_above(counts, np.full(counts.shape, 0.05), pixel_arcsec=PIXEL_ARCSEC)
    assert found.mean() < 3 * SOURCE_CHANCE


def test_middle_of_the_source_is_found(rng):
    tile = draw_tile(rng, star(5.0), side=200, position=(104.3, 92.8))
    x, y = recentered(tile, 99.5, 99.5, shift_arcsec=60.0)
    assert np.hypot(x - 104.3, y - 92.8) < 0.4


@pytest.mark.parametrize("position", [(40.0, 99.5), (99.5, 99.5)])
def test_a_source_that_is_far_or_absent_moves_nothing(position, rng):
    layers = star(5.0) if position[0] < 50 else ()
    tile = draw_tile(rng, layers, side=200, position=position)
    assert recentered(tile, 99.5, 99.5, shift_arcsec=60.0) == (99.5, 99.5)


@pytest.mark.parametrize("position", [(299.5, 310.0), (20.0, 580.0)])
def test_large_surroundings_are_summed_in_blocks_and_lose_no_photon(position, rng, monkeypatch):
    tile = draw_tile(rng, star(3.0), side=600)
    edges = np.array([0.0, 200.0, 600.0, 1000.0])
    fine = rings_around(tile, *position, reach_arcsec=1100.0)
    monkeypatch.setattr("merkhet.scan.radial.MOST_PX", 100)
    coarse = rings_around(tile, *position, reach_arcsec=1100.0)
    assert coarse.pixel_arcsec == 3 * PIXEL_ARCSEC
    for name, factor in (("counts", 1), ("background", 1), ("pixels", 9), ("exposure", 9)):
        sums = [rings.summed(getattr(rings, name), edges) for rings in (fine, coarse)]
        assert factor * sums[1] == pytest.approx(sums[0], rel=0.05, abs=20), name
