"""The primary beam of an aperture-array tile: sixteen crossed dipoles over a ground screen, steered by delays."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from merkhet.simulate.beams import FloatArray
from merkhet.simulate.interferometer.arrays import SPEED_OF_LIGHT

Polarization = Literal["XX", "YY"]
POLARIZATIONS: tuple[Polarization, ...] = ("XX", "YY")
# Tingay et al. (2013, PASA 30, e007): four by four dipoles, 1.1 m apart; their arms are about 0.3 m above the screen.
DIPOLES = 4
DIPOLE_SPACING_M = 1.1
DIPOLE_HEIGHT_M = 0.3


@dataclass(frozen=True)
class TileBeam:
    """A tile that is steered to one direction.

    Attributes
    ----------
    steered
        Unit vector ``(3,)``: east, north, up.
    """

    steered: FloatArray

    def power(self, direction: FloatArray, *, frequency_hz: float, polarization: Polarization) -> FloatArray:
        """Return the response to unpolarized sources over that in the steered direction.

        Parameters
        ----------
        direction
            Unit vectors ``(..., 3)``; the response is zero below the horizon.

        Returns
        -------
        ndarray
            ``(...)``.
        """
        there = self._element(direction, frequency_hz, polarization) * array_factor(
            direction - self.steered, frequency_hz=frequency_hz
        )
        here = self._element(self.steered, frequency_hz, polarization)
        return np.where(direction[..., 2] > 0, there / here, 0.0)

    @staticmethod
    def _element(direction: FloatArray, frequency_hz: float, polarization: Polarization) -> FloatArray:
        """Power of a short dipole, east-west for XX, over a conducting plane (Balanis 2016, section 4.7)."""
        along = direction[..., 0] if polarization == "XX" else direction[..., 1]
        turns = 2 * np.pi * DIPOLE_HEIGHT_M * frequency_hz / SPEED_OF_LIGHT
        return np.asarray((1 - along**2) * np.sin(turns * direction[..., 2]) ** 2)


def array_factor(offset: FloatArray, *, frequency_hz: float) -> FloatArray:
    """Return the power of the dipoles' sum, 1 where they are in phase.

    Parameters
    ----------
    offset
        Direction minus steered direction, ``(..., 3)``.

    Returns
    -------
    ndarray
        The product over both axes of (sin(n p / 2) / (n sin(p / 2)))^2, with p = 2 pi d offset / lambda.
    """
    half = np.pi * DIPOLE_SPACING_M * frequency_hz / SPEED_OF_LIGHT * offset[..., :2]
    # A sum of cosines in place of the quotient, which is 0 / 0 on axis and on grating lobes.
    field = (np.cos(half) + np.cos(3 * half)) * (2 / DIPOLES)
    return np.asarray(np.prod(field**2, axis=-1))
