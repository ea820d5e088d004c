"""Cutouts around one source each: halos and rings, and what is taken for them, of the same counts.

Indices come in slots of two, (0, 1), (2, 3), ...: an absorbed source and a confuser whose expected counts inside the
image are the same, in random order. A few slots are one sightline.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import numpy.typing as npt

from merkhet.simulate.halos.clouds import DustModel, draw_clouds, draw_model
from merkhet.simulate.halos.confusers import CONFUSERS
from merkhet.simulate.halos.exposure import Coverage
from merkhet.simulate.halos.layers import Layer, point
from merkhet.simulate.halos.psf import King
from merkhet.simulate.halos.sky import BRIGHTEST_COUNTS, FAINTEST_COUNTS, draw_offsets, draw_power_law, field_density
from merkhet.simulate.halos.sources import Source, confuser, flare, log_uniform, steady
from merkhet.simulate.halos.sphere import FloatArray, offset, unit_vectors
from merkhet.simulate.halos.streams import Stream, generator
from merkhet.simulate.halos.tiles import Frame
from merkhet.simulate.halos.truth import Signal, measure

MAX_CUTOUT_PX = 512
PER_SIGHTLINE = 8  # images: four slots
COUNTS = (40.0, 20_000.0)  # of a source inside the image
RING_SHARE = 0.2  # of the absorbed sources
BACKGROUND_SHARE, WINGS_SHARE = 0.1, 0.3  # of the confusers; the others share the rest
SCARRED_SHARE = 0.15  # of all images: a chip gap or the edge of the exposure
POINTING_SCATTER = 0.06  # of the field, one sigma
MAX_DEC = 60.0
MIN_EXPOSURE = 0.2  # of the exposure at the ecliptic equator
ANOTHER = 1_000_003  # steps to the next place of a sightline whose first lies in an outage
MIN_SHARE = 0.02  # of a source's light that falls on the image, at least, when its brightness is set
# The additive recurrence of Roberts (2018): 1/g and 1/g^2, where g^3 = g + 1. Its points keep apart.
RECURRENCE = 1.32471795724474602596 ** -np.array([1.0, 2.0])


@dataclass(frozen=True)
class Cutout:
    """An image, and what it shows.

    Attributes
    ----------
    counts, exposure, background
        ``(y, x)`` float32: photons; seconds; expected counts of the background.
    frame
        Where it lies.
    source
        The source in the middle, or None for background alone.
    position
        Unit vector of the source.
    dust
        Of an absorbed source.
    signal
        What can be seen of its halo or ring.
    scar
        ``chip_gap``, ``exposure_edge``, or empty.
    sightline
        Number of its sightline: images of one never stand on two sides of a split.
    """

    counts: npt.NDArray[np.float32]
    exposure: npt.NDArray[np.float32]
    background: npt.NDArray[np.float32]
    frame: Frame
    source: Source | None
    position: FloatArray
    dust: DustModel | None
    signal: Signal
    scar: str
    sightline: int

    @property
    def kind(self) -> str:
        """``halo``, ``ring``, ``background`` or the name of a confuser."""
        return "background" if self.source is None else self.source.kind


@dataclass(frozen=True)
class _Stage:
    """An empty image: where it lies and how long it was exposed, ``(y, x)`` in seconds and counts."""

    frame: Frame
    exposure: npt.NDArray[np.float32]
    background: npt.NDArray[np.float32]
    scar: str

    def _look_up(self, values: npt.NDArray[np.float32], vectors: FloatArray) -> FloatArray:
        """Return the values of a map at positions ``(..., 3)``; 0 outside the image."""
        flat = vectors.reshape(-1, 3)
        inside = self.frame.inside(flat)
        x, y = (np.rint(pixel).astype(int) for pixel in self.frame.pixels(flat[inside]))
        found = np.zeros(len(flat))
        found[inside] = values[y, x]
        return found.reshape(vectors.shape[:-1])

    def exposure_at(self, vectors: FloatArray) -> FloatArray:
        """Return seconds at positions ``(..., 3)``."""
        return self._look_up(self.exposure, vectors)

    def background_at(self, vectors: FloatArray) -> FloatArray:
        """Return expected counts per pixel at positions ``(..., 3)``."""
        return self._look_up(self.background, vectors)

    def photons(self, rng: np.random.Generator, layers: tuple[Layer, ...], position: FloatArray) -> FloatArray:
        """Draw the photons of a source that are detected, unit vectors ``(n, 3)``."""
        bound = float(self.exposure.max())
        photons = offset(position, draw_offsets(rng, layers, seconds=bound))
        return photons[rng.uniform(size=len(photons)) * bound < self.exposure_at(photons)]


def cutouts(slot: int, *, coverage: Coverage) -> Iterator[Cutout]:
    """Make the images ``2 * slot`` and ``2 * slot + 1``, in this order."""
    rng = generator(coverage.seed, Stream.CUTOUT, slot)
    first_index, absorbed_first = 2 * slot, bool(rng.uniform() < 0.5)
    sightline = first_index // PER_SIGHTLINE
    clouds = draw_clouds(generator(coverage.seed, Stream.SIGHTLINE, sightline))
    target = log_uniform(rng, COUNTS)
    for index in (first_index, first_index + 1):
        stage = _stage(rng, index, coverage=coverage)
        middle = 0.5 * (coverage.survey.size_px - 1)
        place = middle + POINTING_SCATTER * coverage.survey.size_px * rng.normal(size=2)
        position = stage.frame.vectors(*place)
        dust, source = None, None
        if absorbed_first == (index == first_index):
            dust = draw_model(rng, clouds)
            source = _absorbed(rng, dust, field_arcsec=coverage.survey.side_deg * 3600)
        else:
            source = _confuser(rng)
        if source is not None:
            source = _scaled(rng, source, target=target, stage=stage, position=position)
        yield _observe(rng, source, stage=stage, position=position, dust=dust, sightline=sightline)


def _stage(rng: np.random.Generator, index: int, *, coverage: Coverage) -> _Stage:
    """Choose a piece of sky near the sightline, and expose it."""
    sightline, place = divmod(index, PER_SIGHTLINE)
    frame = Frame(_places(sightline, coverage=coverage)[place], coverage.survey)
    exposure, background = frame.maps(coverage)
    scar = ""
    if rng.uniform() < SCARRED_SHARE:
        scar = "chip_gap" if rng.uniform() < 0.5 else "exposure_edge"
        mask = _scar(rng, scar, size=coverage.survey.size_px)
        exposure, background = exposure * mask, background * mask
    return _Stage(frame, exposure, background, scar)


def _places(sightline: int, *, coverage: Coverage) -> FloatArray:
    """Return the middles of the images of a sightline, ``(8, 3)``: side by side, on sky that was exposed.

    An image without exposure is black, and all would know it for a negative.
    """
    start = generator(coverage.seed, Stream.LAYOUT).uniform(size=2)
    step, place = 1.1 * coverage.survey.side_deg * 3600, np.arange(PER_SIGHTLINE)
    corners = np.stack([place % 4 * step, place // 4 * step], axis=-1)
    for attempt in count():
        across, up = (start + (sightline + attempt * ANOTHER) * RECURRENCE) % 1
        sine = np.sin(np.deg2rad(MAX_DEC)) * (2 * up - 1)
        places = offset(unit_vectors(360 * across, np.rad2deg(np.arcsin(sine))), corners)
        if coverage.exposure(places).min() > MIN_EXPOSURE * coverage.survey.exposure_s:
            return places
    raise AssertionError("the count never ends")


def _scar(rng: np.random.Generator, kind: str, *, size: int) -> npt.NDArray[np.float32]:
    """Return what is left of the exposure, ``(y, x)``: next to nothing in a strip, or less on one side of a line."""
    angle, across = rng.uniform(0, 2 * np.pi), rng.uniform(-0.35, 0.35) * size
    y, x = np.mgrid[:size, :size] - 0.5 * (size - 1)
    distance = x * np.cos(angle) + y * np.sin(angle) - across
    if kind == "chip_gap":
        return np.where(np.abs(distance) < rng.uniform(1.5, 4), rng.uniform(0, 0.2), 1.0).astype(np.float32)
    return np.where(distance > 0, rng.choice([0.0, rng.uniform(0.1, 0.7)]), 1.0).astype(np.float32)


def _absorbed(rng: np.random.Generator, dust: DustModel, *, field_arcsec: float) -> Source:
    """Return an absorbed source at unit rate: steady, or with the rings of a flare where there is a cloud."""
    if dust.sightline.clouds and rng.uniform() < RING_SHARE:
        limits = (0.1 * field_arcsec, 0.42 * field_arcsec)
        return flare(rng, 1.0, sightline=dust.sightline, radius_arcsec=limits)
    return steady(rng, 1.0, sightline=dust.sightline)


def _confuser(rng: np.random.Generator) -> Source | None:
    """Return a confuser at unit rate, or None for background alone."""
    others = [kind for kind in CONFUSERS if kind != "wings"]
    kinds = ["background", "wings", *others]
    rest = (1 - BACKGROUND_SHARE - WINGS_SHARE) / len(others)
    kind = str(rng.choice(kinds, p=[BACKGROUND_SHARE, WINGS_SHARE, *[rest] * len(others)]))
    return None if kind == "background" else confuser(rng, 1.0, kind=kind)


def _scaled(rng: np.random.Generator, source: Source, *, target: float, stage: _Stage, position: FloatArray) -> Source:
    """Return a source of the brightness that puts ``target`` expected counts on the image."""
    total = sum(layer.rate for layer in source.layers)
    sample = offset(position, draw_offsets(rng, source.layers, seconds=2000 / total))
    share = max(float(stage.frame.inside(sample).mean()), MIN_SHARE)
    survey = stage.frame.survey
    factor = target / (share * total * survey.exposure_s)
    layers = tuple(replace(layer, rate=factor * layer.rate) for layer in source.layers)
    return replace(source, layers=layers, fluence_counts=factor * source.fluence_counts)


def _observe(
    rng: np.random.Generator,
    source: Source | None,
    *,
    stage: _Stage,
    position: FloatArray,
    dust: DustModel | None,
    sightline: int,
) -> Cutout:
    layers = () if source is None else source.layers
    counts = rng.poisson(stage.background) + stage.frame.count(_field(rng, stage))
    if source is not None:
        counts += stage.frame.count(stage.photons(rng, layers, position))
    survey = stage.frame.survey
    signal = measure(
        layers,
        center=position,
        exposure=stage.exposure_at,
        background=stage.background_at,
        pixel_arcsec2=survey.pixel_arcsec2,
        max_radius_arcsec=survey.side_deg * 3600 * np.sqrt(0.5),
    )
    return Cutout(
        counts=counts.astype(np.float32),
        exposure=stage.exposure,
        background=stage.background,
        frame=stage.frame,
        source=source,
        position=position,
        dust=dust,
        signal=signal,
        scar=stage.scar,
        sightline=sightline,
    )


def _field(rng: np.random.Generator, stage: _Stage) -> FloatArray:
    """Draw the photons of unrelated point sources on and just beside the image, unit vectors ``(n, 3)``."""
    survey, side = stage.frame.survey, 1.5 * stage.frame.survey.side_deg
    density = field_density(FAINTEST_COUNTS) - field_density(BRIGHTEST_COUNTS)
    counts = draw_power_law(rng, rng.poisson(density * side**2), (FAINTEST_COUNTS, BRIGHTEST_COUNTS))
    places = offset(stage.frame.center, 3600 * side * (rng.uniform(size=(len(counts), 2)) - 0.5))
    photons = [np.empty((0, 3))]
    for brightness, place in zip(counts, places, strict=True):
        layer = point(float(brightness) / survey.exposure_s, psf=King.drawn(rng))
        photons.append(stage.photons(rng, (layer,), place))
    return np.concatenate(photons)
