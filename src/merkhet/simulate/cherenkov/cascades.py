"""Electromagnetic cascades, and the points of the sky from which they shine.

A cascade has the longitudinal profile of a gamma distribution whose two parameters fluctuate from shower to shower
(Grindhammer & Peters 1993, hep-ex/0001020, section 3.1) and the lateral profile of Nishimura, Kamata and Greisen
(Greisen 1960, Ann. Rev. Nucl. Sci. 10, 63). It is drawn as some ten to thousand emitters in space, shared by all
telescopes: images of one shower agree, and are as lumpy as so few sub-cascades make them.
"""

from dataclasses import dataclass

import numpy as np

from merkhet.simulate.cherenkov.atmosphere import OBSERVATION_HEIGHT_M, density, depth, height
from merkhet.simulate.cherenkov.observation import FloatArray, IntArray
from merkhet.simulate.cherenkov.primaries import Showers

CRITICAL_ENERGY_TEV = 85e-6
RADIATION_LENGTH = 36.66  # g/cm2
MOLIERE_DEPTH = 9.4  # g/cm2
CHERENKOV_CORE = 0.2
"""Radius of the electrons that shine over that of all: those below 20 to 40 MeV scatter widest and do not."""
PHOTONS_PER_TEV = 1.8e7
"""Cherenkov photons of the band that cameras see; near 120 photons/m2 at 1 TeV within the light pool."""
BEGUN_BY_PHOTON = 0.29
"""Radiation lengths by which a pair reaches its maximum before one electron does: photons reach 1 deeper in all
(Review of Particle Physics, passage of particles through matter), of which 9/7 go before the pair."""
EMITTERS_AT_20_GEV = 48
EMITTERS_SLOPE = 0.35


@dataclass(frozen=True, eq=False)
class Cascades:
    """Cascades ``(c,)`` in the order of their showers.

    Attributes
    ----------
    shower
        Number of the shower that each belongs to, ascending.
    energy
        TeV.
    start
        Where each begins, ``(c, 3)``, m: north, west, up from the center of the array.
    heading
        Unit vectors ``(c, 3)`` that they fly along, downwards.
    by_photon
        Whether photons begin them, which have become pairs of electrons at ``start``.
    """

    shower: IntArray
    energy: FloatArray
    start: FloatArray
    heading: FloatArray
    by_photon: bool


@dataclass(frozen=True, eq=False)
class Emitters:
    """Points that shine, in the order of their showers.

    Attributes
    ----------
    shower
        ``(e,)``.
    position
        ``(e, 3)``, m; its last column is the height above the telescopes.
    heading
        Unit vectors ``(e, 3)`` that the particles fly along.
    delay
        ``(e,)``: light travel distance, m, at which the front of the shower is there, from when it meets the ground.
    photons
        ``(e,)``: mean number of photons.
    depth
        ``(e,)``: slant depth, g/cm2.
    age
        ``(e,)``: age of the cascade there, 1 at its maximum.
    """

    shower: IntArray
    position: FloatArray
    heading: FloatArray
    delay: FloatArray
    photons: FloatArray
    depth: FloatArray
    age: FloatArray

    @property
    def height(self) -> FloatArray:
        """Heights above sea level, m."""
        return np.asarray(self.position[:, 2] + OBSERVATION_HEIGHT_M)


def along_axis(showers: Showers, slant_depth: FloatArray) -> FloatArray:
    """Return the points ``(n, 3)`` of the axes at slant depths ``(n,)``."""
    up = showers.origin[:, 2]
    above = height(slant_depth * up) - OBSERVATION_HEIGHT_M
    return np.asarray(showers.core + showers.origin * (above / up)[:, None])


def emitters(showers: Showers, cascades: Cascades, *, rng: np.random.Generator) -> Emitters:
    """Draw the emitters of showers: more for a more energetic one, its cascades by their energies."""
    number = np.rint(EMITTERS_AT_20_GEV * (showers.energy / 0.02) ** EMITTERS_SLOPE).astype(np.int64)
    total = np.bincount(cascades.shower, cascades.energy, minlength=len(showers))
    number = np.where(total > 0, np.maximum(number, 8), 0)
    shower = np.repeat(np.arange(len(showers)), number)
    before = np.concatenate([[0.0], np.cumsum(total)])
    drawn = before[shower] + rng.random(len(shower)) * total[shower]
    chosen = np.searchsorted(np.cumsum(cascades.energy), drawn, side="right")
    # Rounding of the sums may step over the edge of a shower.
    first = np.searchsorted(cascades.shower, np.arange(len(showers)), side="left")
    last = np.searchsorted(cascades.shower, np.arange(len(showers)), side="right") - 1
    chosen = np.clip(chosen, first[shower], last[shower])
    traveled, age = _profiles(cascades, chosen, rng)
    photons = PHOTONS_PER_TEV * (total / np.maximum(number, 1))[shower]
    return _placed(showers, cascades, chosen, shower, traveled=traveled, age=age, photons=photons, rng=rng)


def _profiles(cascades: Cascades, chosen: IntArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Draw how many radiation lengths into its cascade each emitter is, and the shower age there."""
    log_y = np.maximum(np.log(np.maximum(cascades.energy, 1e-6) / CRITICAL_ENERGY_TEV), 2.5)
    peak = np.log(np.maximum(log_y - 0.858 - (BEGUN_BY_PHOTON if cascades.by_photon else 0.0), 1.0))
    shape = np.log(np.maximum(0.21 + 0.81 * log_y, 1.3))  # Z = 7.4: 0.492 + 2.38 / Z
    peak_spread = 1 / np.maximum(-1.4 + 1.26 * log_y, 1.5)
    shape_spread = 1 / np.maximum(-0.58 + 0.86 * log_y, 1.5)
    correlation = 0.705 - 0.023 * log_y
    first, second = rng.standard_normal((2, len(log_y)))
    peak = np.exp(peak + peak_spread * first)
    second = correlation * first + np.sqrt(1 - correlation**2) * second
    shape = np.maximum(np.exp(shape + shape_spread * second), 1.1)
    scale = peak / (shape - 1)  # the gamma distribution peaks at (shape - 1) * scale
    scale = np.minimum(scale, 3 * peak / shape)
    traveled = rng.standard_gamma(shape[chosen]) * scale[chosen]
    return traveled, 3 * traveled / (traveled + 2 * peak[chosen])


def _placed(
    showers: Showers,
    cascades: Cascades,
    chosen: IntArray,
    shower: IntArray,
    *,
    traveled: FloatArray,
    age: FloatArray,
    photons: FloatArray,
    rng: np.random.Generator,
) -> Emitters:
    """Put emitters along their cascades and aside of them; those that would be below ground shine no more."""
    heading, start = cascades.heading[chosen], cascades.start[chosen]
    down = np.maximum(-heading[:, 2], 0.05)
    vertical = depth(start[:, 2] + OBSERVATION_HEIGHT_M) + traveled * RADIATION_LENGTH * down
    above = height(vertical) - OBSERVATION_HEIGHT_M
    alive = above > 50.0
    above = np.maximum(above, 50.0)
    axis = start + heading * ((start[:, 2] - above) / down)[:, None]
    radius = CHERENKOV_CORE * MOLIERE_DEPTH / density(above + OBSERVATION_HEIGHT_M) / 100 * _lateral(age, rng)
    aside, other = _across(heading)
    around = rng.uniform(0, 2 * np.pi, len(radius))
    position = axis + aside * (radius * np.cos(around))[:, None] + other * (radius * np.sin(around))[:, None]
    origin = showers.origin[shower]
    delay = -((axis - showers.core[shower]) * origin).sum(axis=1)
    slant = vertical / np.maximum(origin[:, 2], 0.05)
    return Emitters(shower, position, heading, delay, photons * alive, slant, age)


def _lateral(age: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw distances from the axis over the scattering radius: with x = u / (1 + u), the NKG law is a beta law."""
    s = np.clip(age, 0.4, 1.6)
    near, far = rng.standard_gamma(s), rng.standard_gamma(4.5 - 2 * s)
    return np.minimum(near / np.maximum(far, 1e-9), 8.0)


def _across(heading: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return two unit vectors across each of ``(e, 3)``, none of which lies flat along the first axis."""
    aside = np.stack([-heading[:, 2], np.zeros(len(heading)), heading[:, 0]], axis=1)
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    return aside, np.cross(heading, aside)


def deflected(heading: FloatArray, *, angle: FloatArray, around: FloatArray) -> FloatArray:
    """Return unit vectors ``(e, 3)`` turned by an angle in a direction around the old ones, rad."""
    aside, other = _across(heading)
    turned = aside * np.cos(around)[:, None] + other * np.sin(around)[:, None]
    return np.asarray(heading * np.cos(angle)[:, None] + turned * np.sin(angle)[:, None])
