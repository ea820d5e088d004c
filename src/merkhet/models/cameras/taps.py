"""Interpolation on a lattice: which places a point takes from, and how much of each.

Each function takes the shape of the pixels and lattice coordinates ``(N, 2)``, and returns places ``(N, K, 2)`` and
weights ``(N, K)``, which sum to one.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from merkhet.io.cherenkov.camera import PixelShape
from merkhet.models.cameras.lattice import FloatArray, IntArray

Taps: TypeAlias = Callable[[PixelShape, FloatArray], tuple[IntArray, FloatArray]]


def nearest(shape: PixelShape, coordinates: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return the one place that is nearest; on a hexagonal lattice by rounding all three of q, r and -q - r."""
    if shape == "square":
        place = np.round(coordinates)
    else:
        three = np.column_stack([coordinates, -coordinates.sum(axis=1)])
        rounded = np.round(three)
        # The three must sum to zero: the one that was rounded farthest follows from the others.
        worst = np.abs(rounded - three).argmax(axis=1)
        rounded[np.arange(len(three)), worst] -= rounded.sum(axis=1)
        place = rounded[:, :2]
    return place.astype(np.int64)[:, None], np.ones((len(place), 1))


def bilinear(shape: PixelShape, coordinates: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return the corners of the square or the triangle around; linear in either."""
    low = np.floor(coordinates)
    u, v = (coordinates - low).T
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    if shape == "square":
        weight = np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v], axis=1)
    else:  # a rhombus of two equilateral triangles
        far = np.maximum(u + v - 1, 0)
        weight = np.stack([np.maximum(1 - u - v, 0), u - far, v - far, far], axis=1)
    return low.astype(np.int64)[:, None] + corners, weight


def bicubic(shape: PixelShape, coordinates: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return sixteen places around, cubic along both axes of the lattice: exact for parabolas (Keys 1981, a = -1/2)."""
    low = np.floor(coordinates)
    steps = np.arange(-1, 3)
    along = _keys(np.abs((coordinates - low)[..., None] - steps))  # (N, 2, 4)
    places = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    weight = (along[:, 0, :, None] * along[:, 1, None, :]).reshape(len(low), -1)
    return low.astype(np.int64)[:, None] + places, weight


def _keys(x: FloatArray) -> FloatArray:
    """Cubic convolution kernel (Keys 1981, IEEE Trans. ASSP 29, 1153, equation 15) of distances, a = -1/2."""
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
