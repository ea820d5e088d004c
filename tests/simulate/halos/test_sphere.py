"""Positions against astropy."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import BarycentricMeanEcliptic, SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from merkhet.simulate.halos.sphere import ecliptic, offset, ra_dec, sin_galactic_latitude, unit_vectors

RA = st.floats(0, 360, exclude_max=True)
DEC = st.floats(-85, 85)


@given(ra=RA, dec=DEC)
def test_vectors_and_angles_are_inverse(ra, dec):
    back = ra_dec(unit_vectors(ra, dec))
    assert SkyCoord(*back, unit="deg").separation(SkyCoord(ra, dec, unit="deg")).arcsec < 1e-6


@given(ra=RA, dec=DEC, east=st.floats(-7000, 7000), north=st.floats(-7000, 7000))
def test_offsets_run_along_great_circles(ra, dec, east, north):
    moved = SkyCoord(*ra_dec(offset(unit_vectors(ra, dec), np.array([[east, north]]))), unit="deg")[0]
    start = SkyCoord(ra, dec, unit="deg")
    expected = start.directional_offset_by(np.arctan2(east, north) * u.rad, np.hypot(east, north) * u.arcsec)
    assert moved.separation(expected).arcsec < 1e-5


@given(ra=RA, dec=DEC)
def test_ecliptic_and_galactic_latitude_agree_with_astropy(ra, dec):
    vector, place = unit_vectors(ra, dec), SkyCoord(ra, dec, unit="deg")
    longitude, cosine = ecliptic(vector)
    theirs = place.transform_to(BarycentricMeanEcliptic())
    assert cosine == pytest.approx(np.cos(theirs.lat.rad), abs=1e-5)
    assert np.cos(np.deg2rad(longitude) - theirs.lon.rad) > 1 - 1e-7 or cosine < 0.05
    assert sin_galactic_latitude(vector) == pytest.approx(np.sin(place.galactic.b.rad), abs=1e-6)
