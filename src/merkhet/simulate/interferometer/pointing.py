"""Directions on the sky as the array on the ground sees them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merkhet.simulate.beams import FloatArray


@dataclass(frozen=True)
class Pointing:
    """Where the phase center stands, and from where it is seen.

    Attributes
    ----------
    hour_angle, declination, latitude
        In radians.
    """

    hour_angle: float
    declination: float
    latitude: float

    def axes(self) -> FloatArray:
        """Return the unit vectors to the east and north of the phase center, and towards it.

        They are the rows of a rotation: Thompson, Moran & Swenson (2017), equation 4.1, with the baseline in the frame
        of the ground.

        Returns
        -------
        ndarray
            ``(3, 3)``: axis on the sky by (east, north, up) on the ground.
        """
        sin_h, cos_h = np.sin(self.hour_angle), np.cos(self.hour_angle)
        sin_d, cos_d = np.sin(self.declination), np.cos(self.declination)
        sin_p, cos_p = np.sin(self.latitude), np.cos(self.latitude)
        return np.array(
            [
                [cos_h, -sin_h * sin_p, sin_h * cos_p],
                [sin_d * sin_h, cos_d * cos_p + sin_d * cos_h * sin_p, cos_d * sin_p - sin_d * cos_h * cos_p],
                [-cos_d * sin_h, sin_d * cos_p - cos_d * cos_h * sin_p, sin_d * sin_p + cos_d * cos_h * cos_p],
            ]
        )

    def ground(self, l: npt.ArrayLike, m: npt.ArrayLike) -> FloatArray:  # noqa: E741 (the name of a direction cosine)
        """Return directions as vectors (east, north, up) on the ground.

        Parameters
        ----------
        l, m
            Direction cosines of any one shape, within the unit circle.

        Returns
        -------
        ndarray
            That shape and ``(3,)``; up is negative below the horizon.
        """
        east, north = np.asarray(l, dtype=np.float64), np.asarray(m, dtype=np.float64)
        toward = np.sqrt(1 - east**2 - north**2)
        return np.stack([east, north, toward], axis=-1) @ self.axes()
