"""The image of a source that lies outside of it: visibilities at the true wavenumbers, gridded with a kernel.

A Fourier transform of the image knows nothing of such a source, and visibilities that are put into the nearest cell let
it come back as a ghost: the kernel keeps that below a thousandth.
"""

import numpy as np
import numpy.typing as npt

from merkhet.simulate.beams import FloatArray
from merkhet.simulate.interferometer.grids import Grid, RealMap, Spectrum
from merkhet.simulate.interferometer.tracks import Tracks
from merkhet.simulate.interferometer.weights import Coverage

KERNEL_CELLS = 5
# "Exponential of a semicircle" (Barnett, Magland & af Klinteberg 2019, SIAM J. Sci. Comput. 41, C479, equation 1.8);
# on a grid twice as wide as the image its error is about 10^(1 - cells) with this beta.
KERNEL_BETA = 2.3 * KERNEL_CELLS
CHUNK = 2**18  # samples at a time: memory stays bounded


def point_visibilities(tracks: Tracks, *, x: float, y: float) -> npt.NDArray[np.complex128]:
    """Return what each sample measures of a point source of 1 Jy, averaged over its bandwidth and time, ``(sample,)``.

    Parameters
    ----------
    x, y
        Place in pixels from the phase center: ``-l`` and ``m`` over the side of a pixel in radians.
    """
    phase = np.exp(-2j * np.pi * (tracks.k[0] * x + tracks.k[1] * y))
    return np.asarray(phase * tracks.smearing(x=x, y=y))


def outside_source(coverage: Coverage, *, x: float, y: float, sigma_px: float = 0.0) -> RealMap:
    """Return the image of a source of 1 Jy outside the image, ``(y, x)``, Jy/beam.

    Parameters
    ----------
    x, y
        Place in pixels from the phase center.
    sigma_px
        Width of the source, a circular Gaussian.
    """
    tracks = coverage.tracks
    values = point_visibilities(tracks, x=x, y=y) * (coverage.weights / coverage.weights.sum())
    if sigma_px:
        values *= np.exp(-2 * (np.pi * sigma_px) ** 2 * (tracks.k**2).sum(axis=0))
    return direct_image(coverage.grid, tracks.k, values)


def direct_image(grid: Grid, k: FloatArray, values: npt.NDArray[np.complex128]) -> RealMap:
    """Return the sum of Re(V exp(2 pi i (kx x + ky y))) on the pixels of an image, to about a thousandth.

    Parameters
    ----------
    k
        ``(2, sample)``, cycles per pixel.
    values
        V, ``(sample,)``.
    """
    taper = kernel_transform((np.arange(grid.size_px) - grid.size_px // 2) / grid.side)
    inverse = (1 / taper).astype(np.float32)
    return grid.image(_convolve(grid, k, values)) * inverse * inverse[:, None]


def kernel_transform(cycles: FloatArray) -> FloatArray:
    """Return the Fourier transform of the kernel, in cycles per cell, by Gauss-Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    half = 0.5 * KERNEL_CELLS
    return np.asarray(np.cos(2 * np.pi * np.outer(cycles, half * nodes)) @ (half * weights * _kernel(nodes)))


def _kernel(z: FloatArray) -> FloatArray:
    return np.asarray(np.exp(KERNEL_BETA * (np.sqrt(np.maximum(1 - z**2, 0)) - 1)))


def _convolve(grid: Grid, k: FloatArray, values: npt.NDArray[np.complex128]) -> Spectrum:
    """Spread each value over the cells around its place, and its conjugate over those around the opposite place."""
    margin = KERNEL_CELLS  # columns left of zero, which belong to the conjugates
    width = grid.columns + margin
    plane = np.zeros((grid.side, width), dtype=np.complex128)
    for start in range(0, k.shape[1], CHUNK):
        chunk = slice(start, start + CHUNK)
        mirrored = k[0, chunk] < 0
        column, row = np.where(mirrored, -k[:, chunk], k[:, chunk]) * grid.side
        value = np.where(mirrored, values[chunk].conj(), values[chunk]) * (0.5 * grid.side**2)
        along, columns = _spread(column)
        across, rows = _spread(row)
        for factor, place in zip(across.T, rows.T, strict=True):
            index = (place % grid.side * width + margin)[:, None] + columns
            np.add.at(plane.reshape(-1), index.ravel(), ((value * factor)[:, None] * along).ravel())
    half = plane[:, margin:]
    half[:, : margin + 1] += np.roll(plane[::-1], 1, axis=0)[:, margin::-1].conj()  # from column zero to the left
    return half.astype(np.complex64)


def _spread(place: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Return kernel values and cells around each place along an axis, both ``(sample, KERNEL_CELLS)``."""
    first = np.ceil(place - 0.5 * KERNEL_CELLS).astype(np.int64)
    cells = first[:, None] + np.arange(KERNEL_CELLS)
    return _kernel((cells - place[:, None]) / (0.5 * KERNEL_CELLS)), cells
