"""The Gaussian restoring beam: its area, and the noise that is correlated by it.

All lengths are in pixels, so that the same functions serve every radio simulator.
"""

import numpy as np
import numpy.typing as npt
import scipy.fft

FloatArray = npt.NDArray[np.float64]

FWHM_TO_SIGMA = float(1 / np.sqrt(8 * np.log(2)))


def beam_area_px(beam_fwhm_px: float) -> float:
    """Return the solid angle of a circular Gaussian beam in pixels: pi FWHM^2 / (4 ln 2).

    The sum over a map in Jy/beam divided by this number is a flux in Jy.
    """
    return float(np.pi * beam_fwhm_px**2 / (4 * np.log(2)))


def padded_shape(shape: tuple[int, int], *, beam_fwhm_px: float) -> tuple[int, int]:
    """Return a shape with at least two beams of room on each axis, of lengths that are quick to Fourier transform.

    A map that is periodic on the larger grid and is then cut to ``shape`` has edges that know nothing of each other:
    at two beams the correlation of the noise is 0.004.
    """
    room = int(np.ceil(2 * beam_fwhm_px))
    height, width = (scipy.fft.next_fast_len(side + room, real=True) for side in shape)
    return height, width


def beam_transfer(shape: tuple[int, int], *, beam_fwhm_px: float) -> FloatArray:
    """Return the Fourier transform of the beam of unit area, exp(-2 pi^2 sigma^2 k^2), as ``rfft2`` orders it.

    Parameters
    ----------
    shape
        ``(y, x)`` of the map.
    beam_fwhm_px
        Full width at half maximum.

    Returns
    -------
    ndarray
        Shape ``(y, x // 2 + 1)``.
    """
    height, width = shape
    return np.outer(_transfer(np.fft.fftfreq(height), beam_fwhm_px), _transfer(np.fft.rfftfreq(width), beam_fwhm_px))


def correlated_noise(
    rng: np.random.Generator, *, shape: tuple[int, int], beam_fwhm_px: float, rms: float
) -> FloatArray:
    """Draw Gaussian noise that was white before the beam and has the given rms after it.

    The map is periodic: cut it out of one of :func:`padded_shape`.

    Returns
    -------
    ndarray
        ``(y, x)``, in the unit of ``rms``, whose expected variance is exactly ``rms**2``.
    """
    transfer = beam_transfer(shape, beam_fwhm_px=beam_fwhm_px)
    # Parseval: the variance that the beam leaves of white noise is the mean square of its transform, axis by axis.
    along_y, along_x = (_transfer(np.fft.fftfreq(side), beam_fwhm_px) for side in shape)
    variance = np.mean(along_y**2) * np.mean(along_x**2)
    spectrum = scipy.fft.rfft2(rng.standard_normal(shape)) * transfer
    return np.asarray(scipy.fft.irfft2(spectrum, s=shape) * (rms / np.sqrt(variance)))


def noise_correlation(distance_px: npt.ArrayLike, *, beam_fwhm_px: float) -> FloatArray:
    """Return the correlation of two pixels of :func:`correlated_noise`: exp(-d^2 / (4 sigma^2)).

    White noise through a Gaussian of width sigma is correlated as a Gaussian of width sqrt(2) sigma.
    """
    sigma = beam_fwhm_px * FWHM_TO_SIGMA
    return np.exp(-(np.asarray(distance_px, dtype=np.float64) ** 2) / (4 * sigma**2))


def _transfer(frequency: npt.ArrayLike, beam_fwhm_px: float) -> FloatArray:
    cycles = np.asarray(frequency, dtype=np.float64)
    return np.exp(-2 * (np.pi * beam_fwhm_px * FWHM_TO_SIGMA * cycles) ** 2)
