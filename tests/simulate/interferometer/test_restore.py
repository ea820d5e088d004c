"""The restoring beam: fitted, drawn, and as wide as its header says."""

import numpy as np
import pytest
from astropy.modeling.functional_models import Gaussian2D
from hypothesis import given
from hypothesis import strategies as st

from merkhet.simulate.beams import FWHM_TO_SIGMA
from merkhet.simulate.interferometer.restore import RestoringBeam, restore


def drawn(beam, size=96, x=0.0, y=0.0, peak=1.0):
    image = np.zeros((size, size), dtype=np.float32)
    restore(image, beam, x=np.array([x]), y=np.array([y]), peak=np.array([peak]))
    return image


def reference(beam, size=96, x=0.0, y=0.0):
    """The beam as astropy draws it; the position angle runs from +y to -x."""
    row, column = np.indices((size, size)) - size // 2
    gaussian = Gaussian2D(
        1, x, y, beam.major_px * FWHM_TO_SIGMA, beam.minor_px * FWHM_TO_SIGMA, theta=np.deg2rad(beam.pa_deg + 90)
    )
    return gaussian(column, row)


@given(minor=st.floats(3, 6), ratio=st.floats(1.05, 1.6), angle=st.floats(0, 179))
def test_a_gaussian_is_fitted_by_itself(minor, ratio, angle):
    beam = RestoringBeam(minor * ratio, minor, angle)
    found = RestoringBeam.fit(reference(beam))
    assert (found.major_px, found.minor_px) == pytest.approx((minor * ratio, minor), rel=1e-4)
    assert (found.pa_deg - angle + 90) % 180 - 90 == pytest.approx(0, abs=0.1)


def test_a_source_is_drawn_between_pixels_and_over_the_edge():
    beam = RestoringBeam(6.5, 4.5, 33.0)
    np.testing.assert_allclose(drawn(beam, x=3.3, y=-7.6), reference(beam, x=3.3, y=-7.6), atol=1e-6)
    np.testing.assert_allclose(drawn(beam, x=-47.8, y=46.9), reference(beam, x=-47.8, y=46.9), atol=1e-6)
    assert drawn(beam, x=500.0, y=0.0).max() == 0


def test_the_sum_over_the_area_is_the_flux():
    beam = RestoringBeam(7.0, 5.0, 120.0)
    assert drawn(beam, peak=2.5).sum() / beam.area_px == pytest.approx(2.5, rel=1e-4)


def test_the_main_lobe_is_fitted_down_to_its_half(coverage):
    psf = coverage.grid.image(coverage.response.astype(np.complex64))
    beam = RestoringBeam.fit(psf)
    lobe = psf > 0.5
    difference = np.abs(reference(beam, size=len(psf)) - psf)[lobe]
    assert beam.minor_px > 2
    assert difference.max() < 0.06


def test_a_lobe_of_one_pixel_is_refused():
    psf = np.zeros((32, 32), dtype=np.float32)
    psf[16, 16] = 1
    with pytest.raises(ValueError, match="narrower than the pixels"):
        RestoringBeam.fit(psf)
