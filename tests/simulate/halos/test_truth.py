"""Signal-to-noise ratios against a direct search, and expected counts against photons."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from merkhet.simulate.halos.dust import Dust
from merkhet.simulate.halos.layers import Layer, Role, absorbed, ring
from merkhet.simulate.halos.psf import King
from merkhet.simulate.halos.rings import Echo
from merkhet.simulate.halos.spectrum import Spectrum
from merkhet.simulate.halos.sphere import unit_vectors
from merkhet.simulate.halos.truth import CORE_ARCSEC, Signal, measure

CENTER = unit_vectors(40.0, 20.0)
on_sky = partial(
    measure,
    center=CENTER,
    exposure=lambda v: np.full(v.shape[:-1], 100.0),
    background=lambda v: np.full(v.shape[:-1], 3e-3),
    pixel_arcsec2=16.0,
)
SPECTRUM = Spectrum(2.0, 1e22)


def steady(rate):
    return absorbed(rate, spectrum=SPECTRUM, dust=Dust.screen(0.5), psf=King())


@pytest.mark.parametrize("rate", [0.3, 3.0, 300.0])
def test_best_radius_is_that_of_a_direct_search(rate):
    direct, halo = steady(rate)
    radius = np.geomspace(CORE_ARCSEC, 7200, 3000)[1:]
    between = [
        layer.rate * 100 * (layer.enclosed(radius) - layer.enclosed(np.array(CORE_ARCSEC))) for layer in (halo, direct)
    ]
    sky = 3e-3 * np.pi * (radius**2 - CORE_ARCSEC**2) / 16
    snr = between[0] / np.sqrt(between[0] + between[1] + sky)
    signal = on_sky((direct, halo))
    assert signal.snr == pytest.approx(snr.max(), rel=5e-3)
    assert signal.inner_arcsec == CORE_ARCSEC
    assert signal.outer_arcsec == pytest.approx(radius[snr.argmax()], rel=0.12)
    assert signal.total_halo == pytest.approx(100 * halo.rate)
    assert signal.total_psf == pytest.approx(100 * direct.rate)


def test_counts_are_those_of_the_photons_in_the_annulus(rng):
    layers = steady(100.0)
    signal = on_sky(layers)
    for layer, expected in zip(layers, (signal.psf, signal.halo), strict=True):
        radius = np.hypot(*layer.draw(rng, int(rng.poisson(layer.rate * 100))).T)
        inside = np.sum((radius >= signal.inner_arcsec) & (radius < signal.outer_arcsec))
        assert inside == pytest.approx(expected, abs=4 * np.sqrt(expected) + 0.01 * expected)


def test_a_ring_is_measured_in_an_annulus_around_it():
    echo = Echo(SPECTRUM, 5e21, 3000.0, 0.5, 0.51, delay_days=30.0, flare_days=3.0)
    signal = on_sky((ring(1 / echo.rate, echo=echo, psf=King()), *steady(0.1)))
    assert signal.inner_arcsec > 0.7 * echo.radius_arcsec
    assert signal.inner_arcsec < echo.radius_arcsec < signal.outer_arcsec < 1.4 * echo.radius_arcsec
    assert 60 < signal.halo < 100


def test_a_gap_takes_what_falls_into_it():
    whole = on_sky(steady(10.0))
    half = on_sky(steady(10.0), exposure=lambda v: np.where(v[..., 2] > CENTER[2], 100.0, 0.0))
    assert half.halo == pytest.approx(0.5 * whole.halo, rel=0.1)
    assert half.snr < whole.snr


def test_confusers_have_no_halo_and_nothing_is_worse_than_that():
    blob = Layer(Role.OTHER, 5.0, lambda rng, n: rng.normal(size=(n, 2)))
    assert on_sky((blob,)).snr == 0
    assert on_sky((blob,)).total_psf == 500
    assert on_sky(()).label == "none"


@pytest.mark.parametrize(
    ("snr", "label"), [(5.0, "halo"), (4.99, "unclear"), (2.0, "unclear"), (1.99, "none"), (0.0, "none")]
)
def test_classes(snr, label):
    assert replace(Signal(0, 0, 0, 0, 0, 0, 0, 0), snr=snr).label == label


def test_brightness_runs_from_the_undetectable_to_the_obvious():
    labels = [on_sky(steady(rate)).label for rate in (0.05, 2.5, 50.0)]
    assert labels == ["none", "unclear", "halo"]
