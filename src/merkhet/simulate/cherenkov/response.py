"""What a camera makes of photo-electrons: images with night sky, noise and clipping, times, and its trigger."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from merkhet.io.cherenkov.camera import CameraGeometry
from merkhet.simulate.cherenkov.array import Detector
from merkhet.simulate.cherenkov.light import Photons
from merkhet.simulate.cherenkov.observation import FloatArray

CELLS_PER_PIXEL = 14
SINGLE_PE_SPREAD = 0.4
"""Spread of the charge of one photo-electron."""
WINDOW_NS = 40.0
TRIGGER_JITTER_NS = 2.0
TIME_RESOLUTION_NS = 1.2
"""Of a pixel with one photo-electron; it goes as the inverse root of their number."""
Charges = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class PixelLookup:
    """Finds the pixels of many positions at once, through a fine grid that names the pixel of each cell."""

    camera: CameraGeometry

    @cached_property
    def _grid(self) -> tuple[float, FloatArray, npt.NDArray[np.int16]]:
        positions, width = self.camera.positions, self.camera.pixel_width
        step = width / CELLS_PER_PIXEL
        low = positions.min(axis=0) - width
        shape = np.ceil((positions.max(axis=0) + width - low) / step).astype(int)
        centers = [low[k] + (np.arange(shape[k]) + 0.5) * step for k in range(2)]
        cells = np.stack(np.meshgrid(*centers, indexing="ij"), axis=-1)
        square = self.camera.pixel_shape == "square"
        reach, norm = (0.5, np.inf) if square else (1 / np.sqrt(3), 2.0)
        distance, pixel = KDTree(positions).query(cells, p=norm, distance_upper_bound=reach * width * 1.001)
        return step, low, np.where(np.isfinite(distance), pixel, -1).astype(np.int16)

    def find(self, x: Charges, y: Charges) -> npt.NDArray[np.int64]:
        """Return the pixel of each position in m, -1 where there is none."""
        step, low, pixels = self._grid
        column, row = (((value - low[k]) / step).astype(np.int32) for k, value in enumerate((x, y)))
        inside = (column >= 0) & (row >= 0) & (column < pixels.shape[0]) & (row < pixels.shape[1])
        found = pixels[np.where(inside, column, 0), np.where(inside, row, 0)]
        return np.where(inside, found, -1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Images:
    """Images ``(k, P)``: charge in photo-electrons, peak time in ns, and the true photo-electrons of the shower."""

    charge: Charges
    time: Charges
    true: Counts


def count_photons(photons: Photons, lookup: PixelLookup) -> tuple[Counts, Charges]:
    """Return the photo-electrons ``(k, P)`` of each pixel, and their mean time, 0 where there are none."""
    images, pixels = len(photons.shower), lookup.camera.n_pixels
    pixel = lookup.find(photons.x, photons.y)
    inside = pixel >= 0
    cell = photons.image[inside] * pixels + pixel[inside]
    counts = np.bincount(cell, minlength=images * pixels)
    times = np.bincount(cell, photons.time[inside], minlength=images * pixels)
    shape = (images, pixels)
    mean = times / np.maximum(counts, 1)
    return counts.reshape(shape).astype(np.int32), mean.reshape(shape).astype(np.float32)


def respond(true: Counts, mean_time: Charges, *, detector: Detector, rng: np.random.Generator) -> Images:
    """Add night sky and noise, clip, and tell the time of each pixel.

    The time of a pixel is that of the shower's light if most of its light is the shower's, and any time within the
    window otherwise. Windows open so that the light of an image is near their middle.
    """
    sky = rng.poisson(detector.night_sky_pe, true.shape).astype(np.float32)
    light = true + sky
    noise = np.sqrt(detector.electronic_pe**2 + SINGLE_PE_SPREAD**2 * light)
    charge = light - np.float32(detector.night_sky_pe) + noise * rng.standard_normal(true.shape, dtype=np.float32)
    charge = np.minimum(charge, np.float32(detector.saturation_pe)).astype(np.float32)
    total = np.maximum(true.sum(axis=1, dtype=np.float64), 1)
    middle = (true * mean_time.astype(np.float64)).sum(axis=1) / total
    opened = middle - WINDOW_NS / 2 + rng.normal(0, TRIGGER_JITTER_NS, len(true))
    jitter = TIME_RESOLUTION_NS * rng.standard_normal(true.shape, dtype=np.float32) / np.sqrt(np.maximum(true, 1))
    own = mean_time - opened[:, None] + jitter
    chance = rng.random(true.shape, dtype=np.float32)
    is_shower = chance * (light + detector.electronic_pe) < true
    time = np.where(is_shower, own, rng.random(true.shape, dtype=np.float32) * WINDOW_NS)
    return Images(charge, np.clip(time, 0, WINDOW_NS).astype(np.float32), true)


def triggers(charge: Charges, *, neighbors: npt.NDArray[np.int64], threshold_pe: float) -> npt.NDArray[np.bool_]:
    """Tell which images ``(k, P)`` have a pixel above the threshold with two neighbors above it."""
    above = np.zeros((len(charge), charge.shape[1] + 1), dtype=bool)  # the last one stands for neighbors that are not
    above[:, :-1] = charge > threshold_pe
    candidate = np.flatnonzero(above.sum(axis=1) >= 3)
    count = above[candidate][:, neighbors].sum(axis=2, dtype=np.int8)
    fired = np.zeros(len(charge), dtype=bool)
    fired[candidate] = ((count >= 2) & above[candidate, :-1]).any(axis=1)
    return fired
