"""``merkhet bin`` writes a counts image that a scan can read."""

import json

import numpy as np
import pytest
from astropy.io import fits
from cyclopts import App

from merkhet.cli.bin import bin_
from merkhet.errors import ConfigError, InputError, OutputError
from merkhet.scan.images import list_tiles, read_tile
from tests.io.test_events import write_events
from tests.scan.fields import make_header, write_image

app = App(result_action="return_value")
app.command(bin_, name="bin")


def run(*arguments):
    return app(["bin", *map(str, arguments)], exit_on_error=False, print_error=False)


@pytest.fixture
def events(tmp_path, rng):
    x, y = rng.integers(1, 8001, (2, 500))
    energy = fits.Column("ENERGY", "E", unit="eV", array=np.linspace(200, 4000, 500))
    return write_events(tmp_path / "events.fits", x, y, columns=[energy], OBJECT="field", TELESCOP="eROSITA")


def test_an_image_is_written_that_a_scan_reads(events, tmp_path, capsys):
    out = tmp_path / "image.fits.gz"
    assert run(events, out, "--energy", "0.5keV", "2keV", "--pixel", 8, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    with fits.open(out) as hdus:
        header, image = hdus[0].header, hdus[0].data
    assert image.dtype == ">i4" and image.shape == (50, 50)
    assert (header["OBJECT"], header["BUNIT"], header["E_MIN"], header["E_MAX"]) == ("field", "count", 500, 2000)
    energies = np.linspace(200, 4000, 500).astype(np.float32)
    assert summary["counts"] == image.sum() == ((energies >= 500) & (energies < 2000)).sum()
    assert summary["events"] == 500
    tile = read_tile(list_tiles([out])[0])
    assert tile.counts.sum() == image.sum() and tile.pixel_arcsec == pytest.approx(8)


def test_the_pixels_of_another_image_may_be_used(events, tmp_path):
    like = write_image(
        tmp_path / "like.fits", np.zeros((30, 20)), header=make_header((30, 20), ra=83.6, dec=-5.4, pixel_arcsec=10)
    )
    assert run(events, tmp_path / "out.fits", "--like", like) == 0
    ours, theirs = (read_tile(files) for files in list_tiles([tmp_path / "out.fits", like]))
    assert ours.counts.shape == (30, 20) and ours.counts.sum() > 0
    assert ours.wcs is not None and theirs.wcs is not None
    assert ours.wcs.pixel_to_world(3, 4).separation(theirs.wcs.pixel_to_world(3, 4)).arcsec < 1e-3
    assert ours.header["CTYPE1"] == theirs.header["CTYPE1"] == "RA---SIN"


def test_what_cannot_be_done_is_said_before_the_work(events, tmp_path):
    with pytest.raises(ConfigError, match="--like says which pixels to use"):
        run(events, tmp_path / "a.fits", "--like", events, "--pixel", 4)
    with pytest.raises(OutputError, match="is no FITS file by its name"):
        run(events, tmp_path / "a.png")
    (tmp_path / "a.fits").touch()
    with pytest.raises(OutputError, match="exists already"):
        run(events, tmp_path / "a.fits")
    with pytest.raises(InputError, match="has no world coordinates; expected an image with a celestial WCS"):
        run(
            events,
            tmp_path / "b.fits",
            "--like",
            write_image(tmp_path / "c.fits", np.ones((4, 4)), header=make_header()[:0]),
        )
    assert not (tmp_path / "b.fits").exists()
