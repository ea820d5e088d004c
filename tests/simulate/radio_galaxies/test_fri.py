"""Class I: where the light is, how the arms bend, which jet is the bright one."""

import numpy as np
import pytest

from merkhet.simulate.radio_galaxies.fri import BENDS, draw_fri


def draws(count, *, cos_inclination=0.3):
    return [draw_fri(np.random.default_rng([7, i]), cos_inclination=cos_inclination) for i in range(count)]


@pytest.fixture(scope="module")
def sources():
    return draws(300)


def mean_radius(source, flux):
    return flux @ np.hypot(source.components.x, source.components.y)


def test_light_is_near_the_core(sources):
    """An even line of unit length has a mean radius of 0.5; the plumes stay below it, the compact layer far below."""
    radii = np.array([[mean_radius(source, layer) for layer in source.layers()] for source in sources])
    assert radii.max(axis=0) == pytest.approx((0.7, 0.2), abs=0.1)
    assert radii.mean(axis=0) == pytest.approx((0.45, 0.07), abs=0.03)


def test_brightness_falls_outwards(sources):
    """Flux per length of the mean source declines from the flare to the end of the arms."""
    along = np.concatenate([np.hypot(s.components.x, s.components.y) for s in sources if s.subclass == "straight"])
    flux = np.concatenate([s.layers()[0] for s in sources if s.subclass == "straight"])
    profile, _ = np.histogram(along, bins=[0.2, 0.4, 0.6, 0.8, 1.0], weights=flux)
    assert (np.diff(profile) < 0).all()


def test_shares_of_the_shapes(sources):
    assert sum(bend.share for bend in BENDS.values()) == pytest.approx(1)
    for name, bend in BENDS.items():
        assert np.mean([source.subclass == name for source in sources]) == pytest.approx(bend.share, abs=0.09)


def ends(source):
    """Return the tips of the plumes: the mean of the last components of each arm."""
    diffuse = ~source.compact
    arms = (np.flatnonzero(diffuse & (source.arm == side))[-5:] for side in (1, -1))
    return [np.array([source.components.x[arm].mean(), source.components.y[arm].mean()]) for arm in arms]


@pytest.mark.parametrize(("subclass", "same_side"), [("wide-angle-tail", True), ("s-shaped", False)])
def test_tails_bend_to_one_side_and_s_shapes_to_two(sources, subclass, same_side):
    bent = [ends(source) for source in sources if source.subclass == subclass]
    agree = np.mean([np.sign(first[1]) == np.sign(second[1]) for first, second in bent])
    assert agree > 0.9 if same_side else agree < 0.1


def test_narrow_angle_tails_fold_back(sources):
    def opening(source):
        first, second = ends(source)
        return np.degrees(np.arccos(first @ second / np.linalg.norm(first) / np.linalg.norm(second)))

    assert np.median([opening(s) for s in sources if s.subclass == "narrow-angle-tail"]) < 90
    assert np.median([opening(s) for s in sources if s.subclass == "straight"]) > 150


def test_the_near_jet_is_boosted_at_its_base_alone():
    """In the plane of the sky both jets are equal; towards us the inner one on side +1 is brighter, the plumes less."""

    def ratio(sources, layer):
        sums = [[s.layers()[layer] @ (s.arm == side) for side in (1, -1)] for s in sources]
        return np.exp(np.mean(np.log(np.divide(*np.transpose(sums)))))

    flat, tilted = draws(150, cos_inclination=0.0), draws(150, cos_inclination=0.8)
    assert ratio(flat, 1) == pytest.approx(1, abs=0.15)
    assert ratio(tilted, 1) > 4
    assert 1.2 < ratio(tilted, 0) < 3
