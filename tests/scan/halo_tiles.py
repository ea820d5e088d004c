"""Tiles with halos, rings and what is none, drawn with the simulator's own physics on an even sky."""

import numpy as np

from merkhet.scan.field import Field
from merkhet.simulate.halos.dust import Dust
from merkhet.simulate.halos.layers import absorbed, point
from merkhet.simulate.halos.psf import King, around
from merkhet.simulate.halos.sky import draw_offsets
from merkhet.simulate.halos.spectrum import Spectrum
from tests.scan.surveys import ARCSEC, make_tile, make_wcs

RATE = 0.003  # background, counts per pixel


def halo(photons, *, n_h=1e22, psf=None):
    """Layers of a halo of evenly spread dust and of its source, so many photons in all."""
    return absorbed(photons, spectrum=Spectrum(2.0, n_h), dust=Dust.uniform(), psf=psf or King())


def star(photons, *, psf=None):
    return (point(photons, psf=psf or King()),)


def ring(rng, photons, *, radius, width=0.03, share=1.0):
    """Offsets in arcsec of a ring, or of an arc that is a share of one."""
    offsets = around(rng, radius * (1 + width * rng.normal(size=photons)))
    angle = rng.uniform(0, 2 * np.pi * share, photons)
    return np.hypot(*offsets.T)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def tile_of(rng, *things, side=512, rate=RATE):
    """Tile with photons ``(x, y, offsets)`` or ``(x, y, layers)`` at pixels, and its field."""
    counts = rng.poisson(rate, (side, side)).astype(np.float32)
    for x, y, thing in things:
        offsets = thing if isinstance(thing, np.ndarray) else draw_offsets(rng, thing, seconds=1.0)
        column, row = (np.rint(v).astype(int) for v in (x + offsets[:, 0] / ARCSEC, y + offsets[:, 1] / ARCSEC))
        on = (column >= 0) & (column < side) & (row >= 0) & (row < side)
        np.add.at(counts, (row[on], column[on]), 1)
    return make_tile(counts, wcs=make_wcs(shape=(side, side)), rate=rate)


def field_of(rng, *things, **options):
    return Field(tile_of(rng, *things, **options))
