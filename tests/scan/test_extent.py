"""Centers and sizes from photons, against what the sources were drawn from."""

import numpy as np
import pytest

from merkhet.scan.extent import find_center, half_light_radius
from tests.scan.surveys import make_counts

SIDE = 64


def window(rng, **source):
    counts = make_counts(rng, shape=(SIDE, SIDE), rate=0.02, **source).astype(float)
    return counts[None], np.full((1, SIDE, SIDE), 0.02)


def test_the_center_is_where_the_photons_are(rng):
    counts, background = window(rng, sources=[(37.2, 25.8, 1000, 4.0)])
    center = find_center(counts, background, center=np.array([[31.5, 31.5]]))
    assert center[0] == pytest.approx([37.2, 25.8], abs=0.5)  # 4 / sqrt(1000), and the background


@pytest.mark.parametrize("sigma", [3.0, 5.0, 8.0])
def test_half_of_the_light_of_a_gaussian_lies_within_1_177_sigma(rng, sigma):
    counts, background = window(rng, sources=[(31.5, 31.5, 5000, sigma)])
    radius = half_light_radius(counts, background, center=np.array([[31.5, 31.5]]), core_px=0)
    assert radius[0] == pytest.approx(1.1774 * sigma, rel=0.07)


def test_the_radius_of_a_ring_is_its_radius_and_its_core_does_not_count(rng):
    angle = rng.uniform(0, 2 * np.pi, 4000)
    x, y = 31.5 + 20 * np.cos(angle), 31.5 + 20 * np.sin(angle)
    core = np.full(4000, 31.5)
    counts = np.histogram2d(np.append(y, core), np.append(x, core), bins=SIDE, range=[[-0.5, 63.5]] * 2)[0]
    center = np.array([[31.5, 31.5]])
    nothing = np.zeros((1, SIDE, SIDE))
    assert half_light_radius(counts[None], nothing, center=center, core_px=5.0)[0] == pytest.approx(20, abs=0.6)
    assert half_light_radius(counts[None], nothing, center=center, core_px=0.0)[0] < 1.5


def test_chance_moves_nothing(rng):
    background = np.full((50, SIDE, SIDE), 0.02)
    counts = rng.poisson(background).astype(float)
    start = np.full((50, 2), 20.0)
    stayed = np.all(find_center(counts, background, center=start) == start, axis=1)
    assert stayed.mean() > 0.9
    assert np.mean(half_light_radius(counts, background, center=start, core_px=0) == SIDE / 2) > 0.9


def test_no_windows_are_no_answers():
    none = np.zeros((0, SIDE, SIDE))
    assert find_center(none, none, center=np.zeros((0, 2))).shape == (0, 2)
    assert half_light_radius(none, none, center=np.zeros((0, 2)), core_px=0).shape == (0,)
