"""Headers: unit, beam, and world coordinates that put a source where it is."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from merkhet.io.wcs import celestial_wcs, pixel_scale_arcsec, read_beam
from merkhet.simulate.interferometer.headers import image_header
from merkhet.simulate.interferometer.restore import RestoringBeam
from merkhet.simulate.interferometer.subbands import Subband

HEADER = image_header(
    size_px=128, center_deg=(80.0, -40.0), pixel_deg=0.01, subband=Subband(115), beam=RestoringBeam(6.0, 4.0, 30.0)
)


def test_beam_unit_and_frequency_are_read_back():
    beam = read_beam(HEADER)
    assert beam is not None
    assert (beam.major_arcsec, beam.minor_arcsec, beam.pa_deg) == pytest.approx((216, 144, 30))
    assert HEADER["BUNIT"] == "Jy/beam"
    assert HEADER["RESTFRQ"] == pytest.approx(150.4e6)


def test_pixels_are_direction_cosines_from_the_phase_center():
    wcs = celestial_wcs(HEADER)
    assert wcs is not None
    assert pixel_scale_arcsec(wcs) == pytest.approx(36)
    center, place = SkyCoord(80, -40, unit="deg"), SkyCoord(81, -40.5, unit="deg")
    x, y = wcs.world_to_pixel(place)
    distance, angle = np.sin(center.separation(place).rad), center.position_angle(place).rad
    assert (64 - x, y - 64) == pytest.approx(
        (distance * np.sin(angle) / np.deg2rad(0.01), distance * np.cos(angle) / np.deg2rad(0.01)), abs=1e-6
    )
