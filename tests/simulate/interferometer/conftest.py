"""A small interferometer that all tests here share."""

import numpy as np
import pytest

from merkhet.simulate.interferometer.arrays import ARRAYS, Array
from merkhet.simulate.interferometer.pointing import Pointing
from merkhet.simulate.interferometer.subbands import tuning
from merkhet.simulate.interferometer.tracks import Tracks, sample_tracks
from merkhet.simulate.interferometer.weights import Coverage, briggs_weights

SIZE = 128


def few_tiles():
    """Thirty-two of the tiles, so that sums over samples and pixels stay small."""
    return ARRAYS["compact"].positions[::4]


@pytest.fixture(scope="session")
def array() -> Array:
    return Array("few", few_tiles, pixel_deg_channel=4.0, image_px=SIZE)


@pytest.fixture(scope="session")
def pointing() -> Pointing:
    return Pointing(hour_angle=0.15, declination=-0.3, latitude=np.deg2rad(-26.7))


@pytest.fixture(scope="session")
def subband():
    return tuning(2)[1]


@pytest.fixture(scope="session")
def tracks(array, pointing, subband) -> Tracks:
    return sample_tracks(array, pointing=pointing, subband=subband, duration_s=112, step=0.5 / SIZE)


@pytest.fixture(scope="session")
def coverage(tracks) -> Coverage:
    return Coverage.of(tracks, briggs_weights(tracks, robust=-1, field_px=SIZE), size_px=SIZE)
