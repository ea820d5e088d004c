"""The random streams that make each simulated thing a function of the seed and its own number alone."""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Independent random streams of one seed."""

    SCANS = 0
    GRADIENT = 1
    LAYOUT = 2
    CELL_BACKGROUND = 3
    CELL_FIELD = 4
    CELL_SOURCES = 5
    SIGHTLINE = 6
    CUTOUT = 7


def generator(seed: int, stream: Stream, *index: int) -> np.random.Generator:
    """Return the random generator of one index of a stream, the same whatever was drawn before."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, *index)))
