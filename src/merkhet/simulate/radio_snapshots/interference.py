"""Interference that flagging missed: excess power in a few places of the Fourier plane, in some sub-bands only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from merkhet.simulate.interferometer.grids import RealMap, Spectrum, mirror
from merkhet.simulate.interferometer.primary_beam import POLARIZATIONS, Polarization
from merkhet.simulate.interferometer.subbands import Subband
from merkhet.simulate.interferometer.weights import Coverage
from merkhet.simulate.radio_snapshots.observations import Observation
from merkhet.simulate.radio_snapshots.streams import Stream, changed_odds
from merkhet.simulate.radio_snapshots.survey import Survey

Kind = Literal["cells", "baseline", "direction"]
KINDS: tuple[Kind, ...] = get_args(Kind)
KIND_SHARES = (0.35, 0.3, 0.35)

BROADCAST_MHZ = ((87.5, 108.0), (174.0, 230.0))  # FM radio; digital television
BROADCAST_ODDS, QUIET_ODDS = 1.5, 0.7
CLUSTERING = 1.6  # an observation is spared altogether more often than its sub-bands on their own would be
ONE_POLARIZATION = 0.35
WEAKER = (0.3, 1.0)  # strength in the other polarization over that in the first
MAX_CELLS = 5
MIN_CYCLES = 3.0  # across the image
WEDGE_RAD = (0.005, 0.03)  # half the angle that baselines of one direction fill


@dataclass(frozen=True)
class Interference:
    """What stands in the images of one sub-band.

    Attributes
    ----------
    kind
        ``cells``: a few cells. ``baseline``: part of the track of one baseline. ``direction``: all baselines of about
        one direction and some range of lengths.
    strengths
        Rms over that of the noise, by polarization; those without are absent.
    angle
        Direction of the baselines, radians; the same in the whole observation.
    """

    kind: Kind
    strengths: dict[Polarization, float]
    angle: float


def draw_interference(observation: Observation, *, survey: Survey) -> list[Interference | None]:
    """Decide which sub-bands of an observation interference hits, of what kind and how strongly."""
    rng = observation.stream(Stream.INTERFERENCE)
    hit = min(1.0, CLUSTERING * survey.prevalence)
    disturbed = rng.uniform() < hit
    kind, angle = KINDS[int(rng.choice(len(KINDS), p=KIND_SHARES))], float(rng.uniform(0, np.pi))
    plans: list[Interference | None] = []
    for subband in observation.subbands:
        present, lone, weaker, strength = rng.uniform(size=4)
        first = int(rng.integers(2))
        one = ONE_POLARIZATION * (1 - survey.prevalence)
        wanted = min(1.0, survey.prevalence / (1 - 0.5 * one))
        if not disturbed or present >= changed_odds(min(1.0, wanted / hit), factor=_odds(subband)):
            plans.append(None)
            continue
        full = survey.min_strength * (survey.max_strength / survey.min_strength) ** strength
        strengths = {POLARIZATIONS[first]: float(full)}
        if lone >= one:
            strengths[POLARIZATIONS[1 - first]] = float(full * (WEAKER[0] + (WEAKER[1] - WEAKER[0]) * weaker))
        plans.append(Interference(kind, strengths, angle))
    return plans


def pattern(plan: Interference, *, coverage: Coverage, rng: np.random.Generator) -> RealMap:
    """Return the interference alone, ``(y, x)``, with an rms of 1 over the image."""
    image = coverage.grid.image(_SPECTRA[plan.kind](plan, coverage, rng))
    return image / np.float32(root_mean_square(image))


def root_mean_square(image: RealMap) -> float:
    """Return the strength of an artifact: its rms over the whole image."""
    return float(np.sqrt(np.mean(image**2, dtype=np.float64)))


def _odds(subband: Subband) -> float:
    middle = subband.frequency_hz / 1e6
    return BROADCAST_ODDS if any(low < middle < high for low, high in BROADCAST_MHZ) else QUIET_ODDS


def _cells(_: Interference, coverage: Coverage, rng: np.random.Generator) -> Spectrum:
    """Fill a few of the measured cells."""
    grid = coverage.grid
    row, column = np.nonzero(coverage.response)
    row = np.where(row < grid.size_px, row, row - grid.side)
    fine = np.flatnonzero(np.hypot(row, column) >= MIN_CYCLES * grid.side / grid.size_px)
    chosen = rng.choice(fine, size=int(rng.integers(1, MAX_CELLS + 1)), replace=False)
    spectrum = np.zeros(grid.shape, dtype=np.complex64)
    spectrum[row[chosen], column[chosen]] = _complex(rng, len(chosen))
    return _hermitian(spectrum)


def _baseline(_: Interference, coverage: Coverage, rng: np.random.Generator) -> Spectrum:
    """Fill the track of one baseline for some time: a transmitter at rest keeps a constant phase along it."""
    tracks = coverage.tracks
    fine = np.flatnonzero(np.hypot(*tracks.k) >= MIN_CYCLES / coverage.grid.size_px)
    track = np.flatnonzero(tracks.baseline == tracks.baseline[rng.choice(fine)])
    length = max(1, int(rng.uniform(0.2, 1) * len(track)))
    start = int(rng.integers(len(track) - length + 1))
    visibilities = np.zeros(len(tracks.baseline), dtype=np.complex128)
    visibilities[track[start : start + length]] = np.exp(2j * np.pi * rng.uniform())
    return np.asarray(coverage.spread(visibilities), dtype=np.complex64)


def _direction(plan: Interference, coverage: Coverage, rng: np.random.Generator) -> Spectrum:
    """Fill the measured cells in a wedge of the Fourier plane: a source of noise on the horizon."""
    grid = coverage.grid
    row, column = np.nonzero(coverage.response)
    signed = np.where(row < grid.size_px, row, row - grid.side)
    radius, angle = np.hypot(signed, column), np.arctan2(signed, column) % np.pi
    off = np.abs((angle - plan.angle + np.pi / 2) % np.pi - np.pi / 2)
    low = MIN_CYCLES * grid.side / grid.size_px
    high = low + rng.uniform(0.1, 1) * max(float(radius.max()) - low, 1.0)
    near = np.argsort(np.where((radius >= low) & (radius <= high), off, np.inf))
    inside = max(3, int(np.sum((off < rng.uniform(*WEDGE_RAD)) & (radius >= low) & (radius <= high))))
    chosen = near[:inside]
    spectrum = np.zeros(grid.shape, dtype=np.complex64)
    spectrum[row[chosen], column[chosen]] = _complex(rng, inside) * coverage.response[row[chosen], column[chosen]]
    return _hermitian(spectrum)


def _complex(rng: np.random.Generator, number: int) -> Spectrum:
    return np.asarray(rng.standard_normal((number, 2), dtype=np.float32).view(np.complex64)[:, 0])


def _hermitian(spectrum: Spectrum) -> Spectrum:
    spectrum[:, 0] += mirror(spectrum[:, 0]).conj()
    return spectrum


_SPECTRA: dict[Kind, Callable[[Interference, Coverage, np.random.Generator], Spectrum]] = {
    "cells": _cells,
    "baseline": _baseline,
    "direction": _direction,
}
