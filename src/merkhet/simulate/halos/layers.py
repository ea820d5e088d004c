"""What a source is made of: layers of photons with a rate and a shape, the halo's physics among them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from merkhet.simulate.halos.dust import Dust
from merkhet.simulate.halos.psf import King, around
from merkhet.simulate.halos.rings import Echo
from merkhet.simulate.halos.spectrum import Spectrum
from merkhet.simulate.halos.sphere import FloatArray

REACH_ARCSEC = 7200.0  # photons farther than this from their source are left out
# Edges of the shares of the photons that one node of a quadrature stands for: even, and finer and finer in the wings.
_EDGES = np.concatenate([np.linspace(0, 0.9, 25), 1 - np.geomspace(0.1, 1e-5, 30)[1:], [1.0]])
_SHARES, _WEIGHTS = 0.5 * (_EDGES[1:] + _EDGES[:-1]), np.diff(_EDGES)
_ANGLES = (np.arange(10) + 0.5) / 10 * np.pi

Draw = Callable[[np.random.Generator, int], FloatArray]
Enclosed = Callable[[FloatArray], FloatArray]


class Role(StrEnum):
    """What a layer is to the one who looks for halos."""

    PSF = "psf"
    HALO = "halo"
    RING = "ring"
    OTHER = "other"


@dataclass(frozen=True)
class Layer:
    """Photons of one shape around a position.

    Attributes
    ----------
    role
        What it is.
    rate
        Counts per second of vignetted exposure.
    draw
        ``draw(rng, n)`` returns at most n offsets ``(n, 2)``, in arcsec towards east and north.
    enclosed
        Share of the photons within each radius, in arcsec, after the point-spread function. None where the truth has
        no use for it.
    half_arcsec
        Radius that holds half of the photons before the point-spread function; 0 for a point, NaN where not known.
    """

    role: Role
    rate: float
    draw: Draw
    enclosed: Enclosed | None = None
    half_arcsec: float = float("nan")


def point(rate: float, *, psf: King) -> Layer:
    """Return a point source."""
    return Layer(Role.PSF, rate, psf.draw, psf.enclosed, 0.0)


def halo(rate: float, *, spectrum: Spectrum, dust: Dust, psf: King) -> Layer:
    """Return the steady halo of a source whose direct and scattered photons together arrive at ``rate``."""

    def draw(rng: np.random.Generator, n: int) -> FloatArray:
        angles = dust.draw_angles(rng, spectrum.draw_energies(rng, n, scattered=True))
        return around(rng, angles) + psf.draw(rng, n)

    grid = np.append(0.0, np.geomspace(0.1, 1e5, 300))
    shares = spectrum.halo_enclosed(grid, dust=dust)
    enclosed = blurred(lambda radius: np.interp(radius, grid, shares), psf=psf)
    return Layer(Role.HALO, rate * spectrum.halo_fraction, draw, enclosed, float(np.interp(0.5, shares, grid)))


def absorbed(rate: float, *, spectrum: Spectrum, dust: Dust, psf: King) -> tuple[Layer, Layer]:
    """Return a steady source behind dust: what comes straight, and its halo. Together they arrive at ``rate``."""
    direct = point(rate * (1 - spectrum.halo_fraction), psf=psf)
    return direct, halo(rate, spectrum=spectrum, dust=dust, psf=psf)


def ring(fluence_counts: float, *, echo: Echo, psf: King) -> Layer:
    """Return the ring of a flare that itself gave ``fluence_counts``."""

    def draw(rng: np.random.Generator, n: int) -> FloatArray:
        return around(rng, echo.draw(rng, n)) + psf.draw(rng, n)

    enclosed = blurred(echo.enclosed, psf=psf)
    return Layer(Role.RING, fluence_counts * echo.rate, draw, enclosed, echo.half_arcsec)


def blurred(before: Enclosed, *, psf: King) -> Enclosed:
    """Return the enclosed share of a round profile after the point-spread function, by quadrature over the latter.

    A photon that is moved by ``r`` at an angle ``phi`` to its radius R ends within s of the center where R lies between
    the roots of ``R^2 + 2 R r cos(phi) + r^2 = s^2``.

    Parameters
    ----------
    before
        The share of the photons within a radius without the point-spread function.
    """
    moved = psf.radius(_SHARES)[:, None]
    along, across = moved * np.cos(_ANGLES), moved * np.sin(_ANGLES)

    def enclosed(radius: FloatArray) -> FloatArray:
        squared = np.asarray(radius)[..., None, None] ** 2 - across**2
        root = np.sqrt(np.clip(squared, 0, None))
        inside = before(np.clip(root - along, 0, None)) - before(np.clip(-root - along, 0, None))
        share = np.where(squared > 0, inside, 0.0).mean(axis=-1) @ _WEIGHTS
        return np.asarray(share)

    return enclosed
