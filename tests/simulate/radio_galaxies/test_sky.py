"""Positions, slots and random streams."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from merkhet.simulate.radio_galaxies.sky import (
    DEC_RANGE,
    MAX_SEPARATION_ARCSEC,
    RA_RANGE,
    SHARED_SLOTS,
    Stream,
    draw_slot,
    field_center,
    generator,
    sin_to_sky,
)
from merkhet.simulate.radio_galaxies.survey import Survey

SLOTS = [draw_slot(index, seed=4, survey=Survey()) for index in range(3000)]


@given(
    west=st.floats(-0.2, 0.2),
    north=st.floats(-0.2, 0.2),
    ra=st.floats(0, 360, exclude_max=True),
    dec=st.floats(-89, 89),
)
def test_projection_agrees_with_astropy(west, north, ra, dec):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---SIN", "DEC--SIN"], [ra, dec], [1, 1]
    wcs.wcs.cdelt = [-1, 1]  # pixels of a degree, x towards the west
    expected = SkyCoord(*wcs.wcs_pix2world(west, north, 0), unit="deg")
    assert SkyCoord(*sin_to_sky(west, north, center=(ra, dec)), unit="deg").separation(expected).arcsec < 1e-6


def test_fields_are_spread_over_the_footprint_and_keep_apart():
    ra, dec = np.array([field_center(index, seed=1) for index in range(6000)]).T
    assert ra.min() >= RA_RANGE[0]
    assert ra.max() <= RA_RANGE[1]
    assert dec.min() >= DEC_RANGE[0]
    assert dec.max() <= DEC_RANGE[1]
    assert np.mean(np.sin(np.deg2rad(dec))) == pytest.approx(np.mean(np.sin(np.deg2rad(DEC_RANGE))), abs=0.01)
    places = SkyCoord(ra, dec, unit="deg")
    _, nearest, _ = places.match_to_catalog_sky(places, nthneighbor=2)
    assert nearest.arcsec.min() > 2700


def test_a_slot_holds_one_source_of_each_class_in_random_order():
    assert {slot.labels for slot in SLOTS} == {("FRI", "FRII"), ("FRII", "FRI")}
    assert np.mean([slot.labels[0] == "FRI" for slot in SLOTS]) == pytest.approx(0.5, abs=0.04)


def test_a_few_slots_share_their_sky():
    offsets = np.array([slot.offset_px for slot in SLOTS if slot.offset_px is not None])
    assert len(offsets) / len(SLOTS) == pytest.approx(SHARED_SLOTS, abs=0.012)
    separation = 1.8 * np.hypot(*offsets.T)
    assert separation.min() > 0.29 * 270
    assert separation.max() < 0.86 * 270 < MAX_SEPARATION_ARCSEC


def test_sources_of_a_wide_field_still_lie_within_the_grouping_radius():
    wide = Survey(size_px=400)
    offsets = [draw_slot(index, seed=4, survey=wide).offset_px for index in range(600)]
    assert 1.8 * max(np.hypot(*offset) for offset in offsets if offset is not None) < MAX_SEPARATION_ARCSEC + 2


def test_streams_are_reproducible_and_apart():
    draws = [
        generator(seed, stream, index).uniform() for seed in (0, 1) for stream in Stream for index in (0, 1, 2**33)
    ]
    assert len(set(draws)) == len(draws)
    assert generator(1, Stream.FIELD, 7).uniform() == generator(1, Stream.FIELD, 7).uniform()
