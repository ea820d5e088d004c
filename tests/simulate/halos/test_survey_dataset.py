"""The files of a survey: names, types, world coordinates, the truth and its units, interruption."""

import json
import re

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS

from merkhet.errors import ConfigError, Interrupted, OutputError
from merkhet.io.fits import read_image
from merkhet.io.tables import read_table
from merkhet.simulate.halos import Survey, simulate_survey

SURVEY = Survey(size_px=300)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return simulate_survey(tmp_path_factory.mktemp("survey") / "out", tiles=3, seed=21, survey=SURVEY)


def test_tiles_are_named_and_made_like_those_of_the_survey(made):
    table = read_table(made.parent / "tiles.csv")
    assert list(table["tile"]) == [0, 1, 2]
    for row in table:
        number = f"{round(row['ra']) % 360:03d}{round(90 - row['dec']):03d}"
        pattern = rf"tiles/\d{{3}}/em01_{number}_024_(Image|ExposureMap|BackgrImage)_c010\.fits\.gz"
        headers = []
        for product, kind in (("image", ">i4"), ("exposure", ">f4"), ("background", ">f4")):
            assert re.fullmatch(pattern, row[product])
            with fits.open(made.parent / row[product]) as hdus:
                assert hdus[0].data.dtype == np.dtype(kind)
                assert hdus[0].data.shape == (300, 300)
                headers.append(WCS(hdus[0].header).to_header_string())
        assert len(set(headers)) == 1
        center = WCS(fits.getheader(made.parent / row["image"])).pixel_to_world_values(149.5, 149.5)
        assert center == pytest.approx((row["ra"], row["dec"]), abs=1e-8)


def test_merkhet_reads_a_tile(made):
    row = read_table(made.parent / "tiles.csv")[0]
    image, info = read_image(made.parent / row["image"])
    assert image.shape == (300, 300)
    assert info.pixel_scale_arcsec == pytest.approx(4.0, rel=1e-6)


def test_the_truth_has_units_and_descriptions(made):
    table = read_table(made)
    assert table["ra"].unit == u.deg
    assert table["n_h"].unit == u.cm**-2
    assert table["distance"].unit == u.kpc
    assert table["size"].unit == u.arcsec
    assert table["delay"].unit == u.day
    assert all(table[name].description for name in table.colnames)
    assert len(set(table["id"])) == len(table)
    labels = np.where(table["snr"] >= 5, "halo", np.where(table["snr"] < 2, "none", "unclear"))
    np.testing.assert_array_equal(table["label"], labels)


def test_membership_is_that_of_the_world_coordinates(made):
    tiles = read_table(made.parent / "tiles.csv")
    systems = [WCS(fits.getheader(made.parent / row["image"])) for row in tiles]
    for row in read_table(made):
        pixels = [system.world_to_pixel_values(row["ra"], row["dec"]) for system in systems]
        on = {index for index, xy in enumerate(pixels) if all(-0.5 <= value < 299.5 for value in xy)}
        touched = {int(index) for index in row["tiles"].split()}
        assert on <= touched
        assert row["tile"] in (on or {-1})
        if row["whole"]:
            reach = np.nan_to_num(row["size"]) / 4
            assert all(reach - 0.5 <= value <= 299.5 - reach for value in pixels[row["tile"]])


def test_counts_agree_with_the_background_map_where_nothing_else_is(made):
    """In the darkest of 25 blocks of each tile."""
    for row in read_table(made.parent / "tiles.csv"):
        counts, background = (fits.getdata(made.parent / row[name]) for name in ("image", "background"))
        blocks = counts.reshape(5, 60, 5, 60).sum(axis=(1, 3)) / background.reshape(5, 60, 5, 60).sum(axis=(1, 3))
        assert 0.4 < blocks.min() < 1.4


def test_the_same_seed_gives_the_same_bytes_and_a_prefix(made, tmp_path):
    again = simulate_survey(tmp_path / "again", tiles=1, seed=21, survey=SURVEY)
    for name in ("image", "exposure", "background"):
        path = read_table(again.parent / "tiles.csv")[name][0]
        assert (again.parent / path).read_bytes() == (made.parent / path).read_bytes()
    longer = read_table(made)
    for row in read_table(again):
        other = longer[longer["id"] == row["id"]][0]
        assert all(row[name] == other[name] for name in ("ra", "dec", "kind", "snr", "halo_counts"))


def test_the_record_says_how_to_make_it_again(made):
    record = json.loads((made.parent / "simulation.json").read_text())
    assert record["command"] == f"merkhet simulate halo_survey {made.parent} --tiles 3 --size 300 --seed 21"
    assert record["finished"] == 3


def test_an_interruption_keeps_what_is_finished(tmp_path):
    def stop(done, total):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="stopped after 1 of 5 tiles"):
        simulate_survey(tmp_path / "out", tiles=5, seed=1, survey=Survey(size_px=64), progress=stop)
    assert len(read_table(tmp_path / "out" / "tiles.csv")) == 1
    assert (tmp_path / "out" / "truth.ecsv").is_file()


@pytest.mark.parametrize("tiles", [0, 401])
def test_impossible_numbers_are_refused(tmp_path, tiles):
    with pytest.raises(ConfigError, match=f"tiles is {tiles}; expected 1 to 400"):
        simulate_survey(tmp_path, tiles=tiles, seed=1)
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_refused(tmp_path):
    (tmp_path / "keep.txt").write_text("mine")
    with pytest.raises(OutputError, match="it exists already"):
        simulate_survey(tmp_path, tiles=1, seed=1, survey=Survey(size_px=32))
