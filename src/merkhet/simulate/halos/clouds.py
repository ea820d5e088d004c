"""Sightlines through the Galactic disk with fifteen molecular clouds, each at its near or its far kinematic distance.

The radial velocity of a cloud inside the solar circle fits two distances, ``R0 cos(l) -+ d``. Which of them holds is a
bit; the published halo tables carry fifteen such bits beside the columns of uniform dust and of clouds.
"""

from dataclasses import dataclass

import numpy as np

from merkhet.simulate.halos.dust import Dust
from merkhet.simulate.halos.sources import CLOUD_HALF_WIDTH, DISTANCE_KPC, Sightline, log_uniform
from merkhet.simulate.halos.sphere import FloatArray

CLOUDS = 15
SUN_TO_CENTER_KPC = 8.2
MAX_LONGITUDE_DEG = 60.0
NEAREST_KPC = 0.2
COLUMN_CM2 = (1e21, 3e22)  # of uniform dust, and of all clouds together if all were in front


@dataclass(frozen=True)
class Clouds:
    """The clouds of one sightline.

    Attributes
    ----------
    near_kpc, far_kpc
        The two distances of each, ``(15,)``.
    share
        Share of each in the column of all, ``(15,)``.
    """

    near_kpc: FloatArray
    far_kpc: FloatArray
    share: FloatArray

    def distances(self, bits: str) -> FloatArray:
        """Return the distance of each cloud, ``(15,)`` in kpc: far where its bit is 1."""
        return np.where(np.array(list(bits)) == "1", self.far_kpc, self.near_kpc)


@dataclass(frozen=True)
class DustModel:
    """The dust of one image, in the terms of the published tables.

    Attributes
    ----------
    sightline
        What it amounts to.
    nh_unif, nh_wco
        Columns, per cm^2, of uniform dust and of the clouds in front of the source.
    cloud_bits
        Fifteen characters: 1 for a cloud at its far distance.
    """

    sightline: Sightline
    nh_unif: float
    nh_wco: float
    cloud_bits: str


def draw_clouds(rng: np.random.Generator) -> Clouds:
    """Draw the clouds of a sightline."""
    tangent = SUN_TO_CENTER_KPC * float(np.cos(np.deg2rad(rng.uniform(0, MAX_LONGITUDE_DEG))))
    near = rng.uniform(NEAREST_KPC, tangent, CLOUDS)
    return Clouds(near, 2 * tangent - near, rng.dirichlet(np.full(CLOUDS, 0.5)))


def draw_model(rng: np.random.Generator, clouds: Clouds) -> DustModel:
    """Draw an image's choice of distances, and the columns; clouds behind the source count for nothing."""
    bits = "".join(rng.choice(["0", "1"], CLOUDS))
    distance = log_uniform(rng, DISTANCE_KPC)
    x = clouds.distances(bits) / distance
    uniform, total = log_uniform(rng, COLUMN_CM2), log_uniform(rng, COLUMN_CM2)
    half = float(rng.uniform(*CLOUD_HALF_WIDTH))
    front = (x > 2 * half) & (x < 1 - 2 * half)
    columns = total * clouds.share[front]
    slabs = [(0.0, 1.0), *((place - half, place + half) for place in x[front])]
    in_clouds = float(columns.sum())
    sightline = Sightline(Dust.mixture(slabs, columns=[uniform, *columns]), uniform + in_clouds, distance)
    return DustModel(sightline, uniform, in_clouds, bits)
