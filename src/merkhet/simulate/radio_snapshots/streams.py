"""The random streams that make each observation a function of the seed and its own number alone."""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Independent random streams of one seed."""

    OBSERVATION = 0
    SKY = 1
    SCENE = 2
    INTERFERENCE = 3
    SIDELOBE = 4
    NOISE = 5


def generator(seed: int, stream: Stream, *index: int) -> np.random.Generator:
    """Return the random generator of one index of a stream, the same whatever was drawn before."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, *index)))


def changed_odds(probability: float, *, factor: float) -> float:
    """Return a probability whose odds are those of another times a factor: 0 and 1 stay what they are."""
    return probability * factor / (1 - probability + probability * factor)
