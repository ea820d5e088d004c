"""Tiles with one simulated source in the middle, and the truth that the simulator tells of it."""

from functools import partial

import numpy as np

from merkhet.simulate.halos.dust import Dust
from merkhet.simulate.halos.layers import absorbed, point, ring
from merkhet.simulate.halos.psf import King
from merkhet.simulate.halos.rings import Echo
from merkhet.simulate.halos.spectrum import Spectrum
from merkhet.simulate.halos.sphere import unit_vectors
from merkhet.simulate.halos.truth import measure
from tests.scan.fields import make_tile

SECONDS, BACKGROUND, PIXEL_ARCSEC = 100.0, 3e-3, 4.0
SPECTRUM = Spectrum(2.0, 1e22)
ECHO = Echo(SPECTRUM, 5e21, 3000.0, 0.5, 0.51, delay_days=30.0, flare_days=3.0)
truth = partial(
    measure,
    center=unit_vectors(40.0, 20.0),
    exposure=lambda v: np.full(v.shape[:-1], SECONDS),
    background=lambda v: np.full(v.shape[:-1], BACKGROUND),
    pixel_arcsec2=PIXEL_ARCSEC**2,
)


def steady(rate, *, psf=None):
    """A point source of so many counts per second with its halo."""
    return absorbed(rate, spectrum=SPECTRUM, dust=Dust.screen(0.5), psf=psf or King())


def echo(rate, *, psf=None):
    """A ring of so many counts per second."""
    return (ring(rate / ECHO.rate, echo=ECHO, psf=psf or King()),)


def star(rate, *, psf=None):
    """A point source without a halo."""
    return (point(rate, psf=psf or King()),)


def draw_tile(rng, layers, *, side=500, position=None, others=(), level=1.0):
    """Return a tile of one source, and others ``(x, y, counts)`` that are points; level: background over its map."""
    middle = (side - 1) / 2
    places = [np.full((1, 2), middle) if position is None else np.array([position])]
    photons = [places[0] + layer.draw(rng, int(rng.poisson(layer.rate * SECONDS))) / PIXEL_ARCSEC for layer in layers]
    photons += [np.array([[x, y]]) + King().draw(rng, int(counts)) / PIXEL_ARCSEC for x, y, counts in others]
    x, y = np.rint(np.concatenate([np.zeros((0, 2)), *photons])).astype(int).T
    inside = (x >= 0) & (x < side) & (y >= 0) & (y < side)
    counts = np.bincount(y[inside] * side + x[inside], minlength=side**2).reshape(side, side)
    counts = counts + rng.poisson(BACKGROUND * level, (side, side))
    return make_tile(counts, exposure=np.full((side, side), SECONDS), background=np.full((side, side), BACKGROUND))
