"""Where in its window an object lies and how large it is, from the photons above the background."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

"""Photons so near the center are the source's own, blurred by the telescope; they say nothing of the halo's size."""

APERTURES = (0.5, 0.375, 0.25)
"""Radii, over the side of the window, of the circles in which the centroid is taken, one after the other."""

LEAST_SIGMA = 3.0
"""An excess of photons below so many standard deviations moves nothing."""


def find_center(counts: FloatArray, background: FloatArray, *, center: FloatArray) -> FloatArray:
    """Return centroids ``(n, 2)`` of the photons above the background, ``x`` first, in pixels of the windows.

    The centroid within a circle around the center so far, for circles that shrink. Where they hold too few photons
    (:data:`LEAST_SIGMA` of the background's Poisson error) the center stays.

    Parameters
    ----------
    counts, background
        Windows ``(n, w, w)``; zero where not valid.
    center
        ``(n, 2)`` first guess, in pixels from the center of the window's first pixel, ``x`` first.
    """
    excess = counts - background
    side = counts.shape[-1]
    grid = np.arange(side, dtype=np.float64)
    for aperture in APERTURES:
        inside = _radius(center, side) <= aperture * side
        total = np.sum(excess, axis=(1, 2), where=inside)
        noise = np.sqrt(np.sum(background, axis=(1, 2), where=inside) + 1)
        light = np.where(inside, excess, 0.0)
        moments = np.stack([light.sum(axis=1) @ grid, light.sum(axis=2) @ grid], axis=1)
        bright = total > LEAST_SIGMA * noise
        moved = moments / np.where(bright, total, 1.0)[:, None]
        center = np.where(bright[:, None], moved.clip(0, side - 1), center)
    return center


def half_light_radius(counts: FloatArray, background: FloatArray, *, center: FloatArray, core_px: float) -> FloatArray:
    """Return the radius that holds half of the photons above the background outside the core, in pixels.

    Counted within half the side of the window. Where there are too few (:data:`LEAST_SIGMA`), half the side.

    Parameters
    ----------
    counts, background
        Windows ``(n, w, w)``; zero where not valid.
    center
        ``(n, 2)``, ``x`` first.
    core_px
        Radius of the core, see :data:`merkhet.simulate.halos.truth.CORE_ARCSEC`; 0 for none.
    """
    number, side = len(counts), counts.shape[-1]
    rings = side // 2
    radius = _radius(center, side)
    ring = radius.astype(np.int64)
    counted = (ring < rings) & (radius >= core_px)
    place = np.where(counted, ring + rings * np.arange(number)[:, None, None], number * rings)
    light, expected = (
        np.bincount(place.ravel(), weights=values.ravel(), minlength=number * rings + 1)[:-1].reshape(number, rings)
        for values in (counts - background, background)
    )
    enclosed = light.cumsum(axis=1)
    total = enclosed[:, -1:]
    bright = total[:, 0] > LEAST_SIGMA * np.sqrt(expected.sum(axis=1) + 1)
    outer = np.argmax(enclosed >= total / 2, axis=1)
    rows = np.arange(number)
    before = np.where(outer > 0, enclosed[rows, outer - 1], 0.0)
    step = enclosed[rows, outer] - before
    fraction = (total[:, 0] / 2 - before) / np.where(step > 0, step, 1.0)
    return np.asarray(np.where(bright, outer + fraction.clip(0, 1), side / 2))


def _radius(center: FloatArray, side: int) -> FloatArray:
    """Return the distance ``(n, side, side)`` of each pixel from the center of its window."""
    pixel = np.arange(side)
    return np.asarray(np.hypot(pixel[:, None] - center[:, 1, None, None], pixel - center[:, 0, None, None]))
