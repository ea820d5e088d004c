"""The Galactic plane: smooth emission that CLEAN leaves to the dirty beam."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage

from merkhet.simulate.beams import FloatArray
from merkhet.simulate.interferometer.grids import RealMap

COARSE_PX = 256
SLOPE = -2.7  # of the power spectrum of brightness on the plane (Haverkorn et al. 2003, A&A 403, 1045)
SHELLS = 6  # at most
FILL = 1.0  # how far the model reaches beyond the widest image


@dataclass(frozen=True)
class Plane:
    """Brightness on a square.

    Attributes
    ----------
    brightness
        ``(COARSE_PX, COARSE_PX)``, rms 1, none at the edge of the model.
    half
        Half of its side, a direction cosine.
    """

    brightness: FloatArray
    half: float

    def on_pixels(self, size_px: int, *, pixel_rad: float) -> RealMap:
        """Return the brightness on the pixels of an image, ``(y, x)``, between the model's own points cubically."""
        place = (np.arange(size_px) - size_px // 2) * pixel_rad / self.half
        place = (place + 1) * 0.5 * (COARSE_PX - 1)
        low, high = int(np.floor(place[0])), int(np.ceil(place[-1]))
        steps = (place[-1] - place[0]) / (size_px - 1)
        part = scipy.ndimage.affine_transform(
            self.brightness[max(low - 3, 0) : high + 4, max(low - 3, 0) : high + 4].astype(np.float32),
            np.array([steps, steps]),
            offset=place[0] - max(low - 3, 0),
            output_shape=(size_px, size_px),
            order=3,
            mode="nearest",
        )
        return np.asarray(part, dtype=np.float32)


def draw_plane(rng: np.random.Generator, *, half: float) -> Plane:
    """Draw a ridge across the field, its clumps, and shells of supernova remnants on it."""
    axis = np.linspace(-1, 1, COARSE_PX)
    angle, offset, width = rng.uniform(0, np.pi), rng.uniform(-0.6, 0.6), rng.uniform(0.08, 0.4)
    distance = axis * np.cos(angle) + axis[:, None] * np.sin(angle) - offset
    ridge = np.exp(-0.5 * (distance / width) ** 2)
    brightness = ridge * (1 + _clumps(rng))
    for _ in range(int(rng.integers(SHELLS + 1))):
        along, radius = rng.uniform(-1, 1), 10 ** rng.uniform(-1.6, -0.7)
        x = offset * np.cos(angle) - along * np.sin(angle)
        y = offset * np.sin(angle) + along * np.cos(angle)
        shell = np.hypot(axis - x, axis[:, None] - y) / radius
        brightness += rng.uniform(0.5, 3) * np.exp(-0.5 * ((shell - 1) / 0.2) ** 2)
    brightness *= _taper(axis) * _taper(axis)[:, None]
    return Plane(brightness / brightness.std(), half)


def _clumps(rng: np.random.Generator) -> FloatArray:
    """Return a Gaussian field of rms 1 with a power-law spectrum."""
    k = np.hypot(scipy.fft.rfftfreq(COARSE_PX), scipy.fft.fftfreq(COARSE_PX)[:, None])
    k[0, 0] = np.inf
    field = scipy.fft.irfft2(
        scipy.fft.rfft2(rng.standard_normal((COARSE_PX, COARSE_PX))) * k ** (SLOPE / 2), s=(COARSE_PX, COARSE_PX)
    )
    return np.asarray(field / field.std())


def _taper(axis: FloatArray) -> FloatArray:
    return np.clip((1 - np.abs(axis)) / 0.15, 0, 1)
