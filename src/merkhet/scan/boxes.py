"""Halos and rings by sliding boxes: the detector that needs no trained model, to compare trained ones with."""

from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.errors import InputError
from merkhet.scan.box_profiles import find_profiles, fit_halos
from merkhet.scan.box_rings import find_rings
from merkhet.scan.box_sky import Sky, find_sky
from merkhet.scan.detectors import BOXES, Found
from merkhet.scan.field import Field
from merkhet.simulate.halos.psf import King

FloatArray = npt.NDArray[np.float64]

PIXEL_ARCSEC = 8.0
"""The pyramid's level whose pixels come nearest to this is searched."""
LEAST_COUNTS = 20.0
"""Fainter point sources show no halo."""
REACH_ARCSEC = 720.0
"""How far beyond the tile photons are looked at: rings that are larger are found where they lie on the tile."""
LABELS = ("halo", "ring")
SLOPE, OFFSET = np.array([1.0, 1.0]), np.array([5.0, 6.3])
"""Log-odds per sigma and the sigma of even odds, of a halo and of a ring: what came true on simulated tiles."""
LEAST_SCORE = -4.0
APART = 0.7
"""A candidate within this share of the radius of a better one is part of it."""
CONCENTRIC = 0.15
"""Rings are of one flare where their centers lie within this share of the radius."""
TOUCHING = 0.5
"""A ring that touches an object and has less than this share of its significance is made of that object's photons."""


class BoxDetector:
    """Finds halos and rings by the likelihood of Poisson counts, in the manner of erbox and ermldet of eSASS.

    Point sources are peaks in a sliding box; their wings are a King profile that is scaled to the core. Around each of
    them a halo must explain the photons in annuli better than wings of any width, pile-up or a diffuse source with the
    profile of a cluster of galaxies do. A ring must stand out of its inside in most directions. No weight is learned;
    the thresholds of the shape cuts, and what a significance is worth (:data:`SLOPE`, :data:`OFFSET`), were set on
    twelve simulated tiles (``merkhet simulate halo_survey tune --tiles 12 --seed 4242``).

    Attributes
    ----------
    name, hash, labels
        See :class:`merkhet.scan.detectors.Detector`.
    """

    name = BOXES
    hash = BOXES
    labels: tuple[str, ...] = LABELS

    def __init__(self) -> None:
        self._psf = King()

    def detect(self, field: Field) -> Found:
        """Return the candidates on a tile: see :class:`merkhet.scan.detectors.Found`; there are no grids.

        Raises
        ------
        InputError
            The scale of the pixels is not known: a point-spread function has its size on the sky.
        """
        tile = field.tile
        if not np.isfinite(tile.pixel_arcsec):
            raise InputError(tile.path, "its pixel scale is not known", expected="a header with a celestial WCS")
        number = max(0, round(np.log2(PIXEL_ARCSEC / tile.pixel_arcsec)))
        step = 2**number
        margin = int(np.ceil(REACH_ARCSEC / (tile.pixel_arcsec * step) / 16)) * 16
        level = field.level(number, margin=margin)
        candidates = find_candidates(find_sky(level, psf=self._psf), psf=self._psf)
        columns: dict[str, npt.NDArray[Any]] = {name: np.asarray(candidates[name]) for name in candidates.colnames}
        columns["x"], columns["y"] = (level.origin[k] + step * columns[axis] for k, axis in enumerate("xy"))
        inside = (np.abs(columns["x"] - 0.5 * (tile.shape[1] - 1)) <= 0.5 * tile.shape[1]) & (
            np.abs(columns["y"] - 0.5 * (tile.shape[0] - 1)) <= 0.5 * tile.shape[0]
        )
        columns["scale_px"] = 2 * columns["size_arcsec"] / tile.pixel_arcsec
        columns["flags"] = np.zeros(len(inside), dtype=np.int32)
        return Found(Table({name: values[inside] for name, values in columns.items()}))


def find_candidates(sky: Sky, *, psf: King) -> Table:
    """Return one candidate per object: ``x, y`` (pixels of the sky), ``size_arcsec, score, probability, label``."""
    bright = sky.sources.counts > LEAST_COUNTS
    x, y, counts = (values[bright] for values in (sky.sources.x, sky.sources.y, sky.sources.counts))
    halos = fit_halos(find_profiles(sky, x, y, own=counts, psf=psf))
    rings = find_rings(sky)
    kind, sigma = np.repeat([0, 1], [len(x), len(rings.x)]), np.append(halos.sigma, rings.sigma)
    columns: dict[str, FloatArray] = {
        "x": np.append(x, rings.x),
        "y": np.append(y, rings.y),
        "size_arcsec": np.append(halos.size_arcsec, rings.size_arcsec),
        "score": SLOPE[kind] * (sigma - OFFSET[kind]),
    }
    kept = _apart(columns, sigma=sigma, ring=kind == 1, pixel_arcsec=sky.pixel_arcsec)
    table = Table({name: values[kept] for name, values in columns.items()})
    table["probability"] = 1 / (1 + np.exp(-np.asarray(table["score"])))
    table["label"] = np.array(LABELS)[kind[kept]]
    return table


def _apart(
    columns: dict[str, FloatArray], *, sigma: FloatArray, ring: npt.NDArray[np.bool_], pixel_arcsec: float
) -> npt.NDArray[np.int64]:
    """Return the rows that are no part of a better one, the best first."""
    x, y, size, score = (columns[name] for name in ("x", "y", "size_arcsec", "score"))
    left = np.argsort(-score, kind="stable")
    left, kept = left[score[left] > LEAST_SCORE], []
    while len(left):
        best = left[0]
        kept.append(best)
        away = np.hypot(x[left] - x[best], y[left] - y[best]) * pixel_arcsec
        part = away <= max(APART * size[best], 2 * PIXEL_ARCSEC)
        # One flare makes rings about one center, as many as there are clouds: the object reaches to the outermost.
        concentric = ring[left] & (away < CONCENTRIC * size[left])
        reach = max(size[best], size[left][concentric].max(initial=0.0))
        part |= ring[left] & (away < reach + size[left]) & (sigma[left] < TOUCHING * sigma[best])
        left = left[~part]
    return np.array(kept, dtype=np.int64)
