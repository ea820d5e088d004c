"""Options that make no survey are refused in one line."""

import math

import pytest

from merkhet.errors import ConfigError
from merkhet.simulate.radio_galaxies.survey import Survey


def test_the_default_is_first():
    survey = Survey()
    assert survey.beam_fwhm_px == pytest.approx(3)
    assert survey.field_arcsec == pytest.approx(270)
    assert survey.rms_jy_beam == pytest.approx(0.15e-3)
    assert survey.pixel_sr == pytest.approx(math.radians(1.8 / 3600) ** 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size_px": 0}, "size_px is 0; expected 16 to 4096"),
        ({"size_px": -150}, "size_px is -150"),
        ({"rms_mjy_beam": 0.0}, "rms_mjy_beam is 0.0; expected"),
        ({"rms_mjy_beam": math.nan}, "rms_mjy_beam is nan"),
        ({"pixel_scale_arcsec": -1.8}, "pixel_scale_arcsec is -1.8"),
        ({"beam_fwhm_arcsec": math.inf}, "beam_fwhm_arcsec is inf"),
        ({"uncleaned_fraction": 1.0}, "uncleaned_fraction is 1.0; expected 0 to 0.5"),
        ({"pixel_scale_arcsec": 3.0}, r"covers 1.8 pixels; expected 2 or more.*Reduce pixel_scale_arcsec"),
        ({"size_px": 30}, r"size_px is 30: the field is 10 beams wide; expected 12 or more.*Use size_px=36"),
        ({"size_px": 500}, "the field is 900 arcsec wide; expected 750 or less, or fields overlap by chance"),
    ],
)
def test_an_option_out_of_range_is_named(options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Survey(**options)
    assert "\n" not in str(caught.value)


def test_the_size_that_the_message_names_is_accepted():
    assert Survey(size_px=36).size_px == 36
