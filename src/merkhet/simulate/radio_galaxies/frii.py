"""Fanaroff-Riley class II: edge-brightened radio galaxies."""

from dataclasses import dataclass

import numpy as np

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

STEPS = 40  # Gaussians along a lobe
KNOTS = 12  # Gaussians along a jet


@dataclass(frozen=True)
class Double:
    """What both arms of a source share; lengths in units of the arm, speeds in units of that of light.

    Attributes
    ----------
    advance
        Speed of the hotspots.
    jet_speed
        Speed of the jets.
    filling
        Share of the way back to the core that the lobes reach.
    fade
        Power of the decline of emission from the hotspot backwards.
    width
        Sigma of a lobe at its end near the core.
    jets
        Flux of a jet seen from the side, relative to a lobe.
    """

    advance: float
    jet_speed: float
    filling: float
    fade: float
    width: float
    jets: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Double":
        """Draw the parameters, each apart from the others."""
        return cls(
            advance=rng.uniform(0, 0.1),
            jet_speed=rng.uniform(0.4, 0.8),
            filling=rng.uniform(0.4, 1),
            fade=rng.uniform(0.4, 1.6),
            width=rng.uniform(0.07, 0.24),
            jets=log_uniform(rng, 0.003, 0.04),
        )


def draw_frii(rng: np.random.Generator, *, cos_inclination: float) -> Morphology:
    """Draw an edge-brightened source: hotspots at the ends of lobes that trail back and fade towards the core.

    The arms differ in length because the light of the far hotspot left when its arm was shorter, as
    (1 + beta cos theta) / (1 - beta cos theta) (Longair & Riley 1979, MNRAS 188, 625), and because their surroundings
    differ. The jets are weak, and one-sided by Doppler boosting.

    Parameters
    ----------
    rng
        Source of every parameter.
    cos_inclination
        Cosine of the angle between the line of sight and the jet of side +1.
    """
    double = Double.draw(rng)
    travel = 1 / (1 - np.array([1, -1]) * double.advance * cos_inclination)
    lengths = travel * np.exp(rng.normal(0, 0.12, 2))
    headings = np.array([0, np.pi]) + np.deg2rad(rng.normal(0, 4, 2))
    # Backflow that is pushed to one side of the source (a moving host) or to opposite ones (a turning jet).
    drifts = rng.normal(0, 0.25) * np.array([1, rng.choice([-1, 1])])
    sides: tuple[Arm, Arm] = (1, -1)
    pieces = [
        Piece(piece.components.scaled(length).rotated(heading), piece.compact, piece.arm)
        for side, length, heading, drift in zip(sides, lengths, headings, drifts, strict=True)
        for piece in _arm(rng, double, side=side, drift=drift, cos_inclination=cos_inclination)
    ]
    core = Piece.core(flux=log_uniform(rng, 0.005, 0.15), compact=False)
    return Morphology.assemble([*pieces, core], subclass="double")


def _arm(
    rng: np.random.Generator, double: Double, *, side: Arm, drift: float, cos_inclination: float
) -> tuple[Piece, Piece, Piece]:
    """Draw lobe, hotspots and jet of an arm of unit length along +x."""
    power = np.exp(rng.normal(0, 0.3))
    back = (np.arange(STEPS) + 0.5) / STEPS
    emission = (1 - back) ** double.fade * clumps(rng, steps=STEPS, scatter=0.3)
    lobe = Components(
        x=1 - double.filling * back,
        y=drift * (double.filling * back) ** 2,
        sigma=double.width * (0.4 + 0.6 * np.sqrt(back)),
        flux=power * emission / emission.sum(),
    )
    hotspots = Components(  # where the jet ends, and where it spills to
        x=np.array([1.0, rng.uniform(0.88, 0.98)]),
        y=np.array([0.0, rng.normal(0, 0.06)]),
        sigma=np.array([0.012, 0.03]),
        flux=power * np.exp(rng.normal(0, 0.25)) * np.array([1.0, rng.uniform(0.1, 0.7)]),
    )
    knot = np.linspace(0.08, 0.92, KNOTS)
    boost = doppler_boost(speed=side * double.jet_speed, cos_inclination=cos_inclination)
    light = double.jets / KNOTS * boost * clumps(rng, steps=KNOTS, scatter=0.5)
    jet = Components(knot, 0 * knot, 0.01 + 0.015 * knot, light)
    return (
        Piece(blurred(rng, lobe, turbulence=0.6), compact=False, arm=side),
        Piece(hotspots, compact=True, arm=side),
        Piece(jet, compact=False, arm=side),
    )
