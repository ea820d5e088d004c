"""The level of the background: known levels are found, objects and gaps do not change them."""

import numpy as np
import pytest

from merkhet.scan.local_background import LocalBackground
from tests.scan.photons import draw_tile


@pytest.mark.parametrize("level", [0.7, 1.0, 1.6])
def test_level_of_the_sky_is_found(level, rng):
    tile = draw_tile(rng, (), side=800, level=level)
    found = LocalBackground.of(tile).scale(400.0, 400.0, outside_arcsec=300.0)
    assert found == pytest.approx(level, rel=0.06)


def test_objects_do_not_change_it(rng):
    others = [(150.0, 200.0, 900), (600.0, 640.0, 300), (650.0, 100.0, 40)]
    crowded = LocalBackground.of(draw_tile(rng, (), side=800, others=others))
    assert crowded.scale(400.0, 400.0, outside_arcsec=300.0) == pytest.approx(1, rel=0.06)


def test_what_is_inside_does_not_count(rng):
    tile = draw_tile(rng, (), side=800)
    y, x = np.indices(tile.counts.shape)
    tile.counts[np.hypot(x - 400, y - 400) < 70] = 1  # an object of 280 arcsec
    local = LocalBackground.of(tile)
    assert local.scale(400.0, 400.0, outside_arcsec=500.0) == pytest.approx(1, rel=0.06)


def test_gaps_do_not_count(rng):
    tile = draw_tile(rng, (), side=800, level=1.4)
    for values in (tile.counts, tile.exposure, tile.background, tile.valid):
        values[100:300, 50:700] = 0
    assert LocalBackground.of(tile).scale(400.0, 600.0, outside_arcsec=100.0) == pytest.approx(1.4, rel=0.08)


def test_without_sky_the_map_is_believed(rng):
    local = LocalBackground.of(draw_tile(rng, (), side=100, level=3.0))
    assert local.scale(50.0, 50.0, outside_arcsec=1e6) == 1
    assert 1 < local.scale(50.0, 50.0, outside_arcsec=0.0) < 3
