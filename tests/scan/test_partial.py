"""Flags of what is cut off."""

import numpy as np
import pytest

from merkhet.io.catalog import Flag
from merkhet.scan.field import Field
from merkhet.scan.partial import footprint_flags, window_flags
from tests.scan.surveys import make_counts, make_tile, make_wcs

SIDE = 64
PARTIAL = Flag.PARTIAL_TOP | Flag.PARTIAL_BOTTOM | Flag.PARTIAL_LEFT | Flag.PARTIAL_RIGHT


@pytest.mark.parametrize(
    ("x", "y", "flags"),
    [
        (31.5, 31.5, Flag(0)),
        (31.5, 66, Flag.PARTIAL_TOP),
        (31.5, -3, Flag.PARTIAL_BOTTOM),
        (-3, 31.5, Flag.PARTIAL_LEFT),
        (66, 31.5, Flag.PARTIAL_RIGHT),
        (64, 64, Flag.PARTIAL_TOP | Flag.PARTIAL_RIGHT),
    ],
)
def test_a_source_beyond_a_side_is_flagged_there(rng, x, y, flags):
    counts = make_counts(rng, shape=(SIDE, SIDE), sources=[(x, y, 2000, 6.0)], rate=0.02)[None].astype(float)
    assert window_flags(counts, np.full(counts.shape, 0.02))[0] == flags


def test_background_alone_is_not_partial(rng):
    background = np.full((300, SIDE, SIDE), 0.02)
    assert np.mean(window_flags(rng.poisson(background).astype(float), background) > 0) < 0.05


def test_objects_that_reach_off_the_survey_are_at_its_edge(rng):
    valid = np.ones((200, 300), dtype=bool)
    valid[80:120, 140:160] = False
    field = Field(make_tile(make_counts(rng, shape=valid.shape), valid=valid, wcs=make_wcs(shape=valid.shape)))
    x = np.array([50.0, 295, 3, 50, 50, 295, 150, 60])
    y = np.array([50.0, 50, 50, 195, 3, 195, 100, 100])
    flags = footprint_flags(field, x=x, y=y, radius_px=np.array([30.0] * 6 + [40.0, 79.0]))
    sides = [Flag(int(flag)) & PARTIAL for flag in flags]
    assert [bool(flag & Flag.EDGE) for flag in flags] == [False, True, True, True, True, True, True, True]
    assert sides[:5] == [Flag(0), Flag.PARTIAL_RIGHT, Flag.PARTIAL_LEFT, Flag.PARTIAL_TOP, Flag.PARTIAL_BOTTOM]
    assert sides[5] == Flag.PARTIAL_RIGHT | Flag.PARTIAL_TOP
    assert sides[6] == Flag(0)  # the hole is in its middle
    assert len(footprint_flags(field, x=x[:0], y=y[:0], radius_px=x[:0])) == 0
