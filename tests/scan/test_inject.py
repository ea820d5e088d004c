"""Copies of images with sources in them: files, tables, and that the images are only read."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from merkhet.errors import OutputError
from merkhet.io.tables import read_table
from merkhet.scan.images import list_tiles, read_tile
from merkhet.scan.inject import inject
from merkhet.scan.injected import Injection
from merkhet.simulate.halos.truth_table import TRUTH_COLUMNS
from tests.scan.surveys import make_wcs

SIDE = 300


@pytest.fixture
def field(tmp_path, rng):
    header = make_wcs(shape=(SIDE, SIDE)).to_header()
    exposure = np.full((SIDE, SIDE), 1000.0, dtype=np.float32)
    exposure[:, :20] = 0
    counts = (rng.poisson(0.02, (SIDE, SIDE)) * (exposure > 0)).astype(np.int32)
    for name, image in (("image", counts), ("exposure", exposure)):
        fits.PrimaryHDU(image, header=header).writeto(tmp_path / f"{name}.fits")
    return tmp_path / "image.fits"


def run(field, out, **options):
    return inject([field], out, exposure=[field.with_name("exposure.fits")], **options)


def test_copies_are_images_plus_photons(field, tmp_path):
    before = field.read_bytes()
    truth = read_table(run(field, tmp_path / "out", injection=Injection(number=5, per_image=2), seed=3))
    assert field.read_bytes() == before
    assert len(truth) == 5
    tiles = read_table(tmp_path / "out" / "tiles.csv")
    assert list(tiles["tile"]) == [0, 1, 2]
    assert list(truth["image"]) == [tiles["image"][n] for n in (0, 0, 1, 1, 2)]
    original = fits.getdata(field)
    for row in tiles:
        with fits.open(tmp_path / "out" / row["image"]) as hdus:
            added = hdus[0].data - original
            assert hdus[0].data.dtype == np.dtype(">i4")
        assert added.min() == 0
        mine = truth[truth["tile"] == row["tile"]]
        assert added.sum() < (mine["total_halo"] + mine["total_psf"]).sum() * 1.2
        assert added.sum() > (mine["halo_counts"] + mine["psf_counts"]).sum() * 0.8


def test_the_copies_are_tiles_that_can_be_scanned(field, tmp_path):
    run(field, tmp_path / "out", injection=Injection(number=1))
    tile = read_tile(list_tiles([tmp_path / "out" / "tiles.csv"])[0])
    assert tile.exposure.max() == 1000
    assert tile.wcs is not None


def test_the_truth_is_that_of_the_simulator(field, tmp_path):
    truth = read_table(run(field, tmp_path / "out", injection=Injection(number=3, kind="both", snr=(15.0, 20.0))))
    assert truth.colnames == [*(name for name, _, _ in TRUTH_COLUMNS), "image"]
    assert ((truth["snr"] > 14.9) & (truth["snr"] < 20.1)).all()
    assert set(truth["label"]) == {"halo"}
    assert truth["whole"].all()


def test_the_seed_decides_and_copies_differ(field, tmp_path):
    tables = [
        run(field, tmp_path / name, injection=Injection(number=2, per_image=1), seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    a, b, c = (read_table(table) for table in tables)
    assert list(a["ra"]) == list(b["ra"]) != list(c["ra"])
    assert a["ra"][0] != a["ra"][1]
    images = [fits.getdata(tmp_path / name / Table.read(tmp_path / name / "tiles.csv")["image"][0]) for name in "ab"]
    np.testing.assert_array_equal(*images)


def test_what_was_not_observed_stays_so(field, tmp_path):
    counts = fits.getdata(field).astype(np.float32)
    counts[:, :40] = np.nan
    fits.PrimaryHDU(counts, header=fits.getheader(field)).writeto(field, overwrite=True)
    run(field, tmp_path / "out", injection=Injection(number=1))
    copy = fits.getdata(tmp_path / "out" / read_table(tmp_path / "out" / "tiles.csv")["image"][0])
    np.testing.assert_array_equal(np.isnan(copy), np.isnan(counts))


def test_the_record_tells_how(field, tmp_path):
    run(field, tmp_path / "out", injection=Injection(number=1, kind="ring"), seed=9)
    record = json.loads((tmp_path / "out" / "simulation.json").read_text())
    assert (record["case"], record["seed"], record["copies"], record["finished"]) == ("inject", 9, 1, 1)
    assert "--kind ring" in record["command"]
    assert record["parameters"]["psf"] == {"core_arcsec": 8.7, "alpha": 1.5}


def test_an_output_that_exists_is_refused(field, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").touch()
    with pytest.raises(OutputError, match="exists already"):
        run(field, tmp_path / "out")
    with pytest.raises(OutputError, match=r"holds no simulation\.json"):
        run(field, tmp_path / "out", overwrite=True)


@pytest.mark.real
def test_xmm_images_take_halos(real_data, tmp_path):
    images = sorted((real_data / "xray").glob("*merged_img.fits"))
    maps = sorted((real_data / "xray").glob("*merged_expmap.fits"))
    truth = read_table(inject(images, tmp_path / "out", injection=Injection(number=4), exposure=maps))
    assert len(set(truth["image"])) == 4  # an XMM field bears one at a time
    assert ((truth["snr"] >= 9.9) & (truth["snr"] <= 30.1)).all()
    copy = fits.getdata(tmp_path / "out" / truth["image"][0])
    assert (copy - fits.getdata(images[0])).sum() > truth["halo_counts"][0]
