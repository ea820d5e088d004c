"""Showers that the array records, one after another, as blocks of events."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from merkhet.io.cherenkov.cleaning import TailCuts, clean
from merkhet.io.cherenkov.hillas import image_parameters
from merkhet.io.cherenkov.simulated import EventBlock, TypeImages, concatenate
from merkhet.simulate.cherenkov.array import Array
from merkhet.simulate.cherenkov.atmosphere import height
from merkhet.simulate.cherenkov.cascades import Emitters, emitters
from merkhet.simulate.cherenkov.interactions import begin
from merkhet.simulate.cherenkov.light import Sources, View, photo_electrons
from merkhet.simulate.cherenkov.muons import draw_muons
from merkhet.simulate.cherenkov.observation import PRIMARIES, FloatArray, Observation
from merkhet.simulate.cherenkov.primaries import Showers, throw
from merkhet.simulate.cherenkov.response import PixelLookup, count_photons, respond, triggers

THROWN_AT_ONCE = 256
MIN_TELESCOPES = 2


@dataclass(frozen=True, eq=False)
class Instrument:
    """An array with what is worked out once for each of its cameras."""

    array: Array
    lookups: tuple[PixelLookup, ...]
    neighbors: tuple[npt.NDArray[np.int64], ...]

    @classmethod
    def of(cls, array: Array) -> "Instrument":
        """Prepare an array."""
        cameras = [kind.camera for kind in array.subarray.types]
        return cls(
            array, tuple(map(PixelLookup, cameras)), tuple(camera.neighbors(diagonal=False) for camera in cameras)
        )


class Stream:
    """An endless run of recorded events of one primary, and how many showers were thrown for them.

    Attributes
    ----------
    thrown
        Showers thrown up to the last event that was taken.
    """

    def __init__(
        self, primary: str, *, instrument: Instrument, observation: Observation, rng: np.random.Generator
    ) -> None:
        self.thrown = 0
        self._batches = _batches(primary, instrument=instrument, observation=observation, rng=rng)
        self._waiting: list[tuple[EventBlock, npt.NDArray[np.int64]]] = []

    def take(self, n: int) -> EventBlock:
        """Return the next ``n`` events; their ids are the numbers of their showers among those thrown, from 1."""
        while sum(len(block) for block, _ in self._waiting) < n or not self._waiting:
            self._waiting.append(next(self._batches))
        block = concatenate([block for block, _ in self._waiting])
        number = np.concatenate([number for _, number in self._waiting])
        if n:
            self.thrown = int(number[n - 1])
        rest = np.arange(n, len(block))
        self._waiting = [(block.take(rest), number[n:])]
        return block.take(np.arange(n))


def _batches(
    primary: str, *, instrument: Instrument, observation: Observation, rng: np.random.Generator
) -> Iterator[tuple[EventBlock, npt.NDArray[np.int64]]]:
    """Yield the recorded events of one batch of showers after another, with the numbers of their showers."""
    thrown = 0
    while True:
        showers = throw(THROWN_AT_ONCE, primary=primary, observation=observation, rng=rng)
        block = record(showers, instrument=instrument, pointing=observation.pointing, rng=rng)
        number = thrown + block.event_id + 1
        thrown += THROWN_AT_ONCE
        yield EventBlock(block.obs_id, number, block.truth, block.images), number


def record(showers: Showers, *, instrument: Instrument, pointing: FloatArray, rng: np.random.Generator) -> EventBlock:
    """Return the showers that trigger two telescopes or more; ``event_id`` is their row among ``showers``."""
    begun = begin(showers, rng=rng)
    sources = Sources(showers, emitters(showers, begun.cascades, rng=rng), draw_muons(showers, rng=rng))
    subarray = instrument.array.subarray
    images = {
        kind.name: _images(place, sources, instrument=instrument, pointing=pointing, rng=rng)
        for place, kind in enumerate(subarray.types)
    }
    truth = _truth(showers, sources.emitters, begun.first_depth)
    everything = EventBlock(np.zeros(len(showers), dtype=np.int64), np.arange(len(showers)), truth, images)
    recorded = np.flatnonzero(everything.triggered(subarray).sum(axis=1) >= MIN_TELESCOPES)
    return everything.take(recorded)


def _images(
    place: int, sources: Sources, *, instrument: Instrument, pointing: FloatArray, rng: np.random.Generator
) -> TypeImages:
    """Return the images of the telescopes of one type that trigger."""
    subarray, detector = instrument.array.subarray, instrument.array.detectors[place]
    kind, neighbors = subarray.types[place], instrument.neighbors[place]
    view = View(kind, detector, subarray.positions(kind.name), pointing)
    photons = photo_electrons(sources, view=view, rng=rng)
    true, mean_time = count_photons(photons, instrument.lookups[place])
    # Without three pixels of two photo-electrons no noise makes a trigger: nothing is drawn for most telescopes.
    bright = np.flatnonzero((true >= 2).sum(axis=1) >= 3)
    image = respond(true[bright], mean_time[bright], detector=detector, rng=rng)
    fired = np.flatnonzero(triggers(image.charge, neighbors=neighbors, threshold_pe=detector.trigger_pe))
    charge, time = image.charge[fired], image.time[fired]
    mask = clean(charge, neighbors=neighbors, cuts=TailCuts())
    chosen = bright[fired]
    return TypeImages(
        photons.shower[chosen],
        subarray.slots(kind.name)[photons.telescope[chosen]],
        charge,
        time,
        mask,
        image.true[fired],
        image_parameters(charge, time, mask, kind=kind),
    )


def _truth(showers: Showers, shining: Emitters, first_depth: FloatArray) -> dict[str, npt.NDArray[Any]]:
    return {
        "shower_primary_id": np.full(len(showers), PRIMARIES[showers.primary]),
        "energy": showers.energy,
        "alt": showers.alt,
        "az": showers.az,
        "core_x": showers.core_x,
        "core_y": showers.core_y,
        "h_first_int": height(first_depth * showers.origin[:, 2]),
        "x_max": deepest(shining, showers=len(showers)),
    }


def deepest(shining: Emitters, *, showers: int) -> FloatArray:
    """Return the slant depth ``(n,)``, g/cm2, at which each shower shines most, to some 10 g/cm2; 0 where none does."""
    step, steps = 20.0, 80
    part = np.minimum((shining.depth / step).astype(np.int64), steps - 1)
    profile = np.bincount(shining.shower * steps + part, shining.photons, minlength=showers * steps)
    smooth = gaussian_filter1d(profile.reshape(showers, steps), 3.0, axis=1, mode="constant")
    return np.where(smooth.any(axis=1), (smooth.argmax(axis=1) + 0.5) * step, 0.0)
