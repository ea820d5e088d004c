import warnings
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from astropy import log
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from merkhet.io.wcs import Beam, celestial_wcs, clean_header, pixel_scale_arcsec, read_beam, sky_center

PLAIN: dict[str, Any] = {
    "NAXIS": 2, "NAXIS1": 100, "NAXIS2": 80, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0,
    "CRVAL2": 30.0, "CRPIX1": 50.5, "CRPIX2": 40.5, "CDELT1": -0.001, "CDELT2": 0.001,
}  # fmt: skip
THIRD: dict[str, Any] = {"NAXIS": 3, "NAXIS3": 4, "CTYPE3": "FREQ", "CRVAL3": 1e9, "CRPIX3": 1.0, "CDELT3": 1e6}


def header(**cards: Any) -> fits.Header:
    """Return a plain header with cards changed, added, or (None) taken away."""
    merged = {key: value for key, value in {**PLAIN, **cards}.items() if value is not None}
    return fits.Header(list(merged.items()))


def neighbor_scale(wcs: WCS) -> float:
    """Return the mean side of the pixel at the reference point, in arcsec, from distances on the sky."""
    x, y = wcs.wcs.crpix - 1
    here = wcs.pixel_to_world(x, y)
    right, up = (here.separation(wcs.pixel_to_world(x + dx, y + dy)).arcsec for dx, dy in ((0.01, 0), (0, 0.01)))
    return float(100 * np.sqrt(right * up))


# -- world coordinates ----------------------------------------------------------------------------------------------

USABLE = {
    "plain": {},
    "dates that are none": {"DATE-OBS": "12/31/99", "MJD-OBS": "yesterday", "DATE-END": "2017-13-45"},
    "deprecated frame": {"RADECSYS": "FK5", "EQUINOX": "J2000"},
    "three axes": THIRD,
    "four axes with Stokes": {**THIRD, "NAXIS": 4, "NAXIS4": 1, "CTYPE4": "STOKES", "CRVAL4": 1.0},
    "third axis in a unit that is none": {**THIRD, "CUNIT3": "furlong"},
    "third axis of an unknown kind": {**THIRD, "CTYPE3": "VELO-LSR", "CUNIT3": "km/sec"},
    "third axis in a table elsewhere": {**THIRD, "CTYPE3": "WAVE-TAB", "PS3_0": "WCS-TAB", "PS3_1": "x"},
    "lookup-table distortion elsewhere": {"CPDIS1": "LOOKUP", "DP1": "EXTVER: 1.0", "CPDIS2": "Lookup"},
    "detector correction elsewhere": {"D2IMDIS1": "LOOKUP", "D2IM1": "EXTVER: 1.0"},
    "SIP": {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-9},
    "SIP not announced": {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-9},
    "TPV": {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "PV1_0": 0.0, "PV1_1": 1.0, "PV2_0": 0.0, "PV2_1": 1.0},
    "Galactic": {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"},
    "declination first": {"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": 30.0, "CRVAL2": 150.0},
    "more axes than the image": {"WCSAXES": 3},
    "CD matrix": {"CDELT1": None, "CDELT2": None, "CD1_1": -0.001, "CD2_2": 0.001},
    "rotated": {"CROTA2": 30.0},
    "arcseconds": {"CUNIT1": "arcsec", "CUNIT2": "arcsec", "CDELT1": -3.6, "CDELT2": 3.6, "CRVAL1": 150 * 3600.0,
                   "CRVAL2": 30 * 3600.0},
}  # fmt: skip


@pytest.mark.parametrize("cards", USABLE.values(), ids=USABLE.keys())
def test_odd_headers_give_a_position_and_no_warning(cards, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wcs = celestial_wcs(header(**cards))
    assert wcs is not None and wcs.naxis == 2
    center = wcs.pixel_to_world(49.5, 39.5)
    angles = (center.l, center.b) if cards.get("CTYPE1", "").startswith("G") else (center.ra, center.dec)
    assert [angle.deg for angle in angles] == pytest.approx([150, 30])
    assert pixel_scale_arcsec(wcs) == pytest.approx(3.6)
    assert pixel_scale_arcsec(wcs) == pytest.approx(neighbor_scale(wcs), rel=1e-6)
    assert capfd.readouterr() == ("", "")
    assert not log.disabled


UNUSABLE = {
    "no world coordinates": dict.fromkeys(["CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2"]),
    "linear axes": {"CTYPE1": "X", "CTYPE2": "Y"},
    "one celestial axis": {"CTYPE2": "LINEAR"},
    "unknown projection": {"CTYPE1": "RA---XYZ", "CTYPE2": "DEC--XYZ"},
    "two projections": {"CTYPE2": "DEC--SIN"},
    "pixels of no size": {"CDELT1": 0.0},
    "half a CD matrix": {"CDELT1": None, "CDELT2": None, "CD1_1": -0.001, "CD1_2": 0.0},
    "position in text": {"CRVAL1": "10:00:00"},
    "a unit that is none": {"CUNIT1": "furlong"},
    "declination beyond the pole": {"CRVAL2": 120.0},
    "IRAF polynomial": {"CTYPE1": "RA---TNX", "CTYPE2": "DEC--TNX", "WAT1_001": 'wtype=tnx lngcor = "3. 4. 4."'},
    "celestial axes behind the image": {**THIRD, "CTYPE1": "STOKES", "CTYPE2": "RA---TAN", "CTYPE3": "DEC--TAN"},
}


@pytest.mark.parametrize("cards", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_headers_give_none_and_no_warning(cards):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert celestial_wcs(header(**cards)) is None


@given(
    place=st.tuples(st.floats(0, 359.9), st.floats(-89, 89)),
    scale=st.floats(1e-5, 0.05),
    stretch=st.floats(0.5, 2),
    angle=st.floats(0, 2 * np.pi),
    flip=st.sampled_from([-1, 1]),
)
def test_the_pixel_scale_agrees_with_distances_on_the_sky(place, scale, stretch, angle, flip):
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation @ np.diag([flip * scale * stretch, scale / stretch])
    cards = {f"CD{i + 1}_{j + 1}": matrix[i, j] for i in range(2) for j in range(2)}
    wcs = celestial_wcs(header(CDELT1=None, CDELT2=None, CRVAL1=place[0], CRVAL2=place[1], **cards))
    assert wcs is not None
    assert pixel_scale_arcsec(wcs) == pytest.approx(scale * 3600)
    assert pixel_scale_arcsec(wcs) == pytest.approx(neighbor_scale(wcs), rel=1e-4)


def test_the_scale_of_a_cube_is_that_of_its_celestial_axes():
    assert pixel_scale_arcsec(WCS(header(**THIRD))) == pytest.approx(3.6)


# -- centers --------------------------------------------------------------------------------------------------------


def test_the_center_is_in_the_middle_of_the_pixels():
    wcs = celestial_wcs(header())
    assert wcs is not None
    assert sky_center(wcs, (80, 100)) == pytest.approx((150, 30))


def test_the_center_is_equatorial_whatever_the_frame():
    wcs = celestial_wcs(header(CTYPE1="GLON-TAN", CTYPE2="GLAT-TAN"))
    assert wcs is not None
    expected = SkyCoord(150, 30, unit="deg", frame="galactic").icrs
    assert sky_center(wcs, (80, 100)) == pytest.approx((expected.ra.deg, expected.dec.deg))


def test_a_center_off_the_sky_is_nan():
    wcs = celestial_wcs(header(CTYPE1="RA---SIN", CTYPE2="DEC--SIN", CDELT1=-1.0, CDELT2=1.0, CRPIX1=5000.0))
    assert wcs is not None
    assert np.isnan(sky_center(wcs, (80, 100))).all()


# -- headers --------------------------------------------------------------------------------------------------------


def test_a_clean_header_has_no_commentary_and_no_broken_cards():
    original = header(BUNIT="Jy/beam")
    text = original.tostring(endcard=False)
    for card in ("COMMENT   tab \there", "HISTORY   and \there", "BROKEN  = no quotes, no number", " " * 80):
        text += card.ljust(80)
    clean = clean_header(fits.Header.fromstring(text))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(clean) == list(original)
        assert clean.tostring() == original.tostring()
        fits.PrimaryHDU(np.zeros((2, 2)), clean).verify("exception")


def test_cleaning_leaves_the_original_alone():
    original = header(COMMENT="x")
    clean_header(original)["CRVAL1"] = 1.0
    assert original["CRVAL1"] == 150 and "COMMENT" in original


# -- beams ----------------------------------------------------------------------------------------------------------


def values(beam: Beam | None) -> tuple[float, ...] | None:
    return None if beam is None else astuple(beam)


@pytest.mark.parametrize(
    ("cards", "beam"),
    [
        ({"BMAJ": 0.01, "BMIN": 0.005, "BPA": 30.0}, (36, 18, 30)),
        ({"BMAJ": 0.01, "BMIN": 0.01, "BPA": 0}, (36, 36, 0)),
        ({"BMAJ": 0.01}, (36, 36, 0)),
        ({"BMAJ": 0.0, "BMIN": 0.0, "BPA": 0.0}, None),
        ({"BMAJ": -1.0, "BMIN": -1.0}, None),
        ({"BMAJ": 0.005, "BMIN": 0.01}, None),
        ({"BMAJ": "36 arcsec"}, None),
        ({"BMIN": 0.01}, None),
        ({"HISTORY": "AIPS   CLEAN BMAJ=  1.0000E-02 BMIN=  5.0000E-03 BPA=  -3.50"}, (36, 18, -3.5)),
        ({"HISTORY": "we did not CLEAN; BMAJ= unknown"}, None),
        ({}, None),
    ],
)
def test_beams(cards, beam):
    assert values(read_beam(header(**cards))) == (None if beam is None else pytest.approx(beam))


def test_the_last_clean_of_the_history_counts_and_keywords_before_it():
    both = header()
    for major in ("1.0E-02", "2.0E-02"):
        both.add_history(f"AIPS   CLEAN BMAJ=  {major} BMIN=  5.0E-03 BPA=  0.0")
    assert values(read_beam(both)) == pytest.approx((72, 18, 0))
    both["BMAJ"] = 0.001
    assert values(read_beam(both)) == pytest.approx((3.6, 3.6, 0))


@pytest.mark.real
def test_real_commentary_with_tabs(real_data):
    for path in sorted((real_data / "mirabest_original").glob("*.fits")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            original = fits.getheader(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            clean = clean_header(original)
            assert len(clean.tostring()) % 2880 == 0 and "COMMENT" not in clean
            wcs = celestial_wcs(original)
        assert wcs is not None and pixel_scale_arcsec(wcs) == pytest.approx(1.8)
        ra, dec = (float(part) for part in (path.name[4:11], path.name[11:19]))
        assert sky_center(wcs, (300, 300)) == pytest.approx((ra, dec), abs=2e-3)
