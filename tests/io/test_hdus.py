"""Telling a table in a FITS file from an image."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from merkhet.io.hdus import is_fits_table

IMAGE = fits.ImageHDU(np.ones((4, 4), np.float32))
TABLE = fits.table_to_hdu(Table({"a": [1, 2]}))


@pytest.mark.parametrize(
    ("hdus", "expected"),
    [
        ([fits.PrimaryHDU(), TABLE], True),
        ([fits.PrimaryHDU(), fits.ImageHDU(np.ones(3)), TABLE], True),  # a spectrum is no image
        ([fits.PrimaryHDU(), TABLE, IMAGE], False),
        ([fits.PrimaryHDU(np.ones((4, 4))), TABLE], False),
        ([fits.PrimaryHDU(), fits.CompImageHDU(np.ones((4, 4), np.float32))], False),
        ([fits.PrimaryHDU()], False),
    ],
)
@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz"])
def test_a_table_is_a_file_with_a_table_and_no_image(tmp_path, hdus, expected, name):
    fits.HDUList([hdu.copy() for hdu in hdus]).writeto(tmp_path / name)
    assert is_fits_table(tmp_path / name) == expected


@pytest.mark.parametrize("content", [b"", b"hello", b"SIMPLE  = T", None])
def test_what_cannot_be_read_is_no_table(tmp_path, content):
    if content is not None:
        (tmp_path / "a.fits").write_bytes(content)
    assert not is_fits_table(tmp_path / "a.fits")
    assert not is_fits_table(tmp_path / ("x" * 300 + ".fits"))
