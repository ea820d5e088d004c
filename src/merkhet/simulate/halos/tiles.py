"""Survey tiles: counts, exposure and background of a square of sky, and where the tiles of a survey lie."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from merkhet import __version__
from merkhet.simulate.halos.exposure import Coverage
from merkhet.simulate.halos.layers import REACH_ARCSEC
from merkhet.simulate.halos.sky import Placed, cells_near
from merkhet.simulate.halos.sphere import FloatArray, frame, ra_dec, unit_vectors
from merkhet.simulate.halos.streams import Stream, generator
from merkhet.simulate.halos.survey import Survey

MAX_FIRST_DEC = 30.0  # degrees: far enough from the poles for a block of tiles
MAX_TILES = 400
NODE_PX = 8  # exposure is computed on every eighth pixel and linear between


@dataclass(frozen=True, eq=False)
class Frame:
    """A square image of the sky in orthographic projection.

    Attributes
    ----------
    center
        Unit vector of its middle.
    survey
        Its size and scale.
    """

    center: FloatArray
    survey: Survey

    def pixels(self, vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return 0-based pixel coordinates ``(x, y)`` of positions ``(n, 3)``; NaN on the far side of the sky.

        SIN projection (Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.5): x runs towards the west.
        """
        east, north = frame(self.center)
        scale = np.deg2rad(self.survey.pixel_scale_arcsec / 3600)
        seen = np.where(vectors @ self.center > 0, 1.0, np.nan)
        middle = 0.5 * (self.survey.size_px - 1)
        return middle - seen * (vectors @ east) / scale, middle + seen * (vectors @ north) / scale

    def vectors(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return unit vectors ``(..., 3)`` of 0-based pixel coordinates."""
        east, north = frame(self.center)
        scale = np.deg2rad(self.survey.pixel_scale_arcsec / 3600)
        middle = 0.5 * (self.survey.size_px - 1)
        west, up = (np.asarray(x) - middle) * scale, (np.asarray(y) - middle) * scale
        depth = np.sqrt(1 - west**2 - up**2)
        return np.asarray(depth[..., None] * self.center - west[..., None] * east + up[..., None] * north)

    def inside(self, vectors: FloatArray, *, margin_px: float = 0.0) -> npt.NDArray[np.bool_]:
        """Tell which positions ``(n, 3)`` lie on the image, at least a margin from its edge."""
        low, high = margin_px - 0.5, self.survey.size_px - 0.5 - margin_px
        x, y = self.pixels(vectors)
        return np.asarray((x >= low) & (x < high) & (y >= low) & (y < high))

    def count(self, photons: FloatArray) -> npt.NDArray[np.int32]:
        """Return the image ``(y, x)`` of photons ``(n, 3)``."""
        size = self.survey.size_px
        x, y = (np.rint(values).astype(np.int64) for values in self.pixels(photons[self.inside(photons)]))
        return np.bincount(y * size + x, minlength=size * size).reshape(size, size).astype(np.int32)

    def maps(self, coverage: Coverage) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the vignetted exposure in seconds and the expected background in counts per pixel, ``(y, x)``."""
        nodes = np.linspace(0, self.survey.size_px - 1, -(-(self.survey.size_px - 1) // NODE_PX) + 1)
        x, y = np.meshgrid(nodes, nodes)
        places = self.vectors(x, y)
        exposure, background = (
            _between(function(places), nodes=nodes, size=self.survey.size_px)
            for function in (coverage.exposure, coverage.background)
        )
        return exposure, background

    def header(self, *, name: str, unit: str) -> fits.Header:
        """Describe an image: world coordinates, unit, origin."""
        header = fits.Header()
        header["OBJECT"] = name
        header["ORIGIN"] = (f"merkhet {__version__}", "simulated, not observed")
        header["BUNIT"] = unit
        header["RADESYS"] = "ICRS"
        step, middle = self.survey.pixel_scale_arcsec / 3600, 0.5 * (self.survey.size_px + 1)
        axes = zip(("RA---SIN", "DEC--SIN"), ra_dec(self.center), (-step, step), strict=True)
        for axis, (kind, value, width) in enumerate(axes, start=1):
            header[f"CTYPE{axis}"], header[f"CUNIT{axis}"] = kind, "deg"
            header[f"CRVAL{axis}"], header[f"CRPIX{axis}"], header[f"CDELT{axis}"] = float(value), middle, width
        return header


def _between(values: FloatArray, *, nodes: FloatArray, size: int) -> npt.NDArray[np.float32]:
    """Interpolate a square grid linearly to every pixel."""
    pixels = np.arange(size, dtype=np.float64)
    left = np.clip(np.searchsorted(nodes, pixels, side="right") - 1, 0, len(nodes) - 2)
    share = ((pixels - nodes[left]) / (nodes[left + 1] - nodes[left])).astype(np.float32)
    grid = values.astype(np.float32)
    rows = grid[left] * (1 - share)[:, None] + grid[left + 1] * share[:, None]
    # take() keeps rows together in memory, which indexing by [:, left] does not: FITS wants them so.
    columns = np.take(rows, left, axis=1) * (1 - share) + np.take(rows, left + 1, axis=1) * share
    return np.asarray(columns, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Tile:
    """One tile of a survey.

    Attributes
    ----------
    index
        Its number; it says where the tile lies.
    coverage
        Survey, seed, exposure and background of the whole sky.
    """

    index: int
    coverage: Coverage

    @cached_property
    def frame(self) -> Frame:
        """The image that it is."""
        return Frame(
            tile_center(self.index, seed=self.coverage.seed, survey=self.coverage.survey), self.coverage.survey
        )

    @property
    def number(self) -> str:
        """Right ascension and polar distance of the center in whole degrees, three digits each."""
        ra, dec = ra_dec(self.frame.center)
        return f"{round(float(ra)) % 360:03d}{round(90 - float(dec)):03d}"

    def observe(self) -> tuple[FloatArray, list[Placed]]:
        """Draw the sky around the tile.

        Returns
        -------
        photons
            Unit vectors ``(n, 3)`` of the photons that fall on the tile.
        sources
            The listed sources that have at least one of them, and those that stand on the tile without.
        """
        half_diagonal = self.coverage.survey.side_deg * np.sqrt(0.5)
        photons, sources = [], []
        for cell in cells_near(
            self.frame.center, radius_deg=half_diagonal + REACH_ARCSEC / 3600, coverage=self.coverage
        ):
            for faint in (cell.background_photons(), cell.field_photons()):
                photons.append(faint[self.frame.inside(faint)])
            for number, placed in enumerate(cell.sources()):
                own = cell.source_photons(number, placed)
                own = own[self.frame.inside(own)]
                photons.append(own)
                if len(own) or self.frame.inside(placed.position[None])[0]:
                    sources.append(placed)
        return np.concatenate(photons), sources


def tile_center(index: int, *, seed: int, survey: Survey) -> FloatArray:
    """Return the unit vector of the middle of a tile: the first somewhere on the sky, the others in rings around it."""
    rng = generator(seed, Stream.LAYOUT)
    ra, dec = rng.uniform(0, 360), rng.uniform(-MAX_FIRST_DEC, MAX_FIRST_DEC)
    column, row = spiral(index)
    dec += row * survey.step_deg
    ra += column * survey.step_deg / np.cos(np.deg2rad(dec))
    return unit_vectors(ra % 360, dec)


def spiral(index: int) -> tuple[int, int]:
    """Return column and row of a step of a square spiral: (0, 0), then the eight around it, then sixteen, ..."""
    if index == 0:
        return 0, 0
    turn = int(np.ceil((np.sqrt(index + 1) - 1) / 2))
    side, place = divmod(index - (2 * turn - 1) ** 2, 2 * turn)
    along = 1 - turn + place
    return ((turn, along), (-along, turn), (-turn, -along), (along, -turn))[side]
