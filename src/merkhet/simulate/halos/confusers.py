"""What is taken for a halo and is none: each a small function that returns the layers of a source.

``rate`` is the counts per second of the whole, ``rng`` draws its shape.
"""

from collections.abc import Callable

import numpy as np

from merkhet.simulate.halos.dust import Dust
from merkhet.simulate.halos.layers import Layer, Role, absorbed, point
from merkhet.simulate.halos.psf import King, around, king_radius
from merkhet.simulate.halos.spectrum import Spectrum
from merkhet.simulate.halos.sphere import FloatArray

THIN_COLUMN_CM2 = 1e20  # of a source whose halo is out of sight
PILE_UP_ARCSEC = (4.0, 14.0)
CLUSTER_CORE_ARCSEC = (12.0, 120.0)
SHELL_ARCSEC = (60.0, 900.0)
ARC_ARCSEC = (600.0, 3600.0)
STREAK_SIGMA_ARCSEC = 4.0

Confuser = Callable[[np.random.Generator, float], tuple[Layer, ...]]


def wings(rng: np.random.Generator, rate: float) -> tuple[Layer, ...]:
    """Return a lone point source behind next to no dust: its wings are those of the mirrors."""
    spectrum = Spectrum(float(rng.uniform(1.5, 2.5)), THIN_COLUMN_CM2)
    return absorbed(rate, spectrum=spectrum, dust=Dust.uniform(), psf=King.drawn(rng))


def group(rng: np.random.Generator, rate: float) -> tuple[Layer, ...]:
    """Return three to eight point sources within a few arcminutes."""
    psf, number = King.drawn(rng), int(rng.integers(3, 9))
    places = around(rng, rng.uniform(40, 150) * np.sqrt(rng.uniform(size=number)))
    share = rng.dirichlet(np.full(number, 1.5))

    def draw(stream: np.random.Generator, n: int) -> FloatArray:
        return np.asarray(places[stream.choice(number, n, p=share)] + psf.draw(stream, n))

    return (Layer(Role.OTHER, rate, draw),)


def cluster(rng: np.random.Generator, rate: float) -> tuple[Layer, ...]:
    """Return a cluster of galaxies: an elliptical beta model, sometimes with an active galaxy in its middle.

    The surface brightness falls as ``(1 + r^2/core^2)^(1/2 - 3 beta)`` and is cut at twenty core radii.
    """
    psf, core = King.drawn(rng), float(np.exp(rng.uniform(*np.log(CLUSTER_CORE_ARCSEC))))
    model = King(core, 3 * float(rng.uniform(0.6, 0.8)) - 0.5)
    flat, angle = float(rng.uniform(0.6, 1.0)), float(rng.uniform(0, np.pi))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    squeeze = turn @ np.diag([1 / np.sqrt(flat), np.sqrt(flat)]) @ turn.T
    edge = float(model.enclosed(20 * core))

    def draw(stream: np.random.Generator, n: int) -> FloatArray:
        share = stream.uniform(0, edge, n)
        radius = king_radius(share, core_arcsec=core, alpha=model.alpha)
        return np.asarray(around(stream, radius) @ squeeze + psf.draw(stream, n))

    nucleus = 0.2 * rate * float(rng.uniform()) * float(rng.uniform() < 0.3)
    gas = Layer(Role.OTHER, rate - nucleus, draw)
    return (gas, point(nucleus, psf=psf)) if nucleus else (gas,)


def shell(rng: np.random.Generator, rate: float) -> tuple[Layer, ...]:
    """Return the shell of a supernova: bright at its limb, brighter on one side."""
    psf, outer = King.drawn(rng), float(np.exp(rng.uniform(*np.log(SHELL_ARCSEC))))
    inner, lopsided, side = float(rng.uniform(0.75, 0.95)), float(rng.uniform(0, 0.9)), float(rng.uniform(0, 2 * np.pi))

    def draw(stream: np.random.Generator, n: int) -> FloatArray:
        radius = outer * np.cbrt(stream.uniform(inner**3, 1, n))
        projected = around(stream, radius * np.sqrt(1 - stream.uniform(-1, 1, n) ** 2))
        angle = np.arctan2(projected[:, 1], projected[:, 0]) - side
        # Reflect, rather than drop, what the fainter side has too many of: the number stays what it was.
        flip = stream.uniform(size=n) < lopsided * np.clip(-np.cos(angle), 0, None)
        return np.where(flip[:, None], -projected, projected) + psf.draw(stream, n)

    return (Layer(Role.OTHER, rate, draw),)


def stray_light(rng: np.random.Generator, rate: float) -> tuple[Layer, ...]:
    """Return an arc of light that a bright source outside the field of view throws in by a single reflection."""
    radius, start = float(np.exp(rng.uniform(*np.log(ARC_ARCSEC)))), float(rng.uniform(0, 2 * np.pi))
    length, width = float(rng.uniform(0.3, 1.5)), float(rng.uniform(0.05, 0.2))
    center = -radius * np.array([np.cos(start), np.sin(start)])  # the middle of the arc stands at the position

    def draw(stream: np.random.Generator, n: int) -> FloatArray:
        angle = start + length * (stream.uniform(size=n) - 0.5)
        distance = radius * (1 + width * (stream.triangular(0, 0.2, 1, n) - 0.2))
        return np.asarray(center + np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=-1))

    return (Layer(Role.OTHER, rate, draw),)


def streak(rng: np.random.Generator, rate: float) -> tuple[Layer, ...]:
    """Return a point source with a streak through it: photons that arrived while its image was read out."""
    psf, share = King.drawn(rng), float(rng.uniform(0.2, 0.6))
    angle, length = float(rng.uniform(0, np.pi)), float(rng.uniform(120, 1200))
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])

    def draw(stream: np.random.Generator, n: int) -> FloatArray:
        place = length * (stream.uniform(size=(n, 1)) - 0.5)
        return np.asarray(place * along + STREAK_SIGMA_ARCSEC * stream.normal(size=(n, 1)) * across)

    return point((1 - share) * rate, psf=psf), Layer(Role.OTHER, share * rate, draw)


def pile_up(rng: np.random.Generator, rate: float) -> tuple[Layer, ...]:
    """Return a point source so bright that photons of its core are taken for one and thrown away: a hole."""
    psf, hole = King.drawn(rng), float(rng.uniform(*PILE_UP_ARCSEC))

    def survives(radius: FloatArray) -> FloatArray:
        return np.asarray(1 - 0.95 * np.exp(-((radius / hole) ** 2)))

    shares = (np.arange(2000) + 0.5) / 2000
    loss = float(survives(psf.radius(shares)).mean())

    def draw(stream: np.random.Generator, n: int) -> FloatArray:
        offsets = psf.draw(stream, n)
        return offsets[stream.uniform(size=n) < survives(np.hypot(*offsets.T))]

    return (Layer(Role.OTHER, rate / loss, draw),)


CONFUSERS: dict[str, Confuser] = {
    "wings": wings,
    "group": group,
    "cluster": cluster,
    "shell": shell,
    "stray_light": stray_light,
    "streak": streak,
    "pile_up": pile_up,
}
