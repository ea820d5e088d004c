"""What the two classes of radio galaxy have in common: layers, arms, beamed jets and clumps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from merkhet.simulate.beams import FloatArray
from merkhet.simulate.components import Components

SPECTRAL_INDEX = 0.6  # of inner jets: S proportional to frequency^-0.6

Arm: TypeAlias = Literal[-1, 0, 1]


@dataclass(frozen=True)
class Piece:
    """A part of a source: one structure (a plume, a jet, a lobe, a core) of one arm.

    Attributes
    ----------
    components
        The Gaussians; fluxes are relative to the other pieces of the same layer.
    compact
        Whether the piece belongs to the compact layer (see `Morphology`).
    arm
        +1 and -1 for the two sides, 0 for the core.
    """

    components: Components
    compact: bool
    arm: Arm

    @classmethod
    def core(cls, *, flux: float, compact: bool) -> "Piece":
        """Return a point source at the origin."""
        origin = np.zeros(1)
        return cls(Components.points(x=origin, y=origin, flux=np.array([flux])), compact, 0)


@dataclass(frozen=True)
class Morphology:
    """A radio galaxy without size, flux or orientation.

    It has two layers of free proportion: *diffuse* (plumes, or lobes) and *compact* (core and inner jets, or hotspots).
    Their mix sets how peaked a source is, so that both classes can be given the same ratio of peak to total flux.

    Attributes
    ----------
    components
        ``k`` Gaussians in units of the mean arm length, the core at the origin and the jet of side +1 along +x. Their
        ``flux`` is relative, within a layer.
    compact
        ``(k,)``: which of them form the compact layer.
    arm
        ``(k,)``: +1 and -1 for the two sides, 0 for the core.
    subclass
        The shape in a word.
    """

    components: Components
    compact: npt.NDArray[np.bool_]
    arm: npt.NDArray[np.int8]
    subclass: str

    @classmethod
    def assemble(cls, pieces: Sequence[Piece], *, subclass: str) -> "Morphology":
        """Put pieces together."""
        lengths = [len(piece.components) for piece in pieces]
        return cls(
            components=Components.concatenate([piece.components for piece in pieces]),
            compact=np.repeat([piece.compact for piece in pieces], lengths),
            arm=np.repeat(np.array([piece.arm for piece in pieces], dtype=np.int8), lengths),
            subclass=subclass,
        )

    def layers(self) -> tuple[FloatArray, FloatArray]:
        """Return the fluxes ``(k,)`` of the diffuse and of the compact layer, each one in sum."""
        diffuse, compact = self.components.flux * ~self.compact, self.components.flux * self.compact
        return diffuse / diffuse.sum(), compact / compact.sum()


def doppler_boost(*, speed: float | FloatArray, cos_inclination: float) -> FloatArray:
    """Return the boost of a steady jet, (1 - beta cos theta)^-(2 + alpha) (Blandford & Koenigl 1979, ApJ 232, 34).

    The Lorentz factor, the same for both sides, is left out. A receding jet has a negative ``speed`` (of light).
    """
    return np.asarray((1 - np.asarray(speed) * cos_inclination) ** -(2 + SPECTRAL_INDEX))


def clumps(rng: np.random.Generator, *, steps: int, scatter: float) -> FloatArray:
    """Return a log-normal factor ``(steps,)`` along a flow, smooth over three steps."""
    white = rng.normal(size=steps + 2)
    smooth: FloatArray = (white[:-2] + white[1:-1] + white[2:]) / np.sqrt(3)
    return np.exp(scatter * smooth)


def blurred(rng: np.random.Generator, components: Components, *, turbulence: float) -> Components:
    """Return components pushed about by a share of their width, so that an edge is not a ruled line."""
    push = turbulence * components.sigma * rng.normal(size=(2, len(components)))
    return Components(components.x + push[0], components.y + push[1], components.sigma, components.flux)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number of uniform logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
