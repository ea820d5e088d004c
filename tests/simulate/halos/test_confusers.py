"""Confusers: each gives the counts that it is told to, and has the shape that its name says."""

import numpy as np
import pytest

from merkhet.simulate.halos import confusers
from merkhet.simulate.halos.confusers import CONFUSERS
from merkhet.simulate.halos.sky import draw_offsets


@pytest.mark.parametrize("kind", CONFUSERS)
def test_counts_are_rate_times_exposure(kind, rng):
    for _ in range(3):
        layers = CONFUSERS[kind](rng, 2.0)
        photons = draw_offsets(rng, layers, seconds=5000.0)
        assert photons.shape[1] == 2
        assert np.isfinite(photons).all()
        assert len(photons) == pytest.approx(10_000, abs=500)


def photons_of(kind, rng, n=40_000):
    return draw_offsets(rng, getattr(confusers, kind)(rng, 1.0), seconds=n)


def test_a_shell_has_a_bright_limb(rng):
    radius = np.hypot(*photons_of("shell", rng).T)
    edge = np.quantile(radius, 0.9)
    counts, edges = np.histogram(radius, np.linspace(0, edge, 6))
    brightness = counts / np.diff(edges**2)
    assert brightness.argmax() >= 3
    assert brightness[-1] > 1.5 * brightness[0]


def test_a_cluster_is_flatter_in_its_core_than_the_mirrors_image(rng):
    medians = [np.median(np.hypot(*photons_of("cluster", rng, 2000).T)) for _ in range(20)]
    assert np.median(medians) > 20
    assert max(medians) > 100


def test_an_arc_lies_on_a_circle(rng):
    x, y = photons_of("stray_light", rng).T
    system = np.stack([x, y, np.ones_like(x)], axis=1)
    center = np.linalg.lstsq(system, x**2 + y**2, rcond=None)[0][:2] / 2
    radius = np.hypot(x - center[0], y - center[1])
    assert radius.std() / radius.mean() < 0.15
    assert np.ptp(np.unwrap(np.sort(np.arctan2(y - center[1], x - center[0])))) > 0.1


def test_a_streak_is_a_line(rng):
    offsets = photons_of("streak", rng)
    spread = np.linalg.eigvalsh(np.cov(offsets[np.hypot(*offsets.T) < 600].T))
    assert spread[1] > 3 * spread[0]


def test_pile_up_makes_a_hole_in_the_core(rng):
    piled, plain = (np.hypot(*photons_of(kind, rng).T) for kind in ("pile_up", "wings"))
    assert np.mean(piled < 3) < 0.5 * np.mean(plain < 3)


def test_a_group_has_several_centers(rng):
    offsets = photons_of("group", rng)
    counts, _ = np.histogramdd(offsets, bins=[np.arange(-160.0, 161.0, 8.0)] * 2)
    assert np.sum(counts > 0.02 * len(offsets)) >= 3
