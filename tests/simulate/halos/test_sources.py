"""The sources of the sky: what they are made of, and the ranges that they are drawn from."""

import numpy as np
import pytest

from merkhet.simulate.halos.dust import Dust
from merkhet.simulate.halos.layers import Role
from merkhet.simulate.halos.rings import delay_days
from merkhet.simulate.halos.sources import (
    COLUMN_CM2,
    DISTANCE_KPC,
    POPULATIONS,
    RING_RADIUS_ARCSEC,
    Sightline,
    draw_cloudy_sightline,
    draw_dust,
    draw_sightline,
    flare,
    steady,
)


def test_dust_is_spread_evenly_in_sheets_or_in_clouds(rng):
    drawn = [draw_dust(rng) for _ in range(400)]
    uniform = sum(dust == Dust.uniform() for dust in drawn)
    screens = sum(len(dust.near) == 1 and dust.near == dust.far for dust in drawn)
    several = sum(len(dust.near) > 2 for dust in drawn)
    assert uniform + screens + several == 400
    np.testing.assert_allclose([uniform, screens, several], [160, 120, 120], atol=40)


def test_columns_and_distances_are_within_their_limits(rng):
    drawn = [draw_sightline(rng) for _ in range(300)]
    columns, distances = np.array([(way.n_h_cm2, way.distance_kpc) for way in drawn]).T
    for values, (low, high) in ((columns, COLUMN_CM2), (distances, DISTANCE_KPC)):
        assert low <= values.min() < 1.2 * low
        assert 0.8 * high < values.max() <= high


def test_a_flare_makes_a_ring_of_each_cloud(rng):
    dust = Dust.mixture([(0.0, 1.0), (0.3, 0.31), (0.7, 0.72)], columns=[1.0, 1.0, 3.0])
    way = Sightline(dust, 1e22, 4.0)
    source = flare(rng, 2.0, sightline=way)
    rings = [layer for layer in source.layers if layer.role is Role.RING]
    assert len(rings) == len(way.clouds) == 2
    assert sum(layer.rate for layer in rings) == pytest.approx(2.0)
    main = rings[1]
    assert RING_RADIUS_ARCSEC[0] * 0.9 < main.half_arcsec < RING_RADIUS_ARCSEC[1] * 1.1
    assert delay_days(main.half_arcsec, x=0.71, distance_pc=4000.0) == pytest.approx(source.delay_days, rel=0.03)
    assert delay_days(rings[0].half_arcsec, x=0.305, distance_pc=4000.0) == pytest.approx(source.delay_days, rel=0.03)
    strongest = max(rings, key=lambda layer: layer.rate)
    assert source.size_arcsec == strongest.half_arcsec


def test_the_size_of_a_halo_is_that_of_its_dust(rng):
    def size(x):
        return steady(rng, 1.0, sightline=Sightline(Dust.screen(x), 5e21, 2.0)).size_arcsec

    assert size(0.9) < 0.2 * size(0.3)


@pytest.mark.parametrize("kind", POPULATIONS)
def test_each_population_makes_sources_of_its_kind_and_rate(kind, rng):
    source = POPULATIONS[kind].make(rng, 3.0)
    assert source.kind == kind
    rates = [layer.rate for layer in source.layers if kind != "ring" or layer.role is Role.RING]
    lost = 1.6 if kind == "pile_up" else 1.0  # photons that are thrown away must be drawn first
    assert 3.0 * 0.999 < sum(rates) < 3.0 * lost * 1.001 + (2.0 if kind == "pile_up" else 0)
    assert np.isfinite(source.size_arcsec) == (kind in ("halo", "ring", "wings"))


def test_rings_need_clouds(rng):
    assert all(draw_cloudy_sightline(rng).clouds for _ in range(50))
    assert Sightline(Dust.uniform(), 1e22, 1.0).clouds == []
    assert Sightline(Dust.screen(0.25), 1e22, 1.0).described() == "0.250-0.250:1.000"
