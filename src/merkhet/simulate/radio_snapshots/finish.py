"""What is done to an image in the end: division by the primary beam, blank edges."""

import numpy as np

from merkhet.simulate.beams import FloatArray
from merkhet.simulate.interferometer.grids import RealMap
from merkhet.simulate.interferometer.primary_beam import Polarization, TileBeam
from merkhet.simulate.interferometer.subbands import Subband
from merkhet.simulate.radio_snapshots.observations import Observation

LEAST_RESPONSE = 0.1  # below it, a corrected image is blank
BEAM_STEP_PX = 16


def finish(
    image: RealMap, *, observation: Observation, tile: TileBeam, subband: Subband, polarization: Polarization
) -> RealMap:
    """Return an image, or an artifact, as it is delivered: NaN where it is blank.

    Parameters
    ----------
    image
        ``(y, x)``, Jy/beam of apparent flux.
    """
    done = image
    size = image.shape[0]
    if observation.corrected:
        response = _response(size, observation, tile=tile, subband=subband, polarization=polarization)
        done = np.where(response >= LEAST_RESPONSE, image / np.maximum(response, LEAST_RESPONSE), np.float32(np.nan))
    if observation.blank_edge is not None:
        angle, distance = observation.blank_edge
        place = (np.arange(size, dtype=np.float32) - size // 2) / np.float32(size / 2)
        beyond = place * np.float32(np.cos(angle)) + (place * np.float32(np.sin(angle)))[:, None] > distance
        done = np.where(beyond, np.float32(np.nan), done)
    return done


def _response(
    size: int, observation: Observation, *, tile: TileBeam, subband: Subband, polarization: Polarization
) -> RealMap:
    """Return the primary beam on the pixels of an image: exact on every sixteenth, linear between."""
    pixel = np.deg2rad(observation.array.pixel_deg(subband.channel))
    coarse = np.arange(-(size // 2), size // 2 + BEAM_STEP_PX, BEAM_STEP_PX)
    l, m = np.meshgrid(-coarse * pixel, coarse * pixel)  # noqa: E741
    above = l**2 + m**2 < 1
    scale = np.where(above, 1.0, 0.0)
    direction = observation.pointing.ground(l * scale, m * scale)
    response = tile.power(direction, frequency_hz=subband.frequency_hz, polarization=polarization) * scale
    along = _between(size, len(coarse))
    return np.asarray(along @ response @ along.T, dtype=np.float32)


def _between(size: int, points: int) -> FloatArray:
    """Return the matrix ``(size, points)`` that interpolates linearly."""
    pixel = np.arange(size)
    left = pixel // BEAM_STEP_PX
    share = pixel % BEAM_STEP_PX / BEAM_STEP_PX
    matrix = np.zeros((size, points))
    matrix[pixel, left], matrix[pixel, left + 1] = 1 - share, share
    return matrix
