"""The files of a set of cutouts: contract of the published table, prefix, refusal, interruption."""

import csv
import json
import shlex
from functools import partial

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from merkhet.cli import main
from merkhet.errors import ConfigError, Interrupted, OutputError
from merkhet.io.tables import read_table
from merkhet.simulate.halos import Survey, simulate_cutouts
from merkhet.simulate.halos.cutout_dataset import split_of

small = partial(simulate_cutouts, seed=3)
PUBLISHED = ["relative_path", "split", "filename", "distance", "nh_unif", "nh_wco", "cloud_bits"]


def read(table):
    with table.open() as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return simulate_cutouts(tmp_path_factory.mktemp("halos") / "out", n=40, seed=3)


def test_the_table_begins_with_the_published_columns(made):
    rows = read(made)
    assert list(rows[0])[:7] == PUBLISHED
    assert len({row["source_id"] for row in rows}) == len(rows) == 40
    for row in rows:
        assert row["split"] in ("train", "val", "test")
        assert row["relative_path"] == f"images/{row['filename']}"
        assert len(row["cloud_bits"]) == 15
        assert set(row["cloud_bits"]) <= {"0", "1"}
        assert row["label"] in ("halo", "none", "unclear")
        assert (row["kind"] in ("halo", "ring")) == (float(row["nh_unif"]) > 2e20)


def test_merkhet_reads_the_table_with_its_bits_as_text(made):
    table = read_table(made)
    assert table["cloud_bits"].dtype.kind == "U"
    assert table["distance"].dtype.kind == table["nh_unif"].dtype.kind == "f"
    assert np.isnan(table["distance"][table["nh_unif"] < 2e20]).all()


def test_images_are_float32_in_the_primary_hdu(made):
    for row in read(made)[:4]:
        for path, unit in ((row["relative_path"], "count"), (row["exposure_path"], "s")):
            with fits.open(made.parent / path) as hdus:
                assert len(hdus) == 1
                assert hdus[0].data.dtype == np.dtype(">f4")
                assert hdus[0].data.shape == (64, 64)
                assert hdus[0].header["BUNIT"] == unit
                assert row["kind"] not in hdus[0].header.tostring().replace("halos", "")


def test_positions_are_those_of_the_header(made):
    for row in read(made):
        wcs = WCS(fits.getheader(made.parent / row["relative_path"]))
        x, y = wcs.world_to_pixel_values(float(row["ra"]), float(row["dec"]))
        assert (x, y) == pytest.approx((float(row["x"]), float(row["y"])), abs=2e-3)


def test_no_sightline_stands_on_two_sides_of_the_split(made):
    sides: dict[str, set[str]] = {}
    for row in read(made):
        sides.setdefault(row["group"], set()).add(row["split"])
    assert len(sides) == 5
    assert all(len(side) == 1 for side in sides.values())


def test_the_split_is_even():
    sides = [split_of(sightline) for sightline in range(1000)]
    assert [sides.count(side) for side in ("train", "val", "test")] == pytest.approx([700, 150, 150], abs=3)
    assert {split_of(sightline) for sightline in range(8)} == {"train", "val", "test"}


def test_the_same_seed_gives_the_same_bytes_and_a_prefix(made, tmp_path):
    shorter = small(tmp_path / "shorter", n=5)
    assert read(shorter) == read(made)[:5]
    for row in read(shorter):
        for column in ("relative_path", "exposure_path"):
            assert (shorter.parent / row[column]).read_bytes() == (made.parent / row[column]).read_bytes()


def test_the_record_names_seed_parameters_and_command(made, tmp_path):
    record = json.loads((made.parent / "simulation.json").read_text())
    assert (record["n"], record["finished"], record["seed"]) == (40, 40, 3)
    assert record["command"] == f"merkhet simulate halo_cutouts {made.parent} --n 40 --seed 3"
    sized = small(tmp_path / "sized", n=1, survey=Survey(size_px=32))
    assert " --size 32 " in json.loads((sized.parent / "simulation.json").read_text())["command"]


@pytest.mark.parametrize("changed", [{"exposure_s": 1000.0}, {"sky_background": 2e-6}])
def test_the_command_of_another_survey_makes_the_same_again(tmp_path, changed):
    table = small(tmp_path / "deep", n=2, survey=Survey(size_px=32, **changed))
    command = json.loads((table.parent / "simulation.json").read_text())["command"]
    before = table.read_bytes()
    if command.startswith("merkhet simulate"):
        assert main([*shlex.split(command)[1:], "--overwrite", "--quiet"]) == 0
        assert table.read_bytes() == before
    else:  # what the command line has no option for
        call = command.removeprefix("merkhet.simulate.halos.").removesuffix(")")
        names = {"simulate_cutouts": simulate_cutouts, "Survey": Survey}
        assert eval(f"{call}, overwrite=True)", names).read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n is 0; expected 1 or more"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
        ({"survey": Survey(size_px=513)}, "size_px is 513; expected 1 to 512"),
    ],
)
def test_bad_options_are_refused_before_anything_is_touched(tmp_path, options, message):
    (tmp_path / "keep.txt").write_text("mine")
    with pytest.raises(ConfigError, match=message):
        partial(simulate_cutouts, n=3, seed=1, overwrite=True)(tmp_path, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["keep.txt"]


@pytest.mark.parametrize(
    "options", [{"size_px": 4}, {"exposure_s": float("nan")}, {"size_px": 6000, "pixel_scale_arcsec": 20}]
)
def test_a_survey_that_cannot_be_is_refused(options):
    with pytest.raises(ConfigError, match="expected"):
        Survey(**options)


def test_what_exists_is_refused_unless_told_otherwise(tmp_path):
    table = small(tmp_path / "sky", n=2)
    with pytest.raises(OutputError, match="it exists already"):
        small(tmp_path / "sky", n=1)
    assert len(read(table)) == 2
    assert len(read(small(tmp_path / "sky", n=1, overwrite=True))) == 1


def test_a_disk_that_fills_up_is_one_clear_line(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fits.PrimaryHDU, "writeto", full)
    with pytest.raises(OutputError, match="No space left on device"):
        small(tmp_path / "out", n=1)
    assert not (tmp_path / "out" / "catalog.csv").exists()


def test_an_interruption_keeps_what_is_finished(tmp_path):
    def stop(done, total):
        assert total == 50
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="stopped after 3 of 50 cutouts"):
        small(tmp_path / "out", n=50, progress=stop)
    assert len(read(tmp_path / "out" / "catalog.csv")) == 3
    assert json.loads((tmp_path / "out" / "simulation.json").read_text())["finished"] == 3
