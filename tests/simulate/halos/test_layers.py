"""Layers: the enclosed share after the point-spread function against the photons themselves."""

import numpy as np
import pytest

from merkhet.simulate.halos.dust import Dust
from merkhet.simulate.halos.layers import Role, absorbed, point, ring
from merkhet.simulate.halos.psf import King
from merkhet.simulate.halos.rings import Echo
from merkhet.simulate.halos.spectrum import Spectrum

PSF = King()
RADII = np.array([5.0, 20.0, 60.0, 150.0, 400.0, 1500.0])


def layers(psf=PSF):
    spectrum = Spectrum(2.0, 1e22)
    echo = Echo(spectrum, 5e21, 3000.0, 0.5, 0.51, delay_days=5.0, flare_days=0.5)
    direct, halo = absorbed(3.0, spectrum=spectrum, dust=Dust.uniform(), psf=psf)
    _, close = absorbed(1.0, spectrum=spectrum, dust=Dust.screen(0.95), psf=psf)
    return {"point": direct, "halo": halo, "close": close, "ring": ring(1 / echo.rate, echo=echo, psf=psf)}


@pytest.mark.parametrize("name", ["point", "halo", "close", "ring"])
def test_enclosed_share_is_that_of_the_photons(name, rng):
    layer = layers()[name]
    radius = np.hypot(*layer.draw(rng, 100_000).T)
    assert layer.enclosed is not None
    drawn = (radius[:, None] < RADII).mean(axis=0)
    np.testing.assert_allclose(layer.enclosed(RADII), drawn, atol=0.006)


@pytest.mark.parametrize("name", ["halo", "ring"])
def test_the_half_radius_is_that_before_the_point_spread_function(name, rng):
    layer = layers(King(1e-3))[name]
    assert np.median(np.hypot(*layer.draw(rng, 20_000).T)) == pytest.approx(layer.half_arcsec, rel=0.03)
    assert layers()[name].half_arcsec == layer.half_arcsec


def test_direct_and_scattered_photons_are_all_there_is():
    made = layers()
    assert made["point"].rate + made["halo"].rate == pytest.approx(3.0)
    assert made["halo"].rate / 3.0 == pytest.approx(Spectrum(2.0, 1e22).halo_fraction)
    assert made["ring"].rate == pytest.approx(1.0)
    assert [made[name].role for name in ("point", "halo", "ring")] == [Role.PSF, Role.HALO, Role.RING]


def test_wings_of_the_mirror_and_of_the_halo_fall_as_they_should(rng):
    """Far out a King profile falls as r^-3, the halo of a screen as r^-4."""
    narrow = King(1e-3, 1.5)
    spectrum = Spectrum(2.0, 1e22)
    _, halo = absorbed(1.0, spectrum=spectrum, dust=Dust.screen(0.5), psf=narrow)
    for layer, slope in ((point(1.0, psf=PSF), -3), (halo, -4)):
        counts, edges = np.histogram(np.hypot(*layer.draw(rng, 2_000_000).T), np.geomspace(2000, 16000, 4))
        brightness = counts / np.diff(edges**2)
        fitted = np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(brightness), 1)[0]
        assert fitted == pytest.approx(slope, abs=0.25)
