"""Point source and halo told apart: against what the photons were drawn from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkhet.scan.decompose import PsfFamily, _fit, decompose
from merkhet.scan.radial import rings_around
from merkhet.simulate.halos.psf import ALPHA_RANGE, CORE_ARCSEC, King
from tests.scan.photons import draw_tile, star, steady


def parts_of(layers, *, size_arcsec, label="halo", psf=None, seed=0):
    tile = draw_tile(np.random.default_rng(seed), layers)
    rings = rings_around(tile, 249.5, 249.5, reach_arcsec=800.0)
    return rings, decompose(rings, size_arcsec=size_arcsec, label=label, psf=psf or PsfFamily())


def test_family_spans_what_the_simulator_draws():
    members = PsfFamily().members()
    assert {min(king.alpha for king in members), max(king.alpha for king in members)} == set(ALPHA_RANGE)
    cores = [king.core_arcsec for king in members]
    assert min(cores) == pytest.approx(0.8 * CORE_ARCSEC, rel=0.01)
    assert max(cores) == pytest.approx(1.2 * CORE_ARCSEC, rel=0.01)


def test_a_known_profile_is_a_family_of_one():
    (king,) = PsfFamily(half_energy_width_arcsec=30.0, core_scatter=0.0, alpha=(1.5, 1.5)).members()
    assert king.half_energy_width_arcsec == pytest.approx(30)


@pytest.mark.parametrize("alpha", [1.4, 1.6, 1.8])
def test_wings_are_those_of_the_source(alpha):
    king = King(CORE_ARCSEC, alpha)
    rings, parts = parts_of(star(200.0, psf=king), size_arcsec=200.0)
    edges = np.array([30.0, 100.0, 300.0])
    expected = 200.0 * 100 * np.diff(king.enclosed(edges))
    assert rings.summed(parts.psf, edges) == pytest.approx(expected, rel=0.15)
    assert rings.summed(parts.extended, edges).sum() < 0.15 * expected.sum()


def test_a_halo_is_not_taken_for_wings():
    layers = steady(100.0)
    rings, parts = parts_of(layers, size_arcsec=layers[1].half_arcsec)
    edges = np.array([60.0, 150.0, 400.0])
    for found, layer in ((parts.psf, layers[0]), (parts.extended, layers[1])):
        expected = layer.rate * 100 * np.diff(layer.enclosed(edges))
        assert rings.summed(found, edges) == pytest.approx(expected, rel=0.25)


@given(st.integers(0, 2**32 - 1), st.integers(0, 300), st.integers(0, 300))
def test_fit_finds_amplitudes_that_no_other_beats(seed, first, second):
    rng = np.random.default_rng(seed)
    shapes = rng.dirichlet(np.ones(12), 2)[:, None]
    background = np.full(12, 0.5)
    counts = rng.poisson(first * shapes[0, 0] + second * shapes[1, 0] + background).astype(float)
    amplitudes, likelihood = _fit(counts, shapes, background)
    assert np.all(amplitudes >= 0)
    grid = np.maximum(amplitudes + 30 * rng.normal(size=(2, 200)), 0)
    expected = np.einsum("kp,ks->ps", grid, shapes[:, 0]) + background
    others = (counts * np.log(expected) - expected).sum(axis=1)
    assert likelihood[0] > others.max() - 0.1
