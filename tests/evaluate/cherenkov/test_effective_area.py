from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from merkhet.errors import InputError
from merkhet.evaluate.cherenkov.effective_area import effective_area, thrown_showers
from merkhet.io.cherenkov.runs import SimulatedRun

EDGES = np.array([0.01, 0.1, 1.0, 10.0, 1000.0])


def run(**changes):
    return replace(SimulatedRun(1, 10_000, 0.02, 100.0, -2.0, 500.0, 0.0, (1.2, 0.0), 2150.0), **changes)


@pytest.mark.parametrize("index", [-2.0, -1.0, -2.7])
def test_thrown_showers_are_the_integral_of_the_spectrum(index):
    found = thrown_showers(run(spectral_index=index), edges_tev=EDGES)
    whole = quad(lambda energy: energy**index, 0.02, 100, limit=200)[0]
    parts = [quad(lambda energy: energy**index, max(low, 0.02), min(high, 100), limit=200)[0]
             for low, high in pairwise(EDGES)]  # fmt: skip
    np.testing.assert_allclose(found, 10_000 * np.array(parts) / whole, rtol=1e-5)
    assert found.sum() == pytest.approx(10_000)


def test_a_selection_that_keeps_all_watches_the_whole_ground():
    rng = np.random.default_rng(1)
    energy = 0.02 * 100 / (100 - rng.random(10_000) * (100 - 0.02))
    rows = effective_area(energy, selected=np.ones(10_000, bool), runs=[run()], edges_tev=EDGES)
    ground = np.pi * 500**2
    for row in rows[:2]:
        assert row["area_m2"]["value"] == pytest.approx(ground, rel=0.15)
    half = effective_area(energy, selected=np.arange(10_000) % 2 == 0, runs=[run()], edges_tev=EDGES)[0]
    assert half["area_m2"]["low"] < ground / 2 < half["area_m2"]["high"] * 1.02


def test_a_split_stands_for_its_share_of_the_showers():
    energy = np.full(400, 0.5)
    whole = effective_area(energy, selected=np.ones(400, bool), runs=[run()], edges_tev=EDGES)
    part = effective_area(energy[:100], selected=np.ones(100, bool), runs=[run()], share=0.25, edges_tev=EDGES)
    for a, b in zip(whole, part, strict=True):
        assert b["thrown"] == pytest.approx(a["thrown"] / 4)
        assert b["area_m2"]["value"] == pytest.approx(a["area_m2"]["value"])


def test_runs_must_agree_on_the_ground():
    with pytest.raises(InputError, match="core radii"):
        effective_area([1.0], selected=[True], runs=[run(), run(core_radius_m=100.0)])
