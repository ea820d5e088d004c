"""The maps that a survey makes of radio galaxies: other sources, residual sidelobes and noise."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merkhet.simulate.beams import FloatArray, correlated_noise, padded_shape
from merkhet.simulate.components import Components, render
from merkhet.simulate.radio_galaxies.galaxies import Galaxy, draw_galaxy
from merkhet.simulate.radio_galaxies.sky import Stream, draw_slot, field_center, generator, sin_to_sky
from merkhet.simulate.radio_galaxies.survey import Survey
from merkhet.simulate.sidelobes import residual_sidelobes
from merkhet.simulate.source_counts import FLUX_RANGE_JY, draw_fluxes

RMS_SCATTER = 0.1  # of the natural logarithm
NEIGHBOR_MIN_RMS = 2.0  # unrelated sources are drawn down to here, below what one can tell from noise
SNAPSHOTS = 2
MAX_HOUR_ANGLE = np.deg2rad(15)  # FIRST observed within an hour of the meridian
POINTING_SCATTER_BEAMS = 0.5  # of the host galaxy against the center of the map
EDGE_BEAMS = 1.5  # what is left free around a source

Point = tuple[float, float]


@dataclass(frozen=True)
class Cutout:
    """A map, and what it shows.

    Attributes
    ----------
    image
        ``(y, x)`` float32, Jy/beam.
    galaxy
        The radio galaxy that the map is of.
    core_px, core_sky
        Its core: ``(x, y)`` in 0-based pixels, and right ascension and declination in degrees.
    center_sky, center_px
        The reference point of the projection, in the same terms; outside the map for the second cutout of a patch.
    group
        The index of the first source on this patch of sky.
    peak_jy_beam
        Brightest pixel of the galaxy alone, without noise.
    rms_jy_beam
        Noise of the field.
    """

    image: npt.NDArray[np.float32]
    galaxy: Galaxy
    core_px: Point
    core_sky: Point
    center_px: Point
    center_sky: Point
    group: int
    peak_jy_beam: float
    rms_jy_beam: float


@dataclass(frozen=True)
class _Patch:
    """The grid of a patch of sky.

    Attributes
    ----------
    shape
        ``(y, x)``.
    corners
        First pixel ``(x, y)`` of each cutout.
    center_px, center_sky
        The reference point of the projection: the middle of the first cutout.
    """

    shape: tuple[int, int]
    corners: list[tuple[int, int]]
    center_px: Point
    center_sky: Point


def cutouts(slot_index: int, *, seed: int, survey: Survey) -> Iterator[Cutout]:
    """Make the maps of the sources ``2 * slot_index`` and ``2 * slot_index + 1``, in this order."""
    slot, first = draw_slot(slot_index, seed=seed, survey=survey), 2 * slot_index
    galaxies = [
        draw_galaxy(generator(seed, Stream.GALAXY, first + k), label=label, survey=survey)
        for k, label in enumerate(slot.labels)
    ]
    if slot.offset_px is not None:
        yield from _observe(galaxies, [(0, 0), slot.offset_px], index=first, seed=seed, survey=survey)
        return
    for k, galaxy in enumerate(galaxies):
        yield from _observe([galaxy], [(0, 0)], index=first + k, seed=seed, survey=survey)


def _observe(
    galaxies: list[Galaxy], offsets: list[tuple[int, int]], *, index: int, seed: int, survey: Survey
) -> Iterator[Cutout]:
    """Map one patch of sky, and cut out a map for each galaxy on it."""
    rng = generator(seed, Stream.FIELD, index)
    patch = _lay_out(offsets, center_sky=field_center(index, seed=seed), survey=survey)
    cores = [_place(rng, galaxy, corner, survey) for galaxy, corner in zip(galaxies, patch.corners, strict=True)]
    alone = [
        render(galaxy.in_pixels(core, survey=survey), shape=patch.shape, beam_fwhm_px=survey.beam_fwhm_px)
        for galaxy, core in zip(galaxies, cores, strict=True)
    ]
    rms = survey.rms_jy_beam * float(np.exp(rng.normal(0, RMS_SCATTER)))
    field = _map(rng, np.sum(alone, axis=0), patch=patch, rms=rms, survey=survey)
    for galaxy, (x, y), core, model in zip(galaxies, patch.corners, cores, alone, strict=True):
        window = slice(y, y + survey.size_px), slice(x, x + survey.size_px)
        offset = (np.array(core) - patch.center_px) * survey.pixel_scale_arcsec / 3600
        yield Cutout(
            image=field[window].astype(np.float32),
            galaxy=galaxy,
            core_px=(core[0] - x, core[1] - y),
            core_sky=sin_to_sky(float(offset[0]), float(offset[1]), center=patch.center_sky),
            center_px=(patch.center_px[0] - x, patch.center_px[1] - y),
            center_sky=patch.center_sky,
            group=index,
            peak_jy_beam=float(model[window].max()),
            rms_jy_beam=rms,
        )


def _lay_out(offsets: list[tuple[int, int]], *, center_sky: Point, survey: Survey) -> _Patch:
    size, middle = survey.size_px, 0.5 * (survey.size_px - 1)
    left, bottom = min(x for x, _ in offsets), min(y for _, y in offsets)
    corners = [(x - left, y - bottom) for x, y in offsets]
    height, width = (size + max(corner[axis] for corner in corners) for axis in (1, 0))
    shape = padded_shape((height, width), beam_fwhm_px=survey.beam_fwhm_px)
    return _Patch(shape, corners, (corners[0][0] + middle, corners[0][1] + middle), center_sky)


def _place(rng: np.random.Generator, galaxy: Galaxy, corner: tuple[int, int], survey: Survey) -> Point:
    """Return the pixel of a core: near the middle of its cutout, moved as little as keeps the source inside."""
    middle, beam = 0.5 * (survey.size_px - 1), survey.beam_fwhm_px
    core = middle + POINTING_SCATTER_BEAMS * beam * rng.normal(size=2)
    left, right, bottom, top = np.array(galaxy.components.bounds()) / survey.pixel_scale_arcsec
    edge = EDGE_BEAMS * beam
    lowest = np.array([edge - left, edge - bottom])
    highest = survey.size_px - 1 - edge - np.array([right, top])
    x, y = np.clip(core, lowest, highest) + corner
    return float(x), float(y)


def _map(rng: np.random.Generator, galaxies: FloatArray, *, patch: _Patch, rms: float, survey: Survey) -> FloatArray:
    """Add to the galaxies what else is in a map."""
    beam = survey.beam_fwhm_px
    sky = galaxies + render(_neighbors(rng, patch.shape, survey), shape=patch.shape, beam_fwhm_px=beam)
    field = sky + correlated_noise(rng, shape=patch.shape, beam_fwhm_px=beam, rms=rms)
    if survey.uncleaned_fraction == 0:
        return field
    share = rng.uniform(0, survey.uncleaned_fraction)
    hour_angles = rng.uniform(-MAX_HOUR_ANGLE, MAX_HOUR_ANGLE, SNAPSHOTS)
    declination = float(np.deg2rad(patch.center_sky[1]))
    return field + share * residual_sidelobes(sky, hour_angles=hour_angles, declination=declination, beam_fwhm_px=beam)


def _neighbors(rng: np.random.Generator, shape: tuple[int, int], survey: Survey) -> Components:
    """Draw unrelated point sources, evenly over the grid of a patch."""
    fluxes = draw_fluxes(
        rng,
        solid_angle_sr=shape[0] * shape[1] * survey.pixel_sr,
        min_flux_jy=max(NEIGHBOR_MIN_RMS * survey.rms_jy_beam, FLUX_RANGE_JY[0]),
    )
    y, x = rng.uniform(-0.5, np.array(shape) - 0.5, size=(len(fluxes), 2)).T
    return Components.points(x=x, y=y, flux=fluxes)
