"""Clouds at near or far distances, in the terms of the published tables."""

import numpy as np
import pytest

from merkhet.simulate.halos.clouds import CLOUDS, SUN_TO_CENTER_KPC, draw_clouds, draw_model


def test_the_two_distances_lie_evenly_about_the_tangent_point(rng):
    clouds = draw_clouds(rng)
    tangent = 0.5 * (clouds.near_kpc + clouds.far_kpc)
    np.testing.assert_allclose(tangent, tangent[0])
    assert SUN_TO_CENTER_KPC / 2 <= tangent[0] <= SUN_TO_CENTER_KPC
    assert np.all(clouds.near_kpc <= clouds.far_kpc)
    assert clouds.share.sum() == pytest.approx(1)


def test_a_bit_moves_its_cloud(rng):
    clouds = draw_clouds(rng)
    moved = clouds.distances("1" + "0" * 14)
    assert moved[0] == clouds.far_kpc[0]
    np.testing.assert_array_equal(moved[1:], clouds.near_kpc[1:])


def test_clouds_behind_the_source_scatter_nothing(rng):
    clouds = draw_clouds(rng)
    for _ in range(100):
        model = draw_model(rng, clouds)
        assert len(model.cloud_bits) == CLOUDS
        assert set(model.cloud_bits) <= {"0", "1"}
        front = clouds.distances(model.cloud_bits) < model.sightline.distance_kpc
        assert len(model.sightline.clouds) <= front.sum()
        assert model.sightline.n_h_cm2 == pytest.approx(model.nh_unif + model.nh_wco)
        assert (model.nh_wco == 0) == (len(model.sightline.dust.near) == 1)
        shares = sum(column for _, _, column in model.sightline.clouds)
        assert shares == pytest.approx(model.nh_wco)
