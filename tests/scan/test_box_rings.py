"""Rings by annuli: sums against scipy, and what stands out."""

import numpy as np
import pytest
from scipy.ndimage import correlate

from merkhet.scan.box_rings import Sums, find_rings
from merkhet.scan.box_sky import find_sky
from merkhet.simulate.halos.psf import King
from tests.scan.halo_tiles import field_of, halo, ring


def test_sums_are_correlations(rng):
    images = rng.poisson(2.0, (2, 40, 50)).astype(np.float32)
    sums = Sums(images, reach=6)
    radius, angle = sums.polar
    shape = (radius < 5) & (angle > 0) & (angle < 2)  # lopsided: a convolution would turn it round
    for image, found in zip(images, sums.over(shape), strict=True):
        np.testing.assert_allclose(found, correlate(image, shape.astype(float), mode="constant"), atol=1e-3)


@pytest.mark.parametrize("radius", [250.0, 700.0])
def test_a_ring_stands_out_at_its_center_and_radius(rng, radius):
    sky = find_sky(field_of(rng, (256.0, 240.0, ring(rng, 600, radius=radius))).level(1), psf=King())
    rings = find_rings(sky)
    best = np.argmax(rings.sigma)
    assert rings.sigma[best] > 8
    assert rings.size_arcsec[best] == pytest.approx(radius, rel=0.2)
    assert np.hypot(rings.x[best] - 128, rings.y[best] - 120) * sky.pixel_arcsec < 90


def test_what_is_filled_is_no_ring(rng):
    sky = find_sky(field_of(rng, (256.0, 240.0, halo(20000.0))).level(1), psf=King())
    rings = find_rings(sky)
    centered = np.hypot(rings.x - 128, rings.y - 120) * sky.pixel_arcsec < 90
    assert not (rings.sigma[centered] > 7).any()
