"""Muons of hadronic showers: rings and arcs in the cameras that they pass close to.

The light along a ring is that of Vacanti et al. (1994, Astropart. Phys. 2, 1): proportional to the chord of the mirror
that lies below the light's plane, for muons that hit the mirror (rings) and that miss it (arcs).
"""

from dataclasses import dataclass

import numpy as np

from merkhet.simulate.cherenkov.atmosphere import OBSERVATION_HEIGHT_M, cherenkov_angle
from merkhet.simulate.cherenkov.cascades import deflected
from merkhet.simulate.cherenkov.observation import FloatArray, IntArray
from merkhet.simulate.cherenkov.primaries import Showers

MUONS_AT_1_TEV = 14.0
MUONS_SLOPE = 0.85
SPREAD_M = 110.0
PRODUCTION_HEIGHT_M = 6000.0  # above the telescopes
THRESHOLD_TEV = 5e-3
REACH_M = 70.0
"""Muons that miss a mirror by more than this leave no light worth counting."""
PHOTONS_PER_METER = 33.0
"""Cherenkov photons of the band in a meter of air at 1.2 degrees; they go as the squared sine of the angle."""
ANGLES = 48


@dataclass(frozen=True, eq=False)
class Muons:
    """Muons ``(m,)``: shower, place on the ground ``(m, 3)``, heading ``(m, 3)``, Cherenkov angle in rad."""

    shower: IntArray
    ground: FloatArray
    heading: FloatArray
    angle: FloatArray


@dataclass(frozen=True, eq=False)
class NearMuons:
    """Pairs ``(p,)`` of a muon and a telescope that it passes close to.

    Attributes
    ----------
    muon, telescope
        Which muon, and the place of the telescope among those asked for.
    towards
        Unit vectors ``(p, 3)`` across the muon's path, from it to the telescope.
    photons
        Mean number of photons ``(p, ANGLES)`` on the mirror that leave the muon in each direction around its path,
        counted from ``towards``.
    """

    muon: IntArray
    telescope: IntArray
    towards: FloatArray
    photons: FloatArray


def draw_muons(showers: Showers, *, rng: np.random.Generator) -> Muons:
    """Draw the muons of showers; those of gammas and electrons are too few to count.

    Their number is that of Heitler and Matthews (2005, Astropart. Phys. 22, 387), E to the power of 0.85; they come
    from a height near the maximum and fly apart from the axis.
    """
    mean = MUONS_AT_1_TEV * showers.energy**MUONS_SLOPE if showers.primary == "proton" else np.zeros(len(showers))
    shower = np.repeat(np.arange(len(showers)), rng.poisson(mean))
    m = len(shower)
    radius = SPREAD_M * rng.gamma(1.5, 1.0, m)
    around = rng.uniform(0, 2 * np.pi, m)
    away = radius / (PRODUCTION_HEIGHT_M * rng.uniform(0.6, 1.4, m))
    heading = deflected(-showers.origin[shower], angle=away, around=around)
    axis = deflected(-showers.origin[shower], angle=np.full(m, np.pi / 2), around=around)
    flat = showers.core[shower] + axis * radius[:, None]
    ground = flat - heading * (flat[:, 2] / heading[:, 2])[:, None]
    energy = THRESHOLD_TEV * (1 - rng.random(m)) ** (-1 / 1.7)
    largest = cherenkov_angle(np.asarray(OBSERVATION_HEIGHT_M))
    angle = largest * np.sqrt(1 - (THRESHOLD_TEV * 0.9 / energy) ** 2)
    return Muons(shower, ground, heading, angle)


def near_telescopes(muons: Muons, *, positions: FloatArray, mirror_radius_m: float) -> NearMuons:
    """Return the muons whose light telescopes at ``positions`` ``(t, 3)`` see."""
    between = positions[None] - muons.ground[:, None]
    across = between - (between * muons.heading[:, None]).sum(axis=2, keepdims=True) * muons.heading[:, None]
    impact = np.linalg.norm(across, axis=2)
    muon, telescope = np.nonzero(impact < mirror_radius_m + REACH_M)
    far, angle = impact[muon, telescope], muons.angle[muon]
    length = chords(far, mirror_radius_m=mirror_radius_m) / np.tan(angle)[:, None]
    # PHOTONS_PER_METER holds at 1.2 degrees; a radius of the ring gets its share of a meter's photons.
    yields = PHOTONS_PER_METER * (np.sin(angle) / np.sin(np.deg2rad(1.2))) ** 2 / ANGLES
    towards = across[muon, telescope] / np.maximum(far, 1e-6)[:, None]
    return NearMuons(muon, telescope, towards, length * yields[:, None])


def chords(impact: FloatArray, *, mirror_radius_m: float) -> FloatArray:
    """Return the length ``(m, ANGLES)`` of mirror, m, that lies along each direction from where a muon passes.

    Parameters
    ----------
    impact
        ``(m,)``: distance from the center, m.
    mirror_radius_m
        Radius of the round mirror.
    """
    phi = ring_angles()
    rho = impact[:, None] / mirror_radius_m
    inside = 1 - (rho * np.sin(phi)) ** 2
    half = np.sqrt(np.maximum(inside, 0))
    hit = half + rho * np.cos(phi)
    missed = np.where((inside > 0) & (np.cos(phi) > 0), 2 * half, 0.0)
    return np.asarray(mirror_radius_m * np.where(rho <= 1, np.maximum(hit, 0), missed))


def ring_angles() -> FloatArray:
    """Return the directions around a ring, rad, at the middle of each of its ``ANGLES`` parts."""
    return (np.arange(ANGLES) + 0.5) / ANGLES * 2 * np.pi
