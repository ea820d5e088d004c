"""A source's photons by distance, told apart: the wings of the point-spread function, and the halo or ring around it.

The wings are what a halo must be told from, and they are not known: their slope differs from source to source, and by
300" a steep profile holds a tenth of what a shallow one does. So profiles of a family are fitted to the core together
with halos or rings of several shapes, and all answers are averaged by how well they fit.
"""

from dataclasses import dataclass

import numpy as np

from merkhet.scan.radial import FloatArray, Rings
from merkhet.simulate.halos.psf import ALPHA_RANGE, CORE_SCATTER, King
from merkhet.simulate.halos.truth import CORE_ARCSEC

RING = "ring"
ITERATIONS = 200
_CORE_STEP_ARCSEC = 3.0
_FIT_EDGES = 25  # outside the core


@dataclass(frozen=True)
class PsfFamily:
    """King profiles, any of which a source may have.

    Attributes
    ----------
    half_energy_width_arcsec
        Diameter that holds half the photons, on average: the core radius is ``width / (2 sqrt(3))``.
    core_scatter
        By how much the core radius differs, relative to the mean.
    alpha
        The shallowest and the steepest exponent; equal where it is known.
    """

    half_energy_width_arcsec: float = 30.0
    core_scatter: float = CORE_SCATTER
    alpha: tuple[float, float] = ALPHA_RANGE

    def members(self) -> list[King]:
        """Return profiles that span the family."""
        core = self.half_energy_width_arcsec / (2 * np.sqrt(3))
        cores = core * np.unique([1 - self.core_scatter, 1.0, 1 + self.core_scatter])
        return [King(float(r), float(a)) for r in cores for a in np.unique(np.linspace(*self.alpha, 5))]


@dataclass(frozen=True, eq=False)
class Parts:
    """Expected counts ``(rings,)`` of the point source and of the halo or ring, background apart."""

    psf: FloatArray
    extended: FloatArray


def decompose(rings: Rings, *, size_arcsec: float, label: str, psf: PsfFamily) -> Parts:
    """Tell the point source from what is around it.

    For each pair of a point-spread function and an extended shape, two amplitudes are fitted to the counts by maximum
    likelihood; the pairs are averaged with their likelihoods as weights.

    Parameters
    ----------
    rings
        Photons by distance from the source.
    size_arcsec
        Radius that holds half of the halo, or that of the ring; half or twice as much is tried as well for a halo,
        up to 30 % less or more for a ring.
    label
        ``ring``, or any other for a halo.
    psf
        What a point source may look like.
    """
    reach = 1.5 * size_arcsec if label == RING else max(3 * size_arcsec, 4 * CORE_ARCSEC)
    edges = np.concatenate(
        [
            np.arange(0, CORE_ARCSEC, _CORE_STEP_ARCSEC),
            np.geomspace(CORE_ARCSEC, max(reach, 2 * CORE_ARCSEC), _FIT_EDGES),
        ]
    )
    points = np.stack([_king(rings, king) for king in psf.members()])
    around = np.stack(_ring_shapes(rings, size_arcsec) if label == RING else _halo_shapes(rings, size_arcsec))
    # Between core and ring may be another ring, or a halo: neither is to pass for the wings of the point source.
    between = (edges[:-1] >= 2 * CORE_ARCSEC) & (edges[1:] <= 0.6 * size_arcsec) & (label == RING)

    def fitted(values: FloatArray) -> FloatArray:
        return rings.summed(values, edges)[~between]

    counts, background = fitted(rings.counts), fitted(rings.background)
    point_sums = np.stack([fitted(shape) for shape in points])
    around_sums = np.stack([fitted(shape) for shape in around])
    pairs = np.indices((len(points), len(around))).reshape(2, -1)
    shapes = np.stack([point_sums[pairs[0]], around_sums[pairs[1]]])  # (2, pairs, sums)
    amplitudes, likelihood = _fit(counts, shapes, background)
    weights = np.exp(likelihood - likelihood.max())
    weighted = amplitudes * weights / weights.sum()
    return Parts(
        psf=np.bincount(pairs[0], weights=weighted[0], minlength=len(points)) @ points,
        extended=np.bincount(pairs[1], weights=weighted[1], minlength=len(around)) @ around,
    )


def _fit(counts: FloatArray, shapes: FloatArray, background: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fit two amplitudes, not negative, to Poisson counts, for many pairs of shapes at once.

    The fixed point of ``a <- a sum(shape counts / expected) / sum(shape)`` is the maximum of the likelihood (Shepp &
    Vardi 1982, IEEE Trans. Med. Imaging 1, 113; Richardson and Lucy's rule), and no step leaves the allowed range.

    Parameters
    ----------
    counts, background
        ``(sums,)``.
    shapes
        ``(2, pairs, sums)``.

    Returns
    -------
    tuple
        Amplitudes ``(2, pairs)`` and logarithms of likelihoods ``(pairs,)``.
    """
    total = np.maximum(shapes.sum(axis=-1), 1e-12)
    amplitudes = np.maximum(counts.sum(), 1.0) / 2 / total
    floor = background + 1e-9
    expected = floor + np.einsum("kp,kps->ps", amplitudes, shapes)
    for _ in range(ITERATIONS):
        amplitudes = amplitudes * np.einsum("kps,ps->kp", shapes, counts / expected) / total
        expected = floor + np.einsum("kp,kps->ps", amplitudes, shapes)
    return amplitudes, np.asarray((counts * np.log(expected) - expected).sum(axis=-1))


def _king(rings: Rings, king: King) -> FloatArray:
    """Return the counts in each ring of a point source of one count, at the largest exposure around."""
    # A pixel is a mean over its square: to second order the same as a core that is wider by a quarter of its area.
    core = np.hypot(king.core_arcsec, rings.pixel_arcsec / 2)
    density = (king.alpha - 1) / np.pi / core**2 * (1 + (rings.radius_arcsec / core) ** 2) ** -king.alpha
    return np.asarray(density * rings.pixel_arcsec**2 * rings.exposure)


def _halo_shapes(rings: Rings, size_arcsec: float) -> list[FloatArray]:
    """Return halos of one count: dust evenly along the sightline, which gives a cusp, and in a screen, which does not.

    They enclose ``u atan(1/u)``, ``u = r / theta50`` with half the photons within ``0.429 theta50``, and
    ``u^2 / (1 + u^2)`` with half within ``theta50`` (Draine 2003, ApJ 598, 1026).
    """
    radius = np.maximum(rings.radius_arcsec, rings.pixel_arcsec / 3)  # the mean distance within the middle pixel
    shapes = []
    for size in size_arcsec * np.array([0.5, 1.0, 2.0]):
        theta50 = size / 0.429
        u = radius / theta50
        even = (np.arctan(1 / u) - u / (1 + u**2)) / (2 * np.pi * u * theta50**2)
        screen = (1 + (radius / size) ** 2) ** -2 / (np.pi * size**2)
        shapes += [even, screen]
    return [shape * rings.pixel_arcsec**2 * rings.exposure for shape in shapes]


def _ring_shapes(rings: Rings, size_arcsec: float) -> list[FloatArray]:
    """Return rings of one count: Gaussians in radius, of several radii and widths."""
    shapes = []
    for radius in size_arcsec * np.linspace(0.7, 1.3, 9):
        for share in (0.02, 0.05, 0.1):
            width = np.hypot(share * radius, 0.5 * CORE_ARCSEC)
            density = np.exp(-0.5 * ((rings.radius_arcsec - radius) / width) ** 2) / (width * radius)
            shapes.append(density / (2 * np.pi) ** 1.5 * rings.pixel_arcsec**2 * rings.exposure)
    return shapes
