"""Event lists are counted into images as numpy's histogram and astropy's projection say."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from merkhet.errors import InputError
from merkhet.io.events import count_events, image_frame, parse_energy, read_events, select_energy
from merkhet.io.wcs import celestial_wcs, pixel_scale_arcsec

SCALE = 0.05  # arcsec, of the event list's own pixels
WCS_CARDS = {"CTYP": ("RA---TAN", "DEC--TAN"), "CRPX": (5001.0, 4001.0), "CRVL": (83.6, -5.4),
             "CDLT": (-SCALE / 3600, SCALE / 3600), "CUNI": ("deg", "deg")}  # fmt: skip


def write_events(path, x, y, *, keys="T", name="EVENTS", columns=(), **cards):
    """Write an event list; ``keys`` T for TCRPXn and so on, REF for REFXCRPX and so on, none for neither."""
    places = [fits.Column("TIME", "D", array=np.arange(len(x))), fits.Column("X", "J", array=x),
              fits.Column("Y", "J", array=y)]  # fmt: skip
    table = fits.BinTableHDU.from_columns([*places, *columns], name=name)
    for short, values in WCS_CARDS.items():
        for number, axis, value in zip((2, 3), "XY", values, strict=True):
            if keys:
                table.header[f"T{short}{number}" if keys == "T" else f"REF{axis}{short}"] = value
    for number in (2, 3) if keys else ():
        table.header[f"TLMIN{number}"], table.header[f"TLMAX{number}"] = 1, 8000
    table.header.update(cards)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    return path


@pytest.fixture
def places(rng):
    return rng.integers(1, 8001, 3000), rng.integers(1, 8001, 3000)


@pytest.mark.parametrize("keys", ["T", "REF"])
def test_counts_are_those_of_numpys_histogram(tmp_path, places, keys):
    events = read_events(write_events(tmp_path / "e.fits.gz", *places, keys=keys, RADECSYS="FK5", EQUINOX=2000.0))
    header, shape = image_frame(events, pixel_arcsec=4)
    image = count_events(events, wcs=celestial_wcs(header), shape=shape)
    edges = 0.5 + 80 * np.arange(101)
    expected, *_ = np.histogram2d(places[1], places[0], bins=[edges, edges])
    assert image.dtype == np.int32 and shape == (100, 100)
    np.testing.assert_array_equal(image, expected)


def test_events_keep_their_places_on_the_sky(tmp_path, places):
    events = read_events(write_events(tmp_path / "e.fits", *places))
    listed = WCS(naxis=2)
    listed.wcs.ctype, listed.wcs.crpix = WCS_CARDS["CTYP"], WCS_CARDS["CRPX"]
    listed.wcs.crval, listed.wcs.cdelt = WCS_CARDS["CRVL"], WCS_CARDS["CDLT"]
    sky = listed.pixel_to_world(places[0][:5] - 1, places[1][:5] - 1)
    center = (83.65, -5.35)
    header, shape = image_frame(events, pixel_arcsec=2.5, size_px=60, center=center)
    wcs = celestial_wcs(header)
    assert wcs is not None and shape == (60, 60)
    assert pixel_scale_arcsec(wcs) == pytest.approx(2.5)
    assert SkyCoord(*center, unit="deg").separation(wcs.pixel_to_world(29.5, 29.5)).arcsec < 1e-3
    found = events.wcs.pixel_to_world(events.x[:5] - 1, events.y[:5] - 1)
    assert found.separation(sky).arcsec.max() < 1e-6


def test_energies_are_cut_in_ev(tmp_path, places):
    pi = np.random.default_rng(0).integers(100, 10000, 3000)
    path = write_events(tmp_path / "e.fits", *places, columns=[fits.Column("PI", "J", array=pi)], TELESCOP="XMM")
    events = select_energy(read_events(path), parse_energy("0.5 keV"), parse_energy("2000eV"))
    kept = (pi >= 500) & (pi < 2000)
    np.testing.assert_array_equal(events.x, places[0][kept])
    assert (events.header["E_MIN"], events.header["E_MAX"]) == (500, 2000)


@pytest.mark.parametrize(
    ("columns", "telescope", "expected"),
    [
        ([("ENERGY", "E", "eV", 1500.0)], "CHANDRA", 1500),
        ([("PI", "J", "chan", 103), ("energy", "E", "eV", 1500.0)], "CHANDRA", 1500),
        ([("ENERGY", "E", "keV", 1.5)], "SIXTE", 1500),
        ([("PI", "J", None, 1500)], "eROSITA", 1500),
        ([("PI", "J", "eV", 1500)], "OTHER", 1500),
        ([("PI", "J", "chan", 37)], "NuSTAR", None),
        ([], "XMM", None),
    ],
)
def test_energies_are_found_where_each_telescope_has_them(tmp_path, columns, telescope, expected):
    extra = [fits.Column(name, form, unit=unit, array=np.array([value])) for name, form, unit, value in columns]
    events = read_events(write_events(tmp_path / "e.fits", [5], [6], columns=extra, TELESCOP=telescope))
    if expected is None:
        assert events.energy_ev is None
        with pytest.raises(InputError, match=r"no energies; expected a column ENERGY, or PI in eV"):
            select_energy(events, 1, 2)
    else:
        assert events.energy_ev is not None
        np.testing.assert_allclose(events.energy_ev, [expected])


def test_a_table_of_another_name_is_found_by_its_columns_or_asked_for(tmp_path, places):
    path = write_events(tmp_path / "e.fits", *places, name="PHOTONS")
    assert (
        len(read_events(path).x) == len(read_events(path, hdu="photons").x) == len(read_events(path, hdu=1).x) == 3000
    )


def test_without_legal_range_the_image_covers_the_events(tmp_path):
    path = write_events(tmp_path / "e.fits", [101, 180], [201, 440])
    with fits.open(path, mode="update") as hdus:
        for key in ("TLMIN2", "TLMAX2", "TLMIN3", "TLMAX3"):
            del hdus[1].header[key]
    events = read_events(path)
    header, shape = image_frame(events, pixel_arcsec=80 * SCALE)
    assert shape == (3, 1)
    assert count_events(events, wcs=celestial_wcs(header), shape=shape).sum() == 2


def test_an_empty_list_is_an_empty_image(tmp_path):
    events = read_events(write_events(tmp_path / "e.fits", [], []))
    header, shape = image_frame(events, pixel_arcsec=4, size_px=10)
    assert count_events(events, wcs=celestial_wcs(header), shape=shape).sum() == 0


@pytest.mark.parametrize("text", ["0.5", "keV", "-1keV", "0.5 erg", "1e3 eV x"])
def test_an_energy_needs_its_unit(text):
    with pytest.raises(InputError, match="expected a number with its unit"):
        parse_energy(text)


def test_what_is_no_event_list_is_refused(tmp_path, places):
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "image.fits")
    with pytest.raises(InputError, match="no event list; expected one of: no table"):
        read_events(tmp_path / "image.fits")
    path = write_events(tmp_path / "e.fits", *places, keys="")
    with pytest.raises(InputError, match="columns X and Y have no world coordinates; expected TCTYP2, TCRPX2"):
        read_events(path)
    with pytest.raises(InputError, match=r"no table 'GTI'; expected one of: 1 \(EVENTS\)"):
        read_events(path, hdu="GTI")
    table = fits.BinTableHDU.from_columns([fits.Column("DETX", "J", array=[1])], name="EVENTS")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "det.fits")
    with pytest.raises(InputError, match="table EVENTS has no column X; expected sky pixel coordinates"):
        read_events(tmp_path / "det.fits")


def test_an_image_too_large_is_refused(tmp_path):
    events = read_events(write_events(tmp_path / "e.fits", [1], [1]))
    with pytest.raises(InputError, match=r"400000 pixels of 0.001 arcsec; expected 1 to 32768. Choose the part"):
        image_frame(events, pixel_arcsec=0.001)
    with pytest.raises(InputError, match="expected a positive number"):
        image_frame(events, pixel_arcsec=0)
    with pytest.raises(InputError, match="does not reach the center"):
        image_frame(events, pixel_arcsec=4, size_px=5, center=(263.6, 5.4))
    with pytest.raises(InputError, match="the lower energy first"):
        select_energy(read_events(write_events(tmp_path / "f.fits", [1], [1], columns=[
            fits.Column("ENERGY", "E", array=[1.0])])), 2, 1)  # fmt: skip


@pytest.mark.real
def test_xmm_events_lie_where_the_image_of_the_same_field_has_them(real_data):
    events = read_events(real_data / "xray/0201903501_mos1_clean_evts.fits")
    with fits.open(real_data / "xray/0201903501_mos1_clean_evts.fits") as hdus:
        pi, column, row = (np.asarray(hdus["EVENTS"].data[name]) for name in ("PI", "X", "Y"))
    assert len(events.x) == 31607
    soft = select_energy(events, 500, 2000)
    kept = (pi >= 500) & (pi < 2000)
    header, shape = image_frame(soft, pixel_arcsec=4)
    image = count_events(soft, wcs=celestial_wcs(header), shape=shape)
    edges = 0.5 + 80 * np.arange(shape[0] + 1)
    expected, *_ = np.histogram2d(row[kept], column[kept], bins=[edges, edges])
    np.testing.assert_array_equal(image, expected)
    with fits.open(real_data / "xray/0201903501-0.50-2.00keVmerged_img.fits") as hdus:
        merged, wcs = hdus[0].data, celestial_wcs(hdus[0].header)
    ours = count_events(soft, wcs=wcs, shape=merged.shape)
    assert ours.sum() == kept.sum() == 14032
    shifts = {(dy, dx): np.corrcoef(np.roll(ours, (dy, dx), (0, 1)).ravel(), merged.ravel())[0, 1]
              for dy in (-1, 0, 1) for dx in (-1, 0, 1)}  # fmt: skip
    assert max(shifts, key=lambda shift: shifts[shift]) == (0, 0) and shifts[0, 0] > 0.9
