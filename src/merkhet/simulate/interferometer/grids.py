"""The periodic grid behind an image, twice as wide, and the half of its Fourier plane that baselines reach."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from merkhet.simulate.beams import FloatArray

IntArray = npt.NDArray[np.int64]
RealMap = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]
PADDING = 2  # the convolution of an image with the point-spread function is linear: nothing comes in from the far side


@dataclass(frozen=True)
class Grid:
    """A Fourier plane.

    Attributes
    ----------
    size_px
        Side of the image, even. The phase center is pixel ``size_px / 2`` of both axes, counted from 0.
    columns
        Columns of the half plane that are kept, from ``kx = 0``.
    """

    size_px: int
    columns: int

    @classmethod
    def reaching(cls, k: FloatArray, *, size_px: int) -> "Grid":
        """Return the grid that holds some wavenumbers ``(2, sample)``, with room for a gridding kernel.

        Raises
        ------
        ValueError
            They are above what the pixels can sample.
        """
        if np.abs(k).max() >= 0.5:
            raise ValueError("the pixels are too large for the longest baseline")
        side = PADDING * size_px
        return cls(size_px, min(int(np.rint(np.abs(k[0]).max() * side)) + 4, side // 2 + 1))

    @property
    def side(self) -> int:
        """Side of the periodic grid; cells are ``1 / side`` wide."""
        return PADDING * self.size_px

    @property
    def shape(self) -> tuple[int, int]:
        """``(row, column)`` of the half plane that is kept."""
        return self.side, self.columns

    def cells(self, k: FloatArray) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        """Return the nearest cell of each wavenumber, as a flat index, and whether it is that of the conjugate."""
        column, row = np.rint(k * self.side).astype(np.int64)
        mirrored = column < 0
        row = np.where(mirrored, -row, row) % self.side
        return row * self.columns + np.abs(column), mirrored

    def add_up(self, k: FloatArray, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Add values of a real sky up in the cells that they fall into.

        On the column ``kx = 0`` a value and its conjugate both have their place, so that the plane is Hermitian.

        Returns
        -------
        ndarray
            float64 or complex128, :attr:`shape`.
        """
        index, mirrored = self.cells(k)
        if np.iscomplexobj(values):
            values = np.where(mirrored, values.conj(), values)
            plane = self._sum(index, values.real) + 1j * self._sum(index, values.imag)
        else:
            plane = self._sum(index, values)
        plane[:, 0] += mirror(plane[:, 0]).conj()
        return plane

    def _sum(self, index: IntArray, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.bincount(index, weights=values, minlength=self.side * self.columns).reshape(self.shape)

    def image(self, spectrum: Spectrum) -> RealMap:
        """Return the image of a spectrum, ``(y, x)``: the middle of the grid.

        Columns that no baseline reaches and rows outside the image are not transformed.
        """
        half = self.size_px // 2
        along_y = scipy.fft.ifft(spectrum, axis=0)
        along_y = np.concatenate([along_y[-half:], along_y[:half]])
        rows = scipy.fft.irfft(along_y, n=self.side, axis=1, overwrite_x=True)
        return np.concatenate([rows[:, -half:], rows[:, :half]], axis=1)

    def spectrum(self, image: RealMap) -> Spectrum:
        """Return the spectrum of an image that is zero outside, on the columns that are kept."""
        half = self.size_px // 2
        padded = np.zeros((self.size_px, self.side), dtype=np.float32)
        padded[:, -half:], padded[:, :half] = image[:, :half], image[:, half:]
        rows = scipy.fft.rfft(padded, axis=1)[:, : self.columns]
        plane = np.zeros(self.shape, dtype=np.complex64)
        plane[-half:], plane[:half] = rows[:half], rows[half:]
        return np.asarray(scipy.fft.fft(plane, axis=0, overwrite_x=True))


def mirror(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the column ``kx = 0`` at ``-ky``."""
    return np.roll(column[::-1], 1, axis=0)
