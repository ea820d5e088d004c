"""Sub-bands: channels, frequencies, and the names of the survey's files."""

from itertools import pairwise

import pytest

from merkhet.simulate.interferometer.subbands import TUNINGS, Subband, tuning

# The twenty sub-bands of the published survey.
EDGES = [72, 80, 88, 95, 103, 111, 118, 126, 134], [139, 147, 154, 162, 170, 177, 185, 193, 200, 208, 216, 223, 231]
NAMES = [f"{low}-{high}MHz" for edges in EDGES for low, high in pairwise(edges)]


def test_the_twenty_sub_bands_have_their_published_names():
    found = [subband.name for number in range(len(TUNINGS)) for subband in tuning(number)]
    assert found == NAMES


def test_a_sub_band_is_six_coarse_channels():
    subband = Subband(115)
    assert subband.bandwidth_hz == pytest.approx(7.68e6)
    assert subband.channel == 117.5
    assert subband.frequency_hz == pytest.approx(sum(1.28e6 * channel for channel in range(115, 121)) / 6)
