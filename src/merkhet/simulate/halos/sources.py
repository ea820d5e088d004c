"""The sources of the sky: what they are made of, and the distributions that they are drawn from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from merkhet.simulate.halos.confusers import CONFUSERS, THIN_COLUMN_CM2
from merkhet.simulate.halos.dust import Dust
from merkhet.simulate.halos.layers import Layer, Role, absorbed, point, ring
from merkhet.simulate.halos.psf import King
from merkhet.simulate.halos.rings import Echo, delay_days
from merkhet.simulate.halos.spectrum import Spectrum

PHOTON_INDEX = (1.5, 2.5)
COLUMN_CM2 = (1e21, 3e22)
DISTANCE_KPC = (0.8, 12.0)
CLOUDS = 5  # at most
CLOUD_HALF_WIDTH = (0.002, 0.02)
RING_RADIUS_ARCSEC = (180.0, 3600.0)
FLARE_SHARE = (0.01, 0.2)  # of the delay
REMNANT = (0.003, 0.3)  # steady light of a source that flared, over that of its rings
CLOUD_MAX_WIDTH = 0.2  # of a slab that makes a ring, in x
NOT_KNOWN = float("nan")


@dataclass(frozen=True)
class Sightline:
    """The dust on the way to a source, and what the truth table says of it.

    Attributes
    ----------
    dust
        Where it is.
    n_h_cm2
        Its column.
    distance_kpc
        Of the source.
    """

    dust: Dust
    n_h_cm2: float
    distance_kpc: float

    @property
    def clouds(self) -> list[tuple[float, float, float]]:
        """Near face, far face and column of each slab that is thin enough to make a ring."""
        slabs = zip(self.dust.near, self.dust.far, self.dust.weight, strict=True)
        return [
            (near, far, weight * self.n_h_cm2)
            for near, far, weight in slabs
            if far - near <= CLOUD_MAX_WIDTH and near > 0 and far < 1 and weight > 0
        ]

    def described(self) -> str:
        """Return the slabs as ``near-far:share``, separated by blanks."""
        slabs = zip(self.dust.near, self.dust.far, self.dust.weight, strict=True)
        return " ".join(f"{near:.3f}-{far:.3f}:{weight:.3f}" for near, far, weight in slabs)


@dataclass(frozen=True)
class Source:
    """A source and its truth.

    Attributes
    ----------
    kind
        ``halo``, ``ring``, ``point`` or the name of a confuser.
    layers
        What it is made of.
    sightline
        Of absorbed sources.
    delay_days, fluence_counts
        Of rings: time since the flare, and the counts that the flare itself would have given.
    """

    kind: str
    layers: tuple[Layer, ...]
    sightline: Sightline | None = None
    delay_days: float = NOT_KNOWN
    fluence_counts: float = NOT_KNOWN

    @property
    def size_arcsec(self) -> float:
        """Radius that holds half the photons of the halo, or of the strongest ring; NaN for a confuser."""
        role = Role.RING if self.kind == "ring" else Role.HALO
        wanted = [layer for layer in self.layers if layer.role is role]
        return max(wanted, key=lambda layer: layer.rate).half_arcsec if wanted else NOT_KNOWN


def log_uniform(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(*np.log(limits))))


def draw_dust(rng: np.random.Generator) -> Dust:
    """Draw where the dust is: two in five times spread evenly, else in one sheet or in several clouds."""
    kind = rng.uniform()
    if kind < 0.4:
        return Dust.uniform()
    if kind < 0.7:
        return Dust.screen(float(rng.uniform(0.05, 0.95)))
    number = int(rng.integers(2, CLOUDS + 1))
    middle, half = rng.uniform(0.05, 0.95, number), rng.uniform(*CLOUD_HALF_WIDTH, number)
    slabs = [(0.0, 1.0), *zip(middle - half, middle + half, strict=True)]
    return Dust.mixture(slabs, columns=[rng.uniform(0, 1), *rng.exponential(1.0, number)])


def draw_sightline(rng: np.random.Generator) -> Sightline:
    """Draw column, distance and dust of an absorbed source in the Galaxy."""
    return Sightline(draw_dust(rng), log_uniform(rng, COLUMN_CM2), log_uniform(rng, DISTANCE_KPC))


def steady(
    rng: np.random.Generator, rate: float, *, sightline: Sightline, kind: str = "halo", psf: King | None = None
) -> Source:
    """Return a steady source behind dust, whose photons, direct and scattered, arrive at ``rate`` a second.

    The point-spread function is drawn if none is given.
    """
    spectrum = Spectrum(float(rng.uniform(*PHOTON_INDEX)), sightline.n_h_cm2)
    layers = absorbed(rate, spectrum=spectrum, dust=sightline.dust, psf=psf or King.drawn(rng))
    return Source(kind, layers, sightline)


def draw_cloudy_sightline(rng: np.random.Generator) -> Sightline:
    """Draw a sightline with one to three clouds, which rings need."""
    number = int(rng.integers(1, 4))
    middle, half = rng.uniform(0.1, 0.9, number), rng.uniform(*CLOUD_HALF_WIDTH, number)
    slabs = [(0.0, 1.0), *zip(middle - half, middle + half, strict=True)]
    dust = Dust.mixture(slabs, columns=[rng.uniform(0, 1), *rng.exponential(1.0, number)])
    return Sightline(dust, log_uniform(rng, COLUMN_CM2), log_uniform(rng, DISTANCE_KPC))


def flare(
    rng: np.random.Generator,
    rate: float,
    *,
    sightline: Sightline,
    radius_arcsec: tuple[float, float] = RING_RADIUS_ARCSEC,
    psf: King | None = None,
) -> Source:
    """Return a source that flared some time ago: a ring from each cloud, and what is left of the source.

    The radius of the ring of the thickest cloud is drawn. The delay follows from it, and from the delay the rings of
    the other clouds; the fluence of the flare follows from ``rate``, the counts per second of all rings.

    Parameters
    ----------
    sightline
        With at least one cloud; see :attr:`Sightline.clouds`.
    radius_arcsec
        Limits of the radius; its logarithm is uniform.
    psf
        Point-spread function; it is drawn if none is given.
    """
    clouds, distance = sightline.clouds, 1000 * sightline.distance_kpc
    near, far, _ = max(clouds, key=lambda cloud: cloud[2])
    delay = float(delay_days(log_uniform(rng, radius_arcsec), x=0.5 * (near + far), distance_pc=distance))
    length = delay * log_uniform(rng, FLARE_SHARE)
    spectrum, psf = Spectrum(float(rng.uniform(*PHOTON_INDEX)), sightline.n_h_cm2), psf or King.drawn(rng)
    echoes = [Echo(spectrum, column, distance, near, far, delay, length) for near, far, column in clouds]
    fluence = rate / sum(echo.rate for echo in echoes)
    rings = (ring(fluence, echo=echo, psf=psf) for echo in echoes)
    remnant = point(rate * log_uniform(rng, REMNANT), psf=psf)
    return Source("ring", (*rings, remnant), sightline, delay, fluence)


def confuser(rng: np.random.Generator, rate: float, *, kind: str) -> Source:
    """Return a confuser by its name, see `merkhet.simulate.halos.confusers`."""
    thin = Sightline(Dust.uniform(), THIN_COLUMN_CM2, NOT_KNOWN) if kind == "wings" else None
    return Source(kind, CONFUSERS[kind](rng, rate), thin)


@dataclass(frozen=True)
class Population:
    """Sources of one kind on the sky.

    Attributes
    ----------
    per_square_degree
        Their number.
    counts
        Limits of their counts at the exposure of the ecliptic equator; the logarithm is uniform.
    make
        Makes one with a rate in counts per second.
    """

    per_square_degree: float
    counts: tuple[float, float]
    make: Callable[[np.random.Generator, float], Source]


def _make_halo(rng: np.random.Generator, rate: float) -> Source:
    return steady(rng, rate, sightline=draw_sightline(rng))


def _make_ring(rng: np.random.Generator, rate: float) -> Source:
    return flare(rng, rate, sightline=draw_cloudy_sightline(rng))


def _maker(kind: str) -> Callable[[np.random.Generator, float], Source]:
    return lambda rng, rate: confuser(rng, rate, kind=kind)


CONFUSER_COUNTS: dict[str, tuple[float, float]] = {
    "wings": (300, 30_000),
    "group": (50, 3_000),
    "cluster": (50, 10_000),
    "shell": (100, 20_000),
    "stray_light": (100, 10_000),
    "streak": (300, 10_000),
    "pile_up": (3_000, 50_000),
}
POPULATIONS: dict[str, Population] = {
    "halo": Population(0.25, (50, 50_000), _make_halo),
    "ring": Population(0.15, (50, 20_000), _make_ring),
    **{kind: Population(0.07, counts, _maker(kind)) for kind, counts in CONFUSER_COUNTS.items()},
}
