import numpy as np
import pytest
from scipy.integrate import quad

from merkhet.io.cherenkov.direction import to_offset
from merkhet.simulate.cherenkov.atmosphere import OBSERVATION_HEIGHT_M, cherenkov_angle
from merkhet.simulate.cherenkov.cascades import Emitters
from merkhet.simulate.cherenkov.light import Sources, View, photo_electrons
from merkhet.simulate.cherenkov.muons import Muons, chords, draw_muons, ring_angles
from merkhet.simulate.cherenkov.primaries import Showers
from tests.showers import POINTING, array


def from_pointing(n=1):
    full = np.ones(n)
    return Showers("proton", full, POINTING[0] * full, POINTING[1] * full, 0 * full, 0 * full)


@pytest.mark.parametrize("impact", [0.0, 3.0, 9.0, 15.0])
def test_chords_are_those_of_rays_through_a_disk(impact):
    found = chords(np.array([impact]), mirror_radius_m=10.0)[0]
    along = np.arange(0, 40, 0.01)
    for phi, length in zip(ring_angles(), found, strict=True):
        # The mirror's center lies at (impact, 0) of where the muon passes.
        inside = np.hypot(along * np.cos(phi) - impact, along * np.sin(phi)) < 10
        assert length == pytest.approx(inside.sum() * 0.01, abs=0.03)


def test_the_light_of_a_ring_is_that_of_its_track():
    # A muon through the center: every direction sees the radius of the mirror.
    mean = quad(lambda _: 10.0, 0, 1)[0]
    assert chords(np.array([0.0]), mirror_radius_m=10.0).mean() == pytest.approx(mean)


def test_only_protons_make_muons_and_more_with_energy(rng):
    full = np.ones(300)
    low, high = (
        len(draw_muons(Showers("proton", energy * full, full, full, full, full), rng=rng).shower)
        for energy in (0.1, 1.0)
    )
    assert high / low == pytest.approx(10**0.85, rel=0.25)
    assert not len(draw_muons(Showers("gamma", full, full, full, full, full), rng=rng).shower)


@pytest.mark.parametrize(("aside_m", "full"), [(0.01, True), (25.0, False)])
def test_a_muon_gives_a_ring_where_it_hits_and_an_arc_where_it_misses(aside_m, full, rng):
    showers, subarray = from_pointing(), array().subarray
    kind = subarray.types[0]
    angle = float(cherenkov_angle(np.asarray(OBSERVATION_HEIGHT_M)))
    muons = Muons(np.array([0]), np.array([[0.0, aside_m, 0.0]]), -showers.origin, np.array([angle]))
    nothing = np.zeros((0, 3))
    dark = Emitters(np.zeros(0, np.int64), nothing, nothing, *np.zeros((4, 0)))
    view = View(kind, array().detectors[0], np.zeros((1, 3)), POINTING)
    found = photo_electrons(Sources(showers, dark, muons), view=view, rng=rng)
    assert len(found.image) > 200
    radius = np.rad2deg(np.hypot(found.x, found.y) / kind.focal_length_m)
    assert np.median(radius) == pytest.approx(np.rad2deg(angle), rel=0.03)
    assert radius.std() < 0.1
    covered = np.histogram(np.arctan2(found.y, found.x), bins=12, range=(-np.pi, np.pi))[0] > 0
    assert covered.all() == full
    if not full:
        # The muon passes to the west, its light travels east to the mirror, so that it comes from the west.
        west = to_offset(POINTING[0], POINTING[1] + 0.02, POINTING)[0]
        assert np.sign(np.median(found.y)) == np.sign(west)
