"""What a snapshot with the Very Large Array leaves in a CLEANed map: sidelobes of the flux that was not recovered.

If CLEAN finds the share 1 - e of a sky I, restores it with the Gaussian beam G and adds the residuals, which the dirty
beam D still covers, the map is I * G + e I * (D - G) (Hoegbom 1974, A&AS 15, 417). D has a peak of one and, for want
of short spacings, an integral of zero: negative bowls around bright sources and streaks along the arms of the array.
"""

import numpy as np
import numpy.typing as npt
import scipy.fft

from merkhet.simulate.beams import FloatArray, beam_transfer

VLA_LATITUDE = np.deg2rad(34.0784)
# Thompson et al. 1980, ApJS 44, 151: three arms of nine antennas at r proportional to m^1.716.
ARM_AZIMUTHS = np.deg2rad([355.0, 115.0, 236.0])
ARM_POWER = 1.716
# The length of an arm in wavelengths times the beam in radians: 6.4 km (B configuration) at 21.4 cm and 5.4 arcsec.
ARM_LENGTH_BEAMS = 0.783


def baselines(*, hour_angle: float, declination: float) -> FloatArray:
    """Return the baselines of a snapshot in units of the arm length, projected on the sky.

    Parameters
    ----------
    hour_angle, declination
        Of the source, in radians.

    Returns
    -------
    ndarray
        ``(351, 2)``, u (towards the east) and v (towards the north) of each pair of antennas.
    """
    radius = (np.arange(1, 10) / 9) ** ARM_POWER
    north = np.outer(np.cos(ARM_AZIMUTHS), radius).ravel()
    east = np.outer(np.sin(ARM_AZIMUTHS), radius).ravel()
    first, second = np.triu_indices(len(north), k=1)
    north, east = north[first] - north[second], east[first] - east[second]
    # Equatorial coordinates of the baseline (Thompson, Moran & Swenson 2017, section 4.1): up is zero on the plain.
    x, z = -np.sin(VLA_LATITUDE) * north, np.cos(VLA_LATITUDE) * north
    sin_h, cos_h, sin_d, cos_d = np.sin(hour_angle), np.cos(hour_angle), np.sin(declination), np.cos(declination)
    u = sin_h * x + cos_h * east
    v = -sin_d * cos_h * x + sin_d * sin_h * east + cos_d * z
    return np.stack([u, v], axis=1)


def coverage(uv_cycles_px: FloatArray, *, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return which cells of the Fourier plane are measured, on the half plane of ``rfft2``.

    Parameters
    ----------
    uv_cycles_px
        ``(n, 2)`` baselines in cycles per pixel, x towards the west as on a map. Those that the pixels cannot sample
        (0.5 and above) are left out.
    shape
        ``(y, x)`` of the map.
    """
    height, width = shape
    uv = uv_cycles_px[(np.abs(uv_cycles_px) < 0.5).all(axis=1)]
    both = np.concatenate([uv, -uv])  # a sky is real: each baseline measures its conjugate too
    column = np.rint(both[:, 0] * width).astype(np.intp)
    row = np.rint(both[:, 1] * height).astype(np.intp)
    half = (column >= 0) & (column <= width // 2)
    measured = np.zeros((height, width // 2 + 1), dtype=np.bool_)
    measured[row[half] % height, column[half]] = True
    measured[0, 0] = False  # no interferometer measures the total flux
    return measured


def residual_sidelobes(
    restored: FloatArray, *, hour_angles: FloatArray, declination: float, beam_fwhm_px: float
) -> FloatArray:
    """Return I * (D - G) for a restored map I * G, where D is the dirty beam of some snapshots added up.

    The dirty beam is tapered by G, which gives its main lobe the width of the restoring beam, and is periodic on the
    grid of the map.

    Parameters
    ----------
    restored
        ``(y, x)``, Jy/beam.
    hour_angles
        Hour angles of the snapshots, radians.

    Returns
    -------
    ndarray
        ``(y, x)``, Jy/beam, for a CLEAN that recovers nothing.
    """
    shape = (restored.shape[0], restored.shape[1])
    arm_cycles_px = np.array([-1.0, 1.0]) * (ARM_LENGTH_BEAMS / beam_fwhm_px)  # u is east, x is west
    measured = np.mean(
        [
            coverage(baselines(hour_angle=angle, declination=declination) * arm_cycles_px, shape=shape)
            for angle in hour_angles
        ],
        axis=0,
    )
    weights = _both_halves(shape) * beam_transfer(shape, beam_fwhm_px=beam_fwhm_px)
    response = measured * (weights.sum() / (weights * measured).sum()) - 1
    return np.asarray(scipy.fft.irfft2(scipy.fft.rfft2(restored) * response, s=shape))


def _both_halves(shape: tuple[int, int]) -> FloatArray:
    """Return how often each column of the half plane stands in the whole one."""
    count = np.full(shape[1] // 2 + 1, 2.0)
    count[0] = 1
    if shape[1] % 2 == 0:
        count[-1] = 1
    return count
