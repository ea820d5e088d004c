"""How primaries begin their showers: gammas, electrons, and protons with all that a hadron throws about."""

from dataclasses import dataclass

import numpy as np

from merkhet.simulate.cherenkov.cascades import RADIATION_LENGTH, Cascades, along_axis, deflected
from merkhet.simulate.cherenkov.observation import FloatArray
from merkhet.simulate.cherenkov.primaries import Showers

PAIR_LENGTH = 9 / 7 * RADIATION_LENGTH  # g/cm2
NUCLEON_LENGTH = 83.0  # g/cm2, protons of 1 TeV in air
PION_LENGTH = 115.0
GENERATIONS = 6
PROMPT, DELAYED = 5, 4
"""Cascades of neutral pions that a collision begins itself, and that its charged pions begin further down."""
MEAN_TRANSVERSE_TEV = 0.35e-3
FAINTEST_TEV = 1e-3


@dataclass(frozen=True, eq=False)
class Begun:
    """Showers with their cascades, and the slant depth ``(n,)`` of the first interaction, g/cm2."""

    cascades: Cascades
    first_depth: FloatArray


def begin(showers: Showers, *, rng: np.random.Generator) -> Begun:
    """Let primaries interact."""
    if showers.primary == "proton":
        return _proton(showers, rng)
    gamma = showers.primary == "gamma"
    first = rng.exponential(PAIR_LENGTH if gamma else 0.2 * RADIATION_LENGTH, len(showers)) + 0.5
    cascades = Cascades(
        np.arange(len(showers)), showers.energy, along_axis(showers, first), -showers.origin, by_photon=gamma
    )
    return Begun(cascades, first)


def _proton(showers: Showers, rng: np.random.Generator) -> Begun:
    """Follow the leading nucleon through its collisions.

    Each takes about half of its energy; a third of that goes to neutral pions, whose cascades begin at once, and two
    thirds to charged ones, which collide again deeper down or decay. All shares fluctuate.
    """
    n = len(showers)
    depth, leading = np.zeros(n), showers.energy.copy()
    energy, where = [], []
    for generation in range(GENERATIONS):
        depth = depth + rng.exponential(NUCLEON_LENGTH, n) + (0.5 if generation == 0 else 0.0)
        if generation == 0:
            first = depth
        lost = leading * rng.beta(2.5, 2.5, n)
        neutral = rng.beta(2.0, 4.0, n)
        energy.append((lost * neutral)[:, None] * rng.dirichlet(np.full(PROMPT, 0.7), n))
        where.append(np.repeat(depth[:, None], PROMPT, axis=1))
        charged = (lost * (1 - neutral))[:, None] * rng.dirichlet(np.full(DELAYED, 0.7), n)
        energy.append(charged * rng.beta(2.0, 3.0, (n, DELAYED)))
        where.append(depth[:, None] + rng.exponential(PION_LENGTH, (n, DELAYED)))
        leading = leading - lost
    return Begun(_pions(showers, np.concatenate(energy, axis=1), np.concatenate(where, axis=1), rng), first)


def _pions(showers: Showers, energy: FloatArray, depth: FloatArray, rng: np.random.Generator) -> Cascades:
    """Return the cascades of neutral pions, thrown aside by their transverse momentum."""
    shower, place = np.nonzero(energy > FAINTEST_TEV)
    energy, depth = energy[shower, place], depth[shower, place]
    transverse = rng.gamma(2.0, MEAN_TRANSVERSE_TEV / 2, len(energy))
    angle = np.minimum(transverse / energy, 0.15)
    parents = Showers(
        showers.primary,
        energy,
        showers.alt[shower],
        showers.az[shower],
        showers.core_x[shower],
        showers.core_y[shower],
    )
    heading = deflected(-parents.origin, angle=angle, around=rng.uniform(0, 2 * np.pi, len(energy)))
    return Cascades(shower.astype(np.int64), energy, along_axis(parents, depth), heading, by_photon=True)
