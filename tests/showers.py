"""Simulated events of a Cherenkov array for tests: made once a session, read and never changed."""

from functools import cache

import numpy as np

from merkhet.evaluate.cherenkov.images import ImageTable, images_of_block
from merkhet.io.cherenkov.simulated import EventBlock
from merkhet.simulate.cherenkov import Observation, observe
from merkhet.simulate.cherenkov.array import Array, built_in_cameras, make_array
from merkhet.simulate.cherenkov.recording import Instrument

POINTING = Observation().pointing


@cache
def array() -> Array:
    """The built-in array."""
    return make_array(built_in_cameras())


@cache
def instrument() -> Instrument:
    """The same, ready to record."""
    return Instrument.of(array())


@cache
def events(n: int, *, seed: int = 1) -> EventBlock:
    """Some events of the default observation."""
    return observe(n, seed=seed, instrument=instrument())


@cache
def image_table(n: int, *, seed: int = 1) -> ImageTable:
    """The parameters of their images."""
    return images_of_block(events(n, seed=seed), subarray=array().subarray, pointing=POINTING)


def predictions(n: int, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Columns of answers that know something, beside the truth."""
    rng = np.random.default_rng(seed)
    gamma = rng.random(n) < 0.5
    energy = 10 ** rng.uniform(-1, 1, n)
    return {
        "true_particle": np.where(gamma, "gamma", "proton"),
        "gammaness": np.clip(0.5 + 0.2 * (2 * gamma - 1) + 0.25 * rng.standard_normal(n), 0, 1).round(2),
        "true_energy": energy,
        "energy": energy * np.exp(0.05 + 0.2 * rng.standard_normal(n)),
        "true_alt": np.full(n, 70.0),
        "true_az": np.full(n, 180.0),
        "alt": 70 + 0.1 * rng.standard_normal(n),
        "az": 180 + 0.1 * rng.standard_normal(n) / np.cos(np.deg2rad(70)),
    }
