"""Layers, beaming and clumps."""

import numpy as np
import pytest

from merkhet.simulate.components import Components
from merkhet.simulate.radio_galaxies.morphology import Morphology, Piece, blurred, clumps, doppler_boost, log_uniform


def test_boosting_agrees_with_the_ratio_of_jet_to_counterjet():
    """A jet of 0.6 c at 60 degrees outshines its counterpart by (1.3 / 0.7)^2.6."""
    near, far = (doppler_boost(speed=side * 0.6, cos_inclination=0.5) for side in (1, -1))
    assert near / far == pytest.approx((1.3 / 0.7) ** 2.6)
    assert doppler_boost(speed=0.9, cos_inclination=0.0) == 1


def test_layers_are_normalized_and_disjoint():
    flux = np.array([1.0, 3.0])
    jet = Piece(Components.points(x=flux, y=flux, flux=flux), compact=False, arm=1)
    morphology = Morphology.assemble([jet, Piece.core(flux=7.0, compact=True)], subclass="straight")
    diffuse, compact = morphology.layers()
    np.testing.assert_allclose(diffuse, [0.25, 0.75, 0])
    np.testing.assert_allclose(compact, [0, 0, 1])
    np.testing.assert_array_equal(morphology.arm, [1, 1, 0])


def test_clumps_have_the_scatter_asked_for(rng):
    log = np.log(clumps(rng, steps=200_000, scatter=0.4))
    assert log.std() == pytest.approx(0.4, rel=0.02)
    assert np.mean(log[1:] * log[:-1]) / log.var() == pytest.approx(2 / 3, abs=0.02)  # a mean of three neighbors


def test_turbulence_is_a_share_of_the_width(rng):
    zero, width = np.zeros(50_000), np.full(50_000, 2.0)
    pushed = blurred(rng, Components(zero, zero, width, width), turbulence=0.5)
    assert pushed.x.std() == pytest.approx(1, rel=0.02)
    assert pushed.y.std() == pytest.approx(1, rel=0.02)
    np.testing.assert_array_equal(pushed.sigma, width)


def test_log_uniform_has_its_median_at_the_geometric_mean(rng):
    draws = np.array([log_uniform(rng, 0.01, 1) for _ in range(4000)])
    assert np.median(draws) == pytest.approx(0.1, rel=0.15)
    assert draws.min() >= 0.01
    assert draws.max() <= 1
