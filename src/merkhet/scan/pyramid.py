"""The photon-conserving pyramid: each level holds the sums of 2 x 2 pixels of the one below."""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]
Real = TypeVar("Real", np.float32, np.float64, np.uint16)

STRIP_PX = 64
"""Rows of an image that are binned together: they stay in a processor's caches."""


@dataclass(frozen=True, eq=False)
class Layers:
    """Counts and their maps at one resolution; arrays ``(y, x)``, 0 where nothing was observed.

    Attributes
    ----------
    counts, background
        Photons and expected photons per pixel.
    exposure
        Mean exposure of those pixels of full resolution that were observed, in seconds.
    observed
        Area that was observed, in pixels of full resolution, where these are bool; a pixel is valid where this is
        above 0.
    """

    counts: FloatImage
    exposure: FloatImage
    background: FloatImage
    observed: FloatImage | npt.NDArray[np.bool_]

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        """Where anything was observed."""
        return np.asarray(self.observed > 0)

    def halved(self, times: int = 1) -> "Layers":
        """Return the next level, or a later one: each has half as many pixels along each axis, rounded up."""
        width = 2**times
        step = -(-STRIP_PX // width) * width
        rows, columns = (-(-n // width) for n in self.counts.shape)
        images = [np.empty((rows, columns), dtype=np.float32) for _ in vars(self)]
        for start in range(0, len(self.counts), step):
            strip = Layers(*(image[start : start + step] for image in vars(self).values()))
            for image, binned in zip(images, strip._binned(width), strict=True):
                image[start // width : (start + step) // width] = binned
        return Layers(*images)

    def _binned(self, width: int) -> tuple[npt.NDArray[Any], ...]:
        """Return the four images in blocks of so many pixels, in the order of the attributes."""
        if self.observed.dtype == np.bool_:  # nothing is observed in part: the exposure is itself, or 0
            observed: npt.NDArray[Any] = block_sum(self.observed.astype(np.uint16), width)
            exposure = block_sum(self.exposure, width)
        else:
            observed = block_sum(np.asarray(self.observed, dtype=np.float32), width)
            exposure = block_sum(self.exposure * self.observed, width)
        exposure /= np.maximum(observed, np.finfo(np.float32).tiny, dtype=np.float32)
        return block_sum(self.counts, width), exposure, block_sum(self.background, width), observed


def block_sum(image: npt.NDArray[Real], factor: int) -> npt.NDArray[Real]:
    """Return the sums of blocks of ``factor`` by ``factor`` pixels; what is missing at the far edges counts as 0."""
    while factor % 2 == 0:  # numpy sums over an axis of 2 ten times more slowly than it adds slices
        even = _whole(image, 2)
        half = even[::2] + even[1::2]
        image, factor = half[:, ::2] + half[:, 1::2], factor // 2
    whole = _whole(image, factor)
    rows, columns = whole.shape
    # One axis after the other: a sum over two axes of a 4-D view at once is several times slower.
    half = whole.reshape(rows // factor, factor, columns).sum(axis=1)
    return np.asarray(half.reshape(rows // factor, columns // factor, factor).sum(axis=2))


def _whole(image: npt.NDArray[Real], factor: int) -> npt.NDArray[Real]:
    """Return an image with zeros at the far edges that make it a whole number of blocks."""
    padding = [(0, -n % factor) for n in image.shape]
    return np.pad(image, padding) if any(after for _, after in padding) else image
