"""From what shines to photo-electrons in cameras.

Every emitter is seen by every telescope in its true direction and at its true distance. How much light a telescope gets
from it falls with the angle to the shower's axis: even up to the Cherenkov angle at that height and exponential beyond,
where electrons that scatter far from the axis shine. Past the maximum of a cascade the electrons are slower and scatter
more, and the cone opens. Seen from the ground this is the light pool: even to near 120 m, then falling.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merkhet.io.cherenkov.direction import offset_to_camera, to_offset
from merkhet.io.cherenkov.subarray import TelescopeType
from merkhet.simulate.cherenkov.array import Detector
from merkhet.simulate.cherenkov.atmosphere import cherenkov_angle, mean_refractivity, transmission
from merkhet.simulate.cherenkov.cascades import Emitters
from merkhet.simulate.cherenkov.muons import ANGLES, Muons, NearMuons, near_telescopes
from merkhet.simulate.cherenkov.observation import FloatArray, IntArray
from merkhet.simulate.cherenkov.primaries import Showers

BEYOND_RING = 0.9
"""Decrease by 1/e of the light beyond the Cherenkov angle, in units of that angle."""
OPENING = 3.0
"""Power of the shower age by which the cone opens past the maximum."""
FAINTEST_PE = 12.0
"""A telescope that expects less light than this is not looked at: it cannot trigger."""
SUBCASCADE_M = 5.0
"""Spread of the light of one emitter across the line of sight."""
MUON_SPREAD_DEG = 0.04
NS_PER_M = 1 / 0.299792458
FloatPhotons = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Photons:
    """Photo-electrons of the telescopes of one type.

    Attributes
    ----------
    shower, telescope
        ``(k,)``: which shower and which telescope of the type each image is of, ascending.
    image
        ``(p,)``: image of each photo-electron.
    x, y
        ``(p,)``: where in the camera, m.
    time
        ``(p,)``: when, ns after the front of the shower met the ground at the core.
    """

    shower: IntArray
    telescope: IntArray
    image: IntArray
    x: FloatPhotons
    y: FloatPhotons
    time: FloatPhotons


@dataclass(frozen=True, eq=False)
class Sources:
    """Showers with all of them that shines."""

    showers: Showers
    emitters: Emitters
    muons: Muons


@dataclass(frozen=True, eq=False)
class View:
    """The telescopes of one type: what they are, do to light, stand at ``(t, 3)`` m, and look at (alt, az in rad)."""

    kind: TelescopeType
    detector: Detector
    positions: FloatArray
    pointing: FloatArray


@dataclass(frozen=True, eq=False)
class _Bunches:
    """Groups of photo-electrons from one direction: image, number, position in the camera, blur in m, time in ns."""

    image: IntArray
    number: IntArray
    position: FloatArray
    blur: FloatArray
    time: FloatArray


def photo_electrons(sources: Sources, *, view: View, rng: np.random.Generator) -> Photons:
    """Let the telescopes of one type see showers."""
    emitters, muons, area = sources.emitters, sources.muons, view.kind.mirror_area_m2
    light = expected_light(emitters, positions=view.positions, mirror_area_m2=area) * view.detector.efficiency
    near = near_telescopes(muons, positions=view.positions, mirror_radius_m=np.sqrt(area / np.pi))
    ring = near.photons * view.detector.efficiency
    total = np.zeros((len(sources.showers), len(view.positions)))
    np.add.at(total, emitters.shower, light)
    np.add.at(total, (muons.shower[near.muon], near.telescope), ring.sum(axis=1))
    shower, telescope = np.nonzero(total > FAINTEST_PE)
    image = np.full(total.shape, -1)
    image[shower, telescope] = np.arange(len(shower))
    parts = [
        _shower_light(light, image, emitters, view=view, rng=rng),
        _muon_light(ring, image, near, sources=sources, view=view, rng=rng),
    ]
    return _spread(shower, telescope, parts, rng)


def expected_light(emitters: Emitters, *, positions: FloatArray, mirror_area_m2: float) -> FloatArray:
    """Return the mean number of photons ``(e, t)`` that mirrors at ``positions`` ``(t, 3)`` catch of each emitter."""
    dx, dy, dz = (positions[None, :, k] - emitters.position[:, k, None] for k in range(3))
    squared = dx**2 + dy**2 + dz**2
    along = sum(d * emitters.heading[:, k, None] for k, d in enumerate((dx, dy, dz)))
    off_axis = np.arctan2(np.sqrt(np.maximum(squared - along**2, 0)), along)
    ring = cherenkov_angle(emitters.height) * np.maximum(emitters.age, 1.0) ** OPENING
    cosine = np.clip(-dz / np.sqrt(squared), 0.2, 1)
    reach = transmission(emitters.height[:, None], cosine=cosine)
    share = np.exp(-np.maximum(off_axis / ring[:, None] - 1, 0) / BEYOND_RING)
    solid = 2 * np.pi * ring**2 * (0.5 + BEYOND_RING + BEYOND_RING**2)
    return np.asarray((emitters.photons / solid)[:, None] * share * reach * mirror_area_m2 / squared)


def _shower_light(
    light: FloatArray, image: IntArray, emitters: Emitters, *, view: View, rng: np.random.Generator
) -> _Bunches:
    """Draw the photo-electrons of emitters in the images that are looked at."""
    seen = image[emitters.shower] >= 0
    number = np.zeros(light.shape, dtype=np.int64)
    number[seen] = rng.poisson(light[seen])
    emitter, telescope = np.nonzero(number)
    sight = emitters.position[emitter] - view.positions[telescope]
    distance = np.linalg.norm(sight, axis=1)
    travel = distance * (1 + mean_refractivity(emitters.height[emitter]))
    blur = np.hypot(np.deg2rad(view.detector.blur_deg), SUBCASCADE_M / distance) * view.kind.focal_length_m
    return _Bunches(
        image[emitters.shower[emitter], telescope],
        number[emitter, telescope],
        in_camera(sight, pointing=view.pointing, kind=view.kind),
        blur,
        (emitters.delay[emitter] + travel) * NS_PER_M,
    )


def _muon_light(
    ring: FloatArray, image: IntArray, near: NearMuons, *, sources: Sources, view: View, rng: np.random.Generator
) -> _Bunches:
    """Draw the photo-electrons of muons: light that leaves one on a side is seen on the other of its origin."""
    muons, showers = sources.muons, sources.showers
    place = image[muons.shower[near.muon], near.telescope]
    number = rng.poisson(np.where(place[:, None] >= 0, ring, 0.0))
    pair, part = np.nonzero(number)
    muon = near.muon[pair]
    heading, towards = muons.heading[muon], near.towards[pair]
    around = (part + rng.random(len(part))) / ANGLES * 2 * np.pi
    outwards = towards * np.cos(around)[:, None] + np.cross(heading, towards) * np.sin(around)[:, None]
    angle = muons.angle[muon][:, None]
    sight = -(heading * np.cos(angle) + outwards * np.sin(angle))
    shower = muons.shower[muon]
    late = -((view.positions[near.telescope[pair]] - showers.core[shower]) * showers.origin[shower]).sum(axis=1)
    blur_deg = np.hypot(view.detector.blur_deg, MUON_SPREAD_DEG)
    return _Bunches(
        place[pair],
        number[pair, part].astype(np.int64),
        in_camera(sight, pointing=view.pointing, kind=view.kind),
        np.full(len(pair), np.deg2rad(blur_deg) * view.kind.focal_length_m),
        late * NS_PER_M,
    )


def in_camera(sight: FloatArray, *, pointing: FloatArray, kind: TelescopeType) -> FloatArray:
    """Return where in the camera ``(e, 2)``, m, things are seen that lie in directions ``(e, 3)``, north, west, up."""
    alt = np.arctan2(sight[:, 2], np.hypot(sight[:, 0], sight[:, 1]))
    az = np.arctan2(-sight[:, 1], sight[:, 0])
    return offset_to_camera(
        to_offset(alt, az, pointing),
        focal_length_m=kind.focal_length_m,
        camera_rotation_deg=kind.camera.camera_rotation_deg,
    )


def _spread(shower: IntArray, telescope: IntArray, parts: list[_Bunches], rng: np.random.Generator) -> Photons:
    """Take bunches apart into photo-electrons, each blurred and late on its own."""
    number = np.concatenate([part.number for part in parts])

    def each(values: list[FloatArray]) -> FloatPhotons:
        return np.repeat(np.concatenate(values).astype(np.float32), number)

    total = int(number.sum())
    blur = each([part.blur for part in parts])
    x = each([part.position[:, 0] for part in parts]) + blur * rng.standard_normal(total, dtype=np.float32)
    y = each([part.position[:, 1] for part in parts]) + blur * rng.standard_normal(total, dtype=np.float32)
    time = each([part.time for part in parts]) + rng.standard_normal(total, dtype=np.float32)
    image = np.repeat(np.concatenate([part.image for part in parts]), number)
    return Photons(shower, telescope, image, x, y, time)
