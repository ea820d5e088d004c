"""Photons in annuli, against a direct sum."""

import numpy as np
import pytest

from merkhet.scan.box_profiles import EDGES_ARCSEC, find_profiles
from merkhet.scan.box_sky import find_sky
from merkhet.simulate.halos.psf import King
from tests.scan.halo_tiles import field_of, star


def test_annuli_hold_the_photons_about_a_position(rng):
    sky = find_sky(field_of(rng, rate=0.5).level(1), psf=King())
    found = find_profiles(sky, np.array([130.0]), np.array([120.0]), own=np.zeros(1), psf=King())
    y, x = np.mgrid[: sky.counts.shape[0], : sky.counts.shape[1]]
    radius = np.hypot(x - 130.0, y - 120.0) * sky.pixel_arcsec
    direct = np.histogram(radius, EDGES_ARCSEC, weights=sky.counts)[0]
    nested = found.counts[0].sum(axis=1)
    within = EDGES_ARCSEC[1:] <= 180
    np.testing.assert_array_equal(nested[within], direct[within])
    np.testing.assert_allclose(nested[:-2].cumsum(), direct[:-2].cumsum(), rtol=0.1)  # coarser pixels farther out
    np.testing.assert_allclose(found.coverage[0][within], 1, atol=0.25)


def test_what_was_not_observed_is_not_covered(rng):
    sky = find_sky(field_of(rng, rate=0.5).level(1, margin=128), psf=King())
    edge = find_profiles(sky, np.array([128.0]), np.array([256.0]), own=np.zeros(1), psf=King())
    assert edge.coverage[0][6] == pytest.approx(0.5, abs=0.1)  # a position on the edge


def test_the_own_source_is_no_other(rng):
    sky = find_sky(field_of(rng, (256.0, 256.0, star(3000.0))).level(1), psf=King())
    at = np.argmax(sky.sources.counts)
    x, y, counts = (values[at : at + 1] for values in (sky.sources.x, sky.sources.y, sky.sources.counts))
    alone = find_profiles(sky, x, y, own=counts, psf=King()).expected.sum(axis=2)[0]
    wings = find_profiles(sky, x, y, own=0 * counts, psf=King()).expected.sum(axis=2)[0]
    share = np.diff(King().enclosed(EDGES_ARCSEC))[1:8]
    np.testing.assert_allclose((wings - alone)[1:8], counts[0] * share, rtol=0.15)
