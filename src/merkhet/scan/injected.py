"""Halos and rings of known strength on a real tile: where they stand, what they are, and their photons."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_fill_holes, distance_transform_edt
from scipy.optimize import brentq

from merkhet.errors import ConfigError, InputError
from merkhet.scan.footprints import Footprint
from merkhet.scan.images import SkyTile
from merkhet.scan.pyramid import block_sum
from merkhet.simulate.halos.exposure import thin
from merkhet.simulate.halos.layers import REACH_ARCSEC, Layer
from merkhet.simulate.halos.psf import King
from merkhet.simulate.halos.sky import draw_offsets
from merkhet.simulate.halos.sources import Source, draw_cloudy_sightline, draw_sightline, flare, log_uniform, steady
from merkhet.simulate.halos.sphere import offset, ra_dec, unit_vectors
from merkhet.simulate.halos.truth import CORE_ARCSEC, Signal, measure

FloatArray = npt.NDArray[np.float64]

LEAST_MARGIN_ARCSEC = 90.0
"""No source stands nearer to the edge, or to another one."""
RING_RADIUS_ARCSEC = (90.0, 3600.0)
ROOM_PX = 8
"""Side of the blocks of pixels in which the way to the edge is measured."""
TRIES = 200
SNR_LIMITS = (0.1, 1000.0)


@dataclass(frozen=True)
class Injection:
    """What is put into images.

    Attributes
    ----------
    number
        Sources in all.
    snr
        Limits of the signal to noise ratio of :func:`merkhet.simulate.halos.truth.measure`; its logarithm is uniform.
    kind
        ``halo``, ``ring``, or either with equal chance.
    per_image
        Sources in one copy of an image; :func:`sensible_number` where absent.
    psf
        Point-spread function.

    Raises
    ------
    ConfigError
        An option is out of its range.
    """

    number: int = 50
    snr: tuple[float, float] = (10.0, 30.0)
    kind: Literal["halo", "ring", "both"] = "halo"
    per_image: int | None = None
    psf: King = field(default_factory=King)

    def __post_init__(self) -> None:
        if self.number < 1 or (self.per_image is not None and self.per_image < 1):
            raise ConfigError(f"number {self.number}, per image {self.per_image}; expected 1 or more")
        if not SNR_LIMITS[0] <= self.snr[0] <= self.snr[1] <= SNR_LIMITS[1]:
            raise ConfigError(f"snr is {self.snr[0]:g} to {self.snr[1]:g}; expected rising, {SNR_LIMITS[0]:g} to 1000")
        if not (self.psf.core_arcsec > 0 and self.psf.alpha > 1):
            shape = f"core {self.psf.core_arcsec:g}, alpha {self.psf.alpha:g}"
            raise ConfigError(f"psf has {shape}; expected a core above 0 arcsec and an alpha above 1")


@dataclass(frozen=True)
class Injected:
    """A source that was put into an image: what it is, its truth, and its unit vector."""

    source: Source
    signal: Signal
    position: FloatArray


class Canvas:
    """A tile that sources can be put into.

    Parameters
    ----------
    tile
        With world coordinates.

    Raises
    ------
    InputError
        It has none: sources have their sizes and positions on the sky.
    """

    def __init__(self, tile: SkyTile) -> None:
        if tile.wcs is None:
            raise InputError(tile.path, "has no celestial WCS", expected="one: sources stand on the sky")
        self.tile = tile
        self._footprint = Footprint(tile.id, tile.wcs, tile.shape)
        # Gaps between chips are no edge: a halo reaches across them.
        seen = block_sum(tile.valid.astype(np.float32), ROOM_PX) >= 0.5 * ROOM_PX**2
        room = distance_transform_edt(np.pad(binary_fill_holes(seen), 1))[1:-1, 1:-1]
        self.room_arcsec = np.asarray(np.where(seen, room, 0) * ROOM_PX * tile.pixel_arcsec)
        """Distance of each block of pixels from the edge of what was observed."""

    @property
    def center(self) -> FloatArray:
        """Unit vector of the middle of the image."""
        rows, columns = self.tile.shape
        ra, dec = self._footprint.sky(np.array([0.5 * (columns - 1)]), np.array([0.5 * (rows - 1)]))
        return np.asarray(unit_vectors(ra, dec)[0])

    @property
    def square_degrees(self) -> float:
        """Area that was observed."""
        return float(self.tile.valid.sum() * (self.tile.pixel_arcsec / 3600) ** 2)

    def exposure(self, vectors: FloatArray) -> FloatArray:
        """Return the exposure at unit vectors ``(..., 3)``, 0 off the tile."""
        return self._at(self.tile.exposure, vectors)

    def background(self, vectors: FloatArray) -> FloatArray:
        """Return the expected background in counts per pixel at unit vectors ``(..., 3)``, 0 off the tile."""
        return self._at(self.tile.background, vectors)

    def place(self, rng: np.random.Generator, *, margin_arcsec: float, taken: list[FloatArray]) -> FloatArray | None:
        """Draw a position with room around it, away from others; None where a few hundred tries find none."""
        row, column = np.nonzero(self.room_arcsec >= margin_arcsec)
        if not len(row):
            return None
        for choice in rng.integers(len(row), size=TRIES):
            x, y = ROOM_PX * np.array([column[choice], row[choice]]) + rng.uniform(-0.5, ROOM_PX - 0.5, 2)
            ra, dec = self._footprint.sky(np.array([x]), np.array([y]))
            position = unit_vectors(ra, dec)[0]
            apart = max(margin_arcsec, LEAST_MARGIN_ARCSEC) / 3600 * np.pi / 180
            if self.exposure(position) > 0 and all(position @ other < np.cos(apart) for other in taken):
                return np.asarray(position)
        return None

    def count(self, rng: np.random.Generator, injected: Injected) -> npt.NDArray[np.int32]:
        """Draw the photons of a source as an image ``(y, x)``."""
        most = float(self.tile.exposure.max())
        offsets = draw_offsets(rng, injected.source.layers, seconds=most)
        photons = offset(injected.position, offsets[np.hypot(*offsets.T) < REACH_ARCSEC])
        photons = thin(rng, photons, density=self.exposure, bound=most)
        flat, inside = self._pixels(photons)
        image = np.bincount(flat[inside], minlength=self.tile.counts.size)
        return image.reshape(self.tile.shape).astype(np.int32)

    def _at(self, image: npt.NDArray[np.float32], vectors: FloatArray) -> FloatArray:
        flat, inside = self._pixels(vectors.reshape(-1, 3))
        values = np.where(inside, image.ravel()[flat], 0.0)
        return values.reshape(vectors.shape[:-1])

    def _pixels(self, vectors: FloatArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Return the number of the pixel that each position lies on, and whether there is one."""
        if not len(vectors):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
        x, y = self._footprint.pixels(*ra_dec(vectors))
        rows, columns = self.tile.shape
        inside = (x >= -0.5) & (x < columns - 0.5) & (y >= -0.5) & (y < rows - 0.5)  # NaN fails
        column, row = (np.rint(np.where(inside, values, 0)).astype(np.int64) for values in (x, y))
        return row * columns + column, inside


def sensible_number(canvas: Canvas) -> int:
    """Return how many sources one copy of an image bears: one in a tenth of a square degree, and at least one.

    Then halos of a few arcminutes seldom touch, and the sky between them stays what it was.
    """
    return max(1, int(canvas.square_degrees / 0.1))


def draw_source(rng: np.random.Generator, canvas: Canvas, *, injection: Injection, taken: list[FloatArray]) -> Injected:
    """Draw a source that the tile has room for, as bright as its signal to noise ratio asks for.

    Raises
    ------
    InputError
        The tile has no room for one, or what it takes to reach the ratio is more than a halo can give.
    """
    kind = injection.kind if injection.kind != "both" else ("halo", "ring")[int(rng.integers(2))]
    wanted = log_uniform(rng, injection.snr)
    widest = float(canvas.room_arcsec.max())
    for _ in range(TRIES):
        source = _unit_source(rng, kind, psf=injection.psf, widest_arcsec=widest)
        position = canvas.place(rng, margin_arcsec=max(source.size_arcsec, LEAST_MARGIN_ARCSEC), taken=taken)
        if position is None:
            continue
        injected = _scaled(source, position, canvas, snr=wanted)
        if injected is not None:
            return injected
    raise InputError(
        canvas.tile.path,
        f"no room for a {kind} after {TRIES} tries, {len(taken)} sources stand on it",
        expected=f"{widest:.0f} arcsec to the edge to be enough",
        action="Inject fewer sources per image",
    )


def _unit_source(rng: np.random.Generator, kind: str, *, psf: King, widest_arcsec: float) -> Source:
    """Draw a source that gives a count per second."""
    if kind == "halo":
        return steady(rng, 1.0, sightline=draw_sightline(rng), psf=psf)
    radii = RING_RADIUS_ARCSEC[0], float(np.clip(widest_arcsec, 1.1 * RING_RADIUS_ARCSEC[0], RING_RADIUS_ARCSEC[1]))
    return flare(rng, 1.0, sightline=draw_cloudy_sightline(rng), radius_arcsec=radii, psf=psf)


def _scaled(source: Source, position: FloatArray, canvas: Canvas, *, snr: float) -> Injected | None:
    """Return a source as bright as a ratio asks for; None where no brightness reaches it, as its own wings drown it."""

    def measured(rate: float) -> Signal:
        layers = [_brighter(layer, rate) for layer in source.layers]
        return measure(
            layers,
            center=position,
            exposure=canvas.exposure,
            background=canvas.background,
            pixel_arcsec2=canvas.tile.pixel_arcsec**2,
            max_radius_arcsec=max(float(canvas.room_arcsec.max()), 2 * CORE_ARCSEC),
        )

    def excess(log_rate: float) -> float:
        return float(np.log(max(measured(np.exp(log_rate)).snr, 1e-6) / snr))

    seconds = max(float(canvas.exposure(position)), 1e-9)
    low, high = np.log(1e-2 / seconds), np.log(1e8 / seconds)
    if not excess(low) < 0 < excess(high):
        return None
    rate = float(np.exp(brentq(excess, low, high, xtol=1e-3)))
    layers = tuple(_brighter(layer, rate) for layer in source.layers)
    return Injected(
        replace(source, layers=layers, fluence_counts=rate * source.fluence_counts), measured(rate), position
    )


def _brighter(layer: Layer, times: float) -> Layer:
    return replace(layer, rate=times * layer.rate)
