"""Imaging weights, the point-spread function, and the noise of an image."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from merkhet.simulate.beams import FloatArray
from merkhet.simulate.interferometer.grids import Grid, RealMap, Spectrum, mirror
from merkhet.simulate.interferometer.tracks import Tracks


def natural_weights(tracks: Tracks) -> FloatArray:
    """Return weights that make the noise least: those of the measurements themselves."""
    return tracks.weight


def uniform_weights(tracks: Tracks, *, field_px: int) -> FloatArray:
    """Return weights that make the density of all measured cells equal.

    Parameters
    ----------
    field_px
        Side of the field that an imager would weight for; cells are one over it wide.
    """
    density = _density(tracks, field_px=field_px)
    return np.asarray(tracks.weight / density)


def briggs_weights(tracks: Tracks, *, robust: float, field_px: int) -> FloatArray:
    """Return robust weights, w / (1 + f^2 W) with f^2 = (5 10^-R)^2 / (sum W^2 / sum w) (Briggs 1995, section 3.2).

    Parameters
    ----------
    robust
        R: 2 is close to natural, -2 to uniform weights.
    field_px
        Side of the field that an imager would weight for; W is the sum of the weights in a cell of one over it.
    """
    density = _density(tracks, field_px=field_px)
    # The sum of W^2 over cells is that of w W over samples.
    mean_density = float(tracks.weight @ density / tracks.weight.sum())
    return np.asarray(tracks.weight / (1 + (5 * 10.0**-robust) ** 2 / mean_density * density))


def _density(tracks: Tracks, *, field_px: int) -> FloatArray:
    """Return for each sample the sum of the weights in its cell."""
    column, row = np.rint(tracks.k * field_px).astype(np.int64)
    row = np.where(column < 0, -row, row)
    index = np.abs(column) * (np.ptp(row) + 1) + row - row.min()
    return np.asarray(np.bincount(index, weights=tracks.weight)[index])


@dataclass(frozen=True)
class Coverage:
    """What a snapshot measures of each cell, and what it counts in the image.

    Attributes
    ----------
    grid
        The cells.
    tracks
        The samples.
    weights
        Their imaging weights, ``(sample,)``.
    """

    grid: Grid
    tracks: Tracks
    weights: FloatArray

    @classmethod
    def of(cls, tracks: Tracks, weights: FloatArray, *, size_px: int) -> "Coverage":
        """Lay samples on the grid of an image."""
        return cls(Grid.reaching(tracks.k, size_px=size_px), tracks, weights)

    @cached_property
    def response(self) -> RealMap:
        """The Fourier transform of the point-spread function of peak 1, on :attr:`grid`."""
        return np.asarray(self.spread(np.ones(len(self.weights))), dtype=np.float32)

    def spread(self, visibilities: FloatArray | npt.NDArray[np.complex128]) -> npt.NDArray[Any]:
        """Return the spectrum of the image that some visibilities ``(sample,)`` give, each put into its cell, Jy/beam.

        The image is sum w Re(V exp(2 pi i k x)) / sum w.
        """
        half = 0.5 * self.grid.side**2 / self.weights.sum()
        return np.asarray(self.grid.add_up(self.tracks.k, self.weights * visibilities) * half)

    def noise_rms(self, sigma: float) -> float:
        """Return the rms of the image: sigma sqrt(sum w^2) / sum w.

        Parameters
        ----------
        sigma
            Rms of the real component of one baseline over the whole snapshot; the conjugate is not counted. A sample
            that holds the share a of it has sigma / sqrt(a).
        """
        squares = self.weights**2 / self.tracks.weight
        return float(sigma * np.sqrt(squares.sum()) / self.weights.sum())

    @cached_property
    def _noise_scale(self) -> tuple[npt.NDArray[np.int64], RealMap]:
        """Measured cells, as flat indices, and the rms of the components of their noise in an image of rms 1."""
        variance = self.grid.add_up(self.tracks.k, self.weights**2 / self.tracks.weight).ravel()
        measured = np.flatnonzero(variance)
        scale = 0.5 * self.grid.side**2 / self.weights.sum() / self.noise_rms(1.0)
        return measured, (scale * np.sqrt(variance[measured])).astype(np.float32)

    def draw_noise(self, rng: np.random.Generator, *, rms: float) -> Spectrum:
        """Draw the spectrum of noise that is independent from cell to cell and has the given rms in the image."""
        measured, scale = self._noise_scale
        parts = rng.standard_normal((len(measured), 2), dtype=np.float32) * (rms * scale)[:, None]
        spectrum = np.zeros(self.grid.shape, dtype=np.complex64)
        spectrum.reshape(-1)[measured] = parts.view(np.complex64)[:, 0]
        first = spectrum[:, 0]
        spectrum[:, 0] = (first + mirror(first).conj()) * np.float32(np.sqrt(0.5))
        return spectrum
