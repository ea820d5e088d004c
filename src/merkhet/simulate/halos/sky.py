"""The sky that all tiles of a survey share: cells of a square degree, each drawn from the seed and its own number.

A photon is drawn once, at its place on the sky, and lands on whichever tiles cover that place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from merkhet.simulate.halos.dust import Dust, halo_fraction, scattering_depth
from merkhet.simulate.halos.exposure import Coverage, thin
from merkhet.simulate.halos.layers import REACH_ARCSEC, Layer
from merkhet.simulate.halos.psf import ALPHA_RANGE, CORE_ARCSEC, CORE_SCATTER, around, king_radius
from merkhet.simulate.halos.sources import POPULATIONS, Sightline, Source, log_uniform, steady
from merkhet.simulate.halos.spectrum import Spectrum
from merkhet.simulate.halos.sphere import FloatArray, offset, ra_dec, sin_galactic_latitude, unit_vectors
from merkhet.simulate.halos.streams import Stream, generator

CELL_DEG = 1.0
BANDS = round(180 / CELL_DEG)
CELL_REACH_DEG = 0.75  # from the middle of a cell to its corners
EXTRAGALACTIC_KPC = 1e6

# Unrelated sources: N(>C) a square degree, a power law through the density of the catalog of the first survey
# (930,000 sources in half the sky, with about 7 counts at the limit; from memory).
FIELD_DENSITY, FIELD_COUNTS, FIELD_SLOPE = 45.0, 7.0, 1.4
FAINTEST_COUNTS, LISTED_COUNTS, BRIGHTEST_COUNTS = 3.0, 100.0, 3000.0
POLE_COLUMN_CM2, MAX_COLUMN_CM2 = 2.5e20, 1e22  # of the Galaxy, a slab: over the sine of latitude


def galactic_column_cm2(vectors: FloatArray) -> FloatArray:
    """Return the column through the Galaxy: that towards its pole over the sine of latitude, 1e22 at most."""
    sine = np.abs(sin_galactic_latitude(vectors))
    return np.minimum(POLE_COLUMN_CM2 / np.maximum(sine, 1e-6), MAX_COLUMN_CM2)


def field_density(counts: float) -> float:
    """Return the number of unrelated sources a square degree above some counts at the ecliptic equator."""
    return FIELD_DENSITY * float((counts / FIELD_COUNTS) ** -FIELD_SLOPE)


@dataclass(frozen=True)
class Placed:
    """A source and where it stands.

    Attributes
    ----------
    name
        Unique in a survey; the same in each tile that the source falls on.
    position
        Unit vector.
    source
        What it is.
    """

    name: str
    position: FloatArray
    source: Source


@dataclass(frozen=True)
class Cell:
    """A square degree of the sky.

    Attributes
    ----------
    band, place
        Number of its band of declination from the south, and its number within the band.
    coverage
        Exposure and background.
    """

    band: int
    place: int
    coverage: Coverage

    def _rng(self, stream: Stream, *index: int) -> np.random.Generator:
        return generator(self.coverage.seed, stream, self.band, self.place, *index)

    @cached_property
    def middle(self) -> FloatArray:
        """Unit vector of the middle."""
        return unit_vectors((self.place + 0.5) * 360 / cells_in_band(self.band), (self.band + 0.5) * CELL_DEG - 90)

    @cached_property
    def square_degrees(self) -> float:
        """Solid angle."""
        low, high = np.sin(np.deg2rad([self.band * CELL_DEG - 90, (self.band + 1) * CELL_DEG - 90]))
        return float(360 / cells_in_band(self.band) * np.rad2deg(high - low))

    def _positions(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw unit vectors ``(n, 3)`` evenly over the cell."""
        ra = (self.place + rng.uniform(size=n)) * 360 / cells_in_band(self.band)
        low, high = np.sin(np.deg2rad([self.band * CELL_DEG - 90, (self.band + 1) * CELL_DEG - 90]))
        return unit_vectors(ra, np.rad2deg(np.arcsin(rng.uniform(low, high, n))))

    def background_photons(self) -> FloatArray:
        """Draw the photons of the background, unit vectors ``(n, 3)``."""
        rng, survey = self._rng(Stream.CELL_BACKGROUND), self.coverage.survey
        bound = self.coverage.background_bound(self.middle[None], margin_deg=CELL_REACH_DEG)
        pixels = self.square_degrees * 3600**2 / survey.pixel_arcsec2
        photons = self._positions(rng, int(rng.poisson(bound * pixels)))
        return thin(rng, photons, density=self.coverage.background, bound=bound)

    def field_photons(self) -> FloatArray:
        """Draw the photons of the faint unrelated sources, with the slight halos that the Galaxy gives them."""
        rng, survey = self._rng(Stream.CELL_FIELD), self.coverage.survey
        number = rng.poisson((field_density(FAINTEST_COUNTS) - field_density(LISTED_COUNTS)) * self.square_degrees)
        centers = self._positions(rng, number)
        counts = draw_power_law(rng, number, (FAINTEST_COUNTS, LISTED_COUNTS))
        bound = self.coverage.bound(self.middle[None], margin_deg=CELL_REACH_DEG + REACH_ARCSEC / 3600)
        owner = np.repeat(np.arange(number), rng.poisson(counts * bound / survey.exposure_s))
        core = CORE_ARCSEC * rng.uniform(1 - CORE_SCATTER, 1 + CORE_SCATTER, number)[owner]
        alpha = rng.uniform(*ALPHA_RANGE, number)[owner]
        offsets = around(rng, king_radius(rng.uniform(size=len(owner)), core_arcsec=core, alpha=alpha))
        spectrum = Spectrum(2.0, float(galactic_column_cm2(self.middle)))
        energy = spectrum.draw_energies(rng, len(owner), scattered=False)
        scattered = rng.uniform(size=len(owner)) < halo_fraction(scattering_depth(spectrum.n_h_cm2, energy))
        offsets[scattered] += around(rng, Dust.screen(0.0).draw_angles(rng, energy[scattered]))
        return self._expose(rng, centers[owner], offsets, bound=bound)

    def sources(self) -> list[Placed]:
        """Draw the sources that the table lists: halos, rings, confusers, and the brighter unrelated ones."""
        rng, survey, placed = self._rng(Stream.CELL_SOURCES), self.coverage.survey, []
        for kind, population in POPULATIONS.items():
            for _ in range(rng.poisson(population.per_square_degree * survey.crowding * self.square_degrees)):
                rate = log_uniform(rng, population.counts) / survey.exposure_s
                placed.append((self._positions(rng, 1)[0], population.make(rng, rate), kind))
        bright = (field_density(LISTED_COUNTS) - field_density(BRIGHTEST_COUNTS)) * self.square_degrees
        for counts in draw_power_law(rng, rng.poisson(bright), (LISTED_COUNTS, BRIGHTEST_COUNTS)):
            position = self._positions(rng, 1)[0]
            way = Sightline(Dust.screen(0.0), float(galactic_column_cm2(position)), EXTRAGALACTIC_KPC)
            rate = float(counts) / survey.exposure_s
            placed.append((position, steady(rng, rate, sightline=way, kind="point"), "point"))
        return [
            Placed(f"{kind}_{self.band:03d}_{self.place:03d}_{number:02d}", position, source)
            for number, (position, source, kind) in enumerate(placed)
        ]

    def source_photons(self, number: int, placed: Placed) -> FloatArray:
        """Draw the photons of one source of the cell, unit vectors ``(n, 3)``."""
        rng = self._rng(Stream.CELL_SOURCES, number)
        bound = self.coverage.bound(placed.position[None], margin_deg=REACH_ARCSEC / 3600)
        offsets = draw_offsets(rng, placed.source.layers, seconds=bound)
        return self._expose(rng, placed.position, offsets, bound=bound)

    def _expose(
        self, rng: np.random.Generator, centers: FloatArray, offsets: FloatArray, *, bound: float
    ) -> FloatArray:
        """Place photons on the sky and keep those that were exposed and are within reach of their source."""
        near = np.hypot(*offsets.T) < REACH_ARCSEC
        photons = offset(centers if centers.ndim == 1 else centers[near], offsets[near])
        return thin(rng, photons, density=self.coverage.exposure, bound=bound)


def draw_offsets(rng: np.random.Generator, layers: tuple[Layer, ...], *, seconds: float) -> FloatArray:
    """Draw the photons of a source in an exposure: offsets ``(n, 2)`` in arcsec towards east and north."""
    return np.concatenate([layer.draw(rng, int(rng.poisson(layer.rate * seconds))) for layer in layers])


@cache
def cells_in_band(band: int) -> int:
    """Return the number of cells in a band of declination."""
    middle = np.deg2rad((band + 0.5) * CELL_DEG - 90)
    return max(1, round(360 / CELL_DEG * float(np.cos(middle))))


def cells_near(center: FloatArray, *, radius_deg: float, coverage: Coverage) -> Iterator[Cell]:
    """Yield the cells that come within a radius of a position, in an order that depends on their numbers alone."""
    reach = radius_deg + CELL_REACH_DEG
    _, dec = ra_dec(center)
    first, last = (int((float(dec) + 90 + way * reach) // CELL_DEG) for way in (-1, 1))
    for band in range(max(first, 0), min(last, BANDS - 1) + 1):
        places = np.arange(cells_in_band(band))
        middles = unit_vectors((places + 0.5) * 360 / len(places), (band + 0.5) * CELL_DEG - 90)
        for place in places[middles @ center > np.cos(np.deg2rad(min(reach, 180.0)))]:
            yield Cell(band, int(place), coverage)


def draw_power_law(rng: np.random.Generator, n: int, limits: tuple[float, float]) -> FloatArray:
    """Draw counts with the cumulative slope of the unrelated sources."""
    low, high = (limit**-FIELD_SLOPE for limit in limits)
    return np.asarray(rng.uniform(high, low, n) ** (-1 / FIELD_SLOPE))
