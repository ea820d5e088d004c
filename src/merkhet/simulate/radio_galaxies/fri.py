"""Fanaroff-Riley class I: edge-darkened radio galaxies."""

from dataclasses import dataclass

import numpy as np

from merkhet.simulate.beams import FloatArray
from merkhet.simulate.components import Components
from merkhet.simulate.radio_galaxies.morphology import (
    Arm,
    Morphology,
    Piece,
    blurred,
    clumps,
    doppler_boost,
    log_uniform,
)

STEPS = 40  # Gaussians along a plume
KNOTS = 12  # Gaussians along an inner jet


@dataclass(frozen=True)
class Bend:
    """How the arms of a kind of source turn away from the axis of the jets.

    Attributes
    ----------
    share
        Of all sources.
    turn_deg
        Range of the angle, drawn for each arm.
    place
        Range of where an arm turns, as a share of its length.
    mirrored
        Both arms end up on the same side of the source (a host that moves), not on opposite ones (an axis that turns).
    """

    share: float
    turn_deg: tuple[float, float]
    place: tuple[float, float]
    mirrored: bool


BENDS = {
    "straight": Bend(0.5, (-12, 12), (0.3, 0.9), mirrored=True),
    "s-shaped": Bend(0.15, (20, 60), (0.3, 0.8), mirrored=False),
    "wide-angle-tail": Bend(0.25, (25, 70), (0.25, 0.6), mirrored=True),
    "narrow-angle-tail": Bend(0.1, (75, 105), (0.08, 0.25), mirrored=True),
}


@dataclass(frozen=True)
class Flow:
    """What both jets of a source share; lengths in units of the arm, speeds in units of that of light.

    Attributes
    ----------
    flare
        Where the jet flares, brightens and begins to slow down.
    fade
        Power of the decline of emission per length beyond the flare.
    speed
        Of the inner jet; it falls as 1 / (1 + (s / flare)^2).
    width
        Sigma of the plume at its end.
    cos_inclination
        Cosine of the angle between the line of sight and the jet of side +1.
    """

    flare: float
    fade: float
    speed: float
    width: float
    cos_inclination: float

    @classmethod
    def draw(cls, rng: np.random.Generator, *, cos_inclination: float) -> "Flow":
        """Draw the parameters, each apart from the others."""
        return cls(
            flare=rng.uniform(0.08, 0.28),
            fade=rng.uniform(0.8, 2.0),
            speed=rng.uniform(0.3, 0.85),
            width=rng.uniform(0.07, 0.22),
            cos_inclination=cos_inclination,
        )

    def boost(self, s: FloatArray, *, side: int) -> FloatArray:
        """Return the Doppler boost at distance ``s`` along the jet of a side."""
        speed = side * self.speed / (1 + (s / self.flare) ** 2)
        return doppler_boost(speed=speed, cos_inclination=self.cos_inclination)


def draw_fri(rng: np.random.Generator, *, cos_inclination: float) -> Morphology:
    """Draw an edge-darkened source: jets that flare, slow down, bend and fade into plumes.

    Laing & Bridle (2002, MNRAS 336, 328) in outline: a fast inner jet, whose near side is boosted, flares and
    brightens within a third of its length and slows down; from there on brightness falls with distance.

    Parameters
    ----------
    rng
        Source of every parameter.
    cos_inclination
        Cosine of the angle between the line of sight and the jet of side +1.
    """
    subclass = str(rng.choice(list(BENDS), p=[bend.share for bend in BENDS.values()]))
    flow = Flow.draw(rng, cos_inclination=cos_inclination)
    turns, reach = _draw_turns(rng, BENDS[subclass])
    lengths = np.exp(rng.normal(0, 0.12, 2))
    sides: tuple[tuple[Arm, float, float], ...] = ((1, turns[0], lengths[0]), (-1, turns[1], lengths[1]))
    pieces = [
        piece
        for side, turn, length in sides
        for piece in _arm(rng, flow, side=side, turn=turn, reach=reach, length=length)
    ]
    jets = sum(float(piece.components.flux.sum()) for piece in pieces if piece.compact)
    core = Piece.core(flux=jets * log_uniform(rng, 0.2, 5), compact=True)
    return Morphology.assemble([*pieces, core], subclass=subclass)


def _draw_turns(rng: np.random.Generator, bend: Bend) -> tuple[FloatArray, float]:
    """Return the angles (radians) by which the two arms turn, and where they do."""
    # The arms head opposite ways, so that turns of opposite sense lead to the same side.
    sense = rng.choice([-1, 1]) * np.array([1, -1 if bend.mirrored else 1])
    return np.deg2rad(sense * rng.uniform(*bend.turn_deg, size=2)), rng.uniform(*bend.place)


def _arm(
    rng: np.random.Generator, flow: Flow, *, side: Arm, turn: float, reach: float, length: float
) -> tuple[Piece, Piece]:
    s = (np.arange(STEPS) + 0.5) / STEPS
    x, y = _spine(rng, s, heading=0 if side > 0 else np.pi, turn=turn, reach=reach)
    risen = (s / flow.flare) ** 2 / (1 + (s / flow.flare) ** 2)
    emission = risen * (1 + s / flow.flare) ** -flow.fade * flow.boost(s, side=side)
    sigma = 0.01 + flow.width * (1 - np.exp(-2.5 * s))
    plume = Components(x, y, sigma, emission * clumps(rng, steps=STEPS, scatter=0.4))

    knot = 2 * flow.flare * (np.arange(KNOTS) + 0.5) / KNOTS
    light = np.exp(-knot / flow.flare) * flow.boost(np.zeros(KNOTS), side=side) * clumps(rng, steps=KNOTS, scatter=0.5)
    jet = Components(np.interp(knot, s, x), np.interp(knot, s, y), 0.01 + 0.3 * flow.width * knot, light)
    return (
        Piece(blurred(rng, plume, turbulence=0.4).scaled(length), compact=False, arm=side),
        Piece(jet.scaled(length), compact=True, arm=side),
    )


def _spine(
    rng: np.random.Generator, s: FloatArray, *, heading: float, turn: float, reach: float
) -> tuple[FloatArray, FloatArray]:
    """Return the ridge line of an arm: it turns about ``reach`` and meanders more the further it goes."""
    wave = rng.uniform(0.0, 0.35) * s * np.sin(2 * np.pi * (rng.uniform(0.5, 1.5) * s + rng.uniform()))
    angle = heading + turn * s**3 / (s**3 + reach**3) + wave
    step = s[1] - s[0]
    return np.cumsum(np.cos(angle)) * step, np.cumsum(np.sin(angle)) * step
