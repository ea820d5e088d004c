"""Point sources and the sky between them, against what was drawn and against direct formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, poisson

from merkhet.scan.box_sky import Sources, Wings, find_sky, poisson_sigma
from merkhet.simulate.halos.psf import King
from tests.scan.halo_tiles import field_of, star


@pytest.mark.parametrize(("seen", "expected"), [(20, 5.0), (150, 100.0), (1100, 1000.0)])
def test_sigma_is_that_of_the_tail(seen, expected):
    tail = norm.isf(poisson.sf(seen - 0.5, expected))  # half a count back: the ratio knows no steps
    assert poisson_sigma(np.array([seen]), np.array([expected]))[0] == pytest.approx(tail, rel=0.05)


@given(expected=st.floats(0.1, 1e4), factor=st.floats(0, 10))
def test_sigma_rises_with_the_counts_and_is_0_where_they_are_expected(expected, factor):
    seen = np.array([0.0, expected, expected * (1 + factor)])
    low, zero, high = poisson_sigma(seen, np.full(3, expected))
    assert low < 0
    assert zero == pytest.approx(0, abs=1e-3)
    assert high >= zero - 1e-3


def test_nothing_expected_is_no_significance():
    assert poisson_sigma(np.array([5.0]), np.array([0.0])).tolist() == [0]


def test_wings_hold_the_photons_and_their_profile():
    psf, side = King(), 301
    wings = Wings(psf, shape=(side, side), pixel_arcsec=8.0)
    image = wings.image(Sources(np.array([150.0]), np.array([150.0]), np.array([1000.0])))
    y, x = np.mgrid[:side, :side] - 150
    for radius in (60, 200, 800):
        assert image[np.hypot(x, y) * 8 < radius].sum() == pytest.approx(1000 * psf.enclosed(radius), rel=0.02)


def test_wings_add_up(rng):
    wings = Wings(King(), shape=(64, 80), pixel_arcsec=8.0)
    x, y, counts = rng.uniform(5, 59, 4), rng.uniform(5, 59, 4), rng.uniform(10, 100, 4)
    together = wings.image(Sources(x, y, counts))
    alone = sum(wings.image(Sources(*(v[k : k + 1] for v in (x, y, counts)))) for k in range(4))
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_sources_have_their_place_and_counts(rng):
    things = [(120.0, 200.0, star(300.0)), (380.3, 310.6, star(2000.0))]
    level = field_of(rng, *things).level(1, margin=16)
    sky = find_sky(level, psf=King())
    order = np.argsort(sky.sources.counts)[-2:]
    x, y = (level.origin[k] + 2 * values[order] for k, values in enumerate((sky.sources.x, sky.sources.y)))
    np.testing.assert_allclose(x, [120, 380.3], atol=1)
    np.testing.assert_allclose(y, [200, 310.6], atol=1)
    np.testing.assert_allclose(sky.sources.counts[order], [300, 2000], rtol=0.2)


def test_the_sky_is_scaled_to_what_is_seen(rng):
    level = field_of(rng, (256, 256, star(5000.0)), rate=0.02).level(1)
    level.background[:] *= 0.5  # a map that knows half of it
    sky = find_sky(level, psf=King())
    assert sky.background.mean() == pytest.approx(4 * 0.02, rel=0.05)
