"""Where on the sky simulated fields lie, and the random streams that make each a function of seed and index alone.

Indices come in *slots* of two, (0, 1), (2, 3), ...: one source of a slot is of class I and one of class II, in random
order, and a few slots are one patch of sky, whose two sources stand in overlapping cutouts of one mosaic.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from merkhet.simulate.radio_galaxies.galaxies import Label
from merkhet.simulate.radio_galaxies.survey import Survey

SHARED_SLOTS = 0.03
MAX_SEPARATION_ARCSEC = 300.0
SEPARATION_FIELDS = (0.3, 0.85)

# The footprint, that of FIRST in the northern Galactic cap: limits in right ascension and declination, degrees.
RA_RANGE, DEC_RANGE = (110.0, 260.0), (-10.0, 60.0)
# The additive recurrence of Roberts (2018): 1 / g and 1 / g^2, where g^3 = g + 1. Its points keep apart (1,590 arcsec
# at least among 20,000, 484 among 200,000), so that no two fields share sky by chance and groups stay true.
RECURRENCE = 1.32471795724474602596 ** -np.array([1.0, 2.0])


class Stream(IntEnum):
    """Independent random streams of one seed."""

    FOOTPRINT = 0
    SLOT = 1
    GALAXY = 2
    FIELD = 3


@dataclass(frozen=True)
class Slot:
    """Two indices that follow each other.

    Attributes
    ----------
    labels
        Classes of the two.
    offset_px
        ``(x, y)`` from the first cutout to the second where both are of one patch of sky, or None.
    """

    labels: tuple[Label, Label]
    offset_px: tuple[int, int] | None


def generator(seed: int, stream: Stream, index: int = 0) -> np.random.Generator:
    """Return the random generator of one index of a stream, the same whatever was drawn before."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, index)))


def draw_slot(index: int, *, seed: int, survey: Survey) -> Slot:
    """Decide classes and neighborhood of the sources ``2 * index`` and ``2 * index + 1``."""
    rng = generator(seed, Stream.SLOT, index)
    labels: tuple[Label, Label] = ("FRI", "FRII") if rng.uniform() < 0.5 else ("FRII", "FRI")
    if rng.uniform() >= SHARED_SLOTS:
        return Slot(labels, None)
    low, high = np.minimum(np.array(SEPARATION_FIELDS) * survey.field_arcsec, MAX_SEPARATION_ARCSEC)
    separation, angle = np.sqrt(rng.uniform(low**2, high**2)) / survey.pixel_scale_arcsec, rng.uniform(0, 2 * np.pi)
    return Slot(labels, (round(separation * np.cos(angle)), round(separation * np.sin(angle))))


def field_center(index: int, *, seed: int) -> tuple[float, float]:
    """Return right ascension and declination, in degrees, of the field of a source: uniform over the footprint."""
    start = generator(seed, Stream.FOOTPRINT).uniform(size=2)
    across, up = (start + index * RECURRENCE) % 1
    bottom, top = np.sin(np.deg2rad(DEC_RANGE))
    ra = RA_RANGE[0] + across * (RA_RANGE[1] - RA_RANGE[0])
    return float(ra), float(np.rad2deg(np.arcsin(bottom + up * (top - bottom))))


def sin_to_sky(west: float, north: float, *, center: tuple[float, float]) -> tuple[float, float]:
    """Invert the orthographic (SIN) projection (Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.5).

    Parameters
    ----------
    west, north
        Offsets in the plane of projection, degrees.
    center
        ``(ra, dec)`` of the reference point, degrees.

    Returns
    -------
    tuple of float
        ``(ra, dec)``, degrees.
    """
    l, m = -np.deg2rad(west), np.deg2rad(north)  # noqa: E741 (the names of direction cosines)
    n = np.sqrt(1 - l**2 - m**2)
    dec0 = np.deg2rad(center[1])
    dec = np.arcsin(m * np.cos(dec0) + n * np.sin(dec0))
    ra = np.deg2rad(center[0]) + np.arctan2(l, n * np.cos(dec0) - m * np.sin(dec0))
    return float(np.rad2deg(ra) % 360), float(np.rad2deg(dec))
