"""Class II: hotspots at the ends, lobes behind them, a weak jet."""

import numpy as np
import pytest

from merkhet.simulate.radio_galaxies.frii import draw_frii


def draws(count, *, cos_inclination=0.3):
    return [draw_frii(np.random.default_rng([8, i]), cos_inclination=cos_inclination) for i in range(count)]


@pytest.fixture(scope="module")
def sources():
    return draws(300)


def hotspot(source, side):
    """Return the primary hotspot of an arm."""
    index = np.flatnonzero(source.compact & (source.arm == side))[0]
    return np.array([source.components.x[index], source.components.y[index]])


def test_hotspots_lie_at_the_ends(sources):
    for source in sources:
        radius = np.hypot(source.components.x, source.components.y)
        for side in (1, -1):
            own = source.arm == side
            # Turbulence throws parts of the head of a lobe a little further.
            assert np.linalg.norm(hotspot(source, side)) > 0.75 * radius[own].max()


def test_lobes_fade_towards_the_core(sources):
    radius = np.concatenate([np.hypot(s.components.x, s.components.y)[s.arm != 0] for s in sources])
    flux = np.concatenate([s.layers()[0][s.arm != 0] for s in sources])
    profile, _ = np.histogram(radius, bins=[0.0, 0.25, 0.5, 0.75, 1.0], weights=flux)
    assert (np.diff(profile) > 0).all()


def test_arms_are_nearly_aligned_and_unequal(sources):
    pairs = [(hotspot(source, 1), hotspot(source, -1)) for source in sources]
    bend = [np.degrees(np.arctan2(a[0] * b[1] - a[1] * b[0], -(a @ b))) for a, b in pairs]
    assert np.std(bend) == pytest.approx(4 * np.sqrt(2), rel=0.2)
    ratio = [np.log(np.linalg.norm(a) / np.linalg.norm(b)) for a, b in pairs]
    assert 0.12 < np.std(ratio) < 0.25


def test_the_near_arm_is_longer():
    """Mean advance 0.05 c at cos 0.8: log of (1 + 0.04) / (1 - 0.04)."""
    logs = [
        np.log(np.linalg.norm(hotspot(source, 1)) / np.linalg.norm(hotspot(source, -1)))
        for source in draws(1500, cos_inclination=0.8)
    ]
    assert np.mean(logs) == pytest.approx(np.log(1.04 / 0.96), abs=0.02)


def test_core_and_jets_are_weak(sources):
    for source in sources:
        diffuse, _ = source.layers()
        assert diffuse[source.arm == 0].sum() < 0.15
    assert np.median([s.layers()[0][s.arm == 0].sum() for s in sources]) < 0.03
