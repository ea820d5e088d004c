"""Scanning a survey: one catalog, whatever happens on the way."""

import gzip
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

import merkhet
from merkhet.errors import ConfigError, InputError, Interrupted, OutputError
from merkhet.execute import Shard
from merkhet.io.catalog import Flag
from merkhet.io.tables import read_table
from merkhet.scan import one_tile
from merkhet.scan.catalog import CATALOG_COLUMNS
from merkhet.scan.images import read_tile
from merkhet.scan.ledger import Ledger
from merkhet.scan.outputs import Format
from merkhet.scan.survey import scan
from tests.scan.surveys import make_classifier, make_counts, make_wcs, write_survey, write_tile

SIZE = 16


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return make_classifier(tmp_path_factory.mktemp("model") / "bundle", size=SIZE)


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return write_survey(tmp_path_factory.mktemp("survey"), np.random.default_rng(7))


@pytest.fixture(scope="module")
def whole(model, tiles, tmp_path_factory):
    """The scan of all tiles in one go, and the folder that it was written to."""
    folder = tmp_path_factory.mktemp("whole")
    return scan(model, tiles, out=folder / "c.ecsv", probability_map=True, **options()), folder


def options(**changes):
    """A threshold that the untrained network's answers often pass."""
    return {"threshold": 0.5, **changes}


def content(path):
    return path.read_text(encoding="utf-8")


def test_a_catalog_has_every_column_with_its_unit_and_each_object_once(model, tiles, whole):
    found, folder = whole
    table = read_table(folder / "c.ecsv")
    assert table.colnames == list(CATALOG_COLUMNS)
    units = {name: str(table[name].unit) for name in table.colnames if table[name].unit is not None}
    assert units == {
        **{"ra": "deg", "dec": "deg", "x": "pix", "y": "pix", "size_arcsec": "arcsec"},
        "false_alarms_per_deg2": "1 / deg2",
    }
    assert all(table[name].description for name in table.colnames)
    assert len(table) == len(found) > 3
    assert np.isfinite(table["snr"]).all()
    assert not np.any(table["flags"] & Flag.OTHER_SCALE)
    assert np.all(np.diff(table["probability"]) <= 0)
    assert np.all(table["probability"] >= 0.5)
    assert len(set(table["id"])) == len(table)
    assert set(table["image"]) == {str(path) for path in tiles}
    assert set(table["model"]) == {merkhet.load(model).spec.hash}
    assert np.isnan(table["false_alarms_per_deg2"]).all()
    sky = SkyCoord(table["ra"], table["dec"], unit="deg")
    _, apart, _ = sky.match_to_catalog_sky(sky, nthneighbor=2)
    assert apart.arcsec.min() > SIZE / 2 * 4  # windows that look at each other's centers are one detection
    assert found.complete
    assert sorted(path.name for path in folder.iterdir()) == [
        *("c.ecsv", "c.reg", "c_maps", "c_regions", "c_rejects.csv"),
    ]
    assert {path.name for path in (folder / "c_regions").iterdir()} == {"t0.reg", "t1.reg", "t2.reg"}
    assert {path.name for path in (folder / "c_maps").iterdir()} == {f"t{k}_probability.fits" for k in range(3)}
    assert content(folder / "c.reg").count("circle") == len(table)


def test_detections_are_rows_in_the_users_hands(model, tiles):
    found = merkhet.scan(model, tiles[0], **options())
    assert getattr(merkhet, "scan") is sys.modules["merkhet.scan"]  # noqa: B009 (a package that can be called)
    first = found[0]
    assert (first.probability, first.label) == (found.table["probability"][0], "halo")
    assert isinstance(first.probability, float)
    assert isinstance(first.flags, int)
    sky = WCS(fits.getheader(tiles[0])).pixel_to_world(first.x, first.y)
    assert (sky.ra.deg, sky.dec.deg) == (pytest.approx(first.ra), pytest.approx(first.dec))
    assert [d.id for d in found] == list(found.table["id"])
    assert [d.x for d in found[1:3]] == list(found.table["x"][1:3])
    assert found[-1] == list(found)[-1]
    assert found.files == {}


def test_an_object_on_two_tiles_is_in_the_catalog_of_the_survey_once_unless_they_share_no_sky(model, tiles, whole):
    alone = [len(scan(model, path, **options())) for path in tiles]
    separate = scan(model, tiles, separate=True, **options())
    assert len(separate) == sum(alone)
    assert len(whole[0]) < len(separate)


def test_a_scan_that_is_killed_goes_on_and_gives_the_same_catalog(model, tiles, whole, tmp_path, monkeypatch):
    out = tmp_path / "killed.ecsv"
    code = (
        "import os, signal\nfrom merkhet.scan import one_tile\nfrom merkhet.scan.survey import scan\n"
        "read = one_tile.read_tile\n"
        "def die(files, hdu):\n"
        "    if files.id == 't2': os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return read(files, hdu=hdu)\n"
        "one_tile.read_tile = die\n"
        f"scan({model!r}, {[str(path) for path in tiles]!r}, out={str(out)!r}, threshold=0.5)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    ledger = Ledger(tmp_path / "killed_scan")
    assert [ledger.done(number) for number in range(3)] == [True, False, False]
    assert not out.exists()
    steps = []
    scanned = []

    def read_and_note(files, hdu):
        scanned.append(files.id)
        return read_tile(files, hdu=hdu)

    monkeypatch.setattr(one_tile, "read_tile", read_and_note)
    scan(model, tiles, out=out, progress=lambda *step: steps.append(step), **options())
    assert scanned == ["t1", "t2"]
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert content(out) == content(whole[1] / "c.ecsv")
    assert not ledger.folder.exists()


def test_an_interrupted_scan_says_what_is_done_and_goes_on(model, tiles, tmp_path):
    def interrupt(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="2 of 3 tiles are done"):
        scan(model, tiles, out=tmp_path / "c.csv", progress=interrupt, **options())
    with pytest.raises(OutputError, match="an unfinished scan of other images or with other options"):
        scan(model, tiles, out=tmp_path / "c.csv", threshold=0.9)
    assert scan(model, tiles, out=tmp_path / "c.csv", **options()).complete


def test_a_scan_does_not_go_on_with_files_that_were_changed(model, tmp_path, rng):
    paths = [write_tile(tmp_path / f"{k}.fits", make_counts(rng, shape=(40, 40))) for k in range(2)]

    def interrupt(done, total):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="the same call goes on"):
        scan(model, paths, out=tmp_path / "c.csv", progress=interrupt, **options())
    paths[0].unlink()
    write_tile(paths[0], make_counts(rng, shape=(50, 50)))
    with pytest.raises(OutputError, match="of other images"):
        scan(model, paths, out=tmp_path / "c.csv", **options())
    with pytest.raises(Interrupted, match=r"1 of 2 tiles are done$"):
        scan(model, paths, progress=interrupt, **options())
    assert scan(model, paths, out=tmp_path / "c.csv", overwrite=True, **options()).complete


def test_a_scan_that_is_killed_while_it_writes_goes_on(model, tiles, whole, tmp_path, monkeypatch):
    def die(*_arguments, **_options):
        raise SystemExit  # nothing is caught, nothing cleaned up

    with monkeypatch.context() as patch:
        patch.setattr("merkhet.scan.outputs.write_image_regions", die)
        with pytest.raises(SystemExit):
            scan(model, tiles, out=tmp_path / "c.ecsv", **options())
    assert (tmp_path / "c_rejects.csv").is_file()
    monkeypatch.setattr(one_tile, "read_tile", None)  # all of them were done
    assert scan(model, tiles, out=tmp_path / "c.ecsv", **options()).complete
    assert content(tmp_path / "c.ecsv") == content(whole[1] / "c.ecsv")


def test_shards_give_the_same_catalog(model, tiles, whole, tmp_path):
    first = scan(model, tiles, out=tmp_path / "two.ecsv", shard=Shard(0, 2), **options())
    assert (first.complete, first.tiles_done) == (False, 2)
    assert not (tmp_path / "two.ecsv").exists()
    assert first.files == {}
    assert scan(model, tiles, out=tmp_path / "two.ecsv", shard=Shard(1, 2), **options()).complete
    assert content(tmp_path / "two.ecsv") == content(whole[1] / "c.ecsv")
    assert not (tmp_path / "two_scan").exists()


def test_workers_give_the_same_catalog(model, tiles, whole):
    many = scan(model, tiles, workers=2, **options())
    assert many.table["id"].tolist() == whole[0].table["id"].tolist()
    assert np.asarray(many.table["probability"]) == pytest.approx(np.asarray(whole[0].table["probability"]), abs=1e-6)


def test_bad_tiles_are_set_aside_and_the_rest_is_scanned(model, tiles, tmp_path, rng):
    bad = tmp_path / "bad"
    bad.mkdir()
    good = gzip.compress(tiles[1].read_bytes())
    (bad / "cut.fits.gz").write_bytes(good[: len(good) // 2])
    write_tile(bad / "nan.fits", np.full((40, 40), np.nan, np.float32))
    write_tile(bad / "cube.fits", np.zeros((3, 40, 40), np.float32))
    inputs = [tiles[0], bad / "cut.fits.gz", bad / "nan.fits", bad / "cube.fits", bad / "none.fits"]
    found = scan(model, inputs, out=tmp_path / "c.csv", **options())
    assert found.complete
    assert len(found) > 0
    reasons = {row["file"].rsplit("/")[-1]: row["reason"] for row in read_table(tmp_path / "c_rejects.csv")}
    assert set(reasons) == {"cut.fits.gz", "nan.fits", "cube.fits", "none.fits"}
    assert "truncated" in reasons["cut.fits.gz"]
    assert "no such file" in reasons["none.fits"]
    assert [reject.stage for reject in found.rejects] == ["read"] * 4


@pytest.mark.parametrize("name", ["c.ecsv", "c.csv", "c.fits", "c.vot", "c.parquet", "c.json"])
def test_an_empty_catalog_is_written_in_every_format(model, tiles, tmp_path, name):
    form: Format = "dsh-json" if name == "c.json" else "catalog"
    found = scan(model, tiles[0], out=tmp_path / name, format=form, threshold=1 - 1e-12)
    assert len(found) == 0
    assert list(found) == []
    if name == "c.json":
        assert json.loads(content(tmp_path / name)) == {"num_detections": 0, "detections": []}
    else:
        assert read_table(tmp_path / name).colnames == list(CATALOG_COLUMNS)
    assert "circle" not in content(tmp_path / "c.reg")
    assert (tmp_path / "c_regions" / "t0.reg").is_file()


def test_the_published_json_names_windows(model, tiles, tmp_path):
    found = scan(model, tiles[0], out=tmp_path / "d.json", format="dsh-json", regions=False, stride=8, **options())
    written = json.loads(content(tmp_path / "d.json"))
    assert written["num_detections"] == len(found) > 0
    for detection in written["detections"]:
        assert list(detection) == ["x", "y", "probability", "category", "window_size"]
        assert (detection["x"] % 8, detection["y"] % 8, detection["window_size"]) == (0, 0, SIZE)
    assert not (tmp_path / "d.reg").exists()


def test_an_image_without_world_coordinates_has_a_catalog_of_pixels(model, tmp_path, rng):
    path = write_tile(tmp_path / "plain.fits", make_counts(rng))
    found = scan(model, path, out=tmp_path / "c.ecsv", **options())
    assert len(found) > 0
    assert np.isnan(found.table["ra"]).all()
    assert np.isnan(found.table["size_arcsec"]).all()
    assert all(detection.flags & Flag.NO_WCS for detection in found)
    assert "circle" not in content(tmp_path / "c.reg")
    assert content(tmp_path / "c_regions" / "plain.reg").count("circle") == len(found)


def test_pixels_of_another_size_are_flagged_and_measuring_can_be_left_out(model, tmp_path, rng):
    wcs = make_wcs()
    wcs.wcs.cdelt = 1.1 * wcs.wcs.cdelt
    path = write_tile(tmp_path / "t.fits", make_counts(rng), wcs=wcs)
    found = scan(model, path, measured=False, **options())
    assert len(found) > 0
    assert all(detection.flags & Flag.OTHER_SCALE for detection in found)
    assert np.isnan(found.table["snr"]).all()


def test_an_image_smaller_than_the_window_is_scanned(model, tmp_path, rng):
    path = write_tile(tmp_path / "small.fits", make_counts(rng, shape=(9, 12)), wcs=make_wcs(shape=(9, 12)))
    found = scan(model, path, threshold=1e-6)
    assert len(found) == 1
    assert found[0].flags & Flag.RESHAPED
    assert found[0].flags & Flag.EDGE


def test_images_of_one_name_in_two_folders_are_told_apart(model, tmp_path, rng):
    paths = [write_tile(tmp_path / folder / "t.fits", make_counts(rng), wcs=make_wcs()) for folder in ("a", "b")]
    found = scan(model, paths, out=tmp_path / "c.csv", separate=True, **options())
    assert {detection.id.rsplit("_", 1)[0] for detection in found} == {"0000_t", "0001_t"}
    assert {path.name for path in (tmp_path / "c_regions").iterdir()} == {"0000_t.reg", "0001_t.reg"}


def test_known_sources_are_named(model, tiles, tmp_path):
    found = scan(model, tiles[0], **options())
    known = Table({"name": ["here", "nowhere"], "ra": [found[0].ra, 300.0], "dec": [found[0].dec, 80.0]})
    known.write(tmp_path / "known.ecsv", format="ascii.ecsv")
    matched = scan(model, tiles[0], out=tmp_path / "c.ecsv", known=tmp_path / "known.ecsv", **options())
    table = read_table(tmp_path / "c.ecsv")
    assert table["known_id"][0] == "here"
    assert matched.table["known_separation"][0] == pytest.approx(0, abs=1e-3)


def test_an_output_that_exists_is_refused_before_any_work(model, tiles, tmp_path, monkeypatch):
    scan(model, tiles[0], out=tmp_path / "c.csv", **options())
    with monkeypatch.context() as patch:
        patch.setattr(one_tile, "read_tile", None)
        with pytest.raises(OutputError, match="it exists already"):
            scan(model, tiles[0], out=tmp_path / "c.csv")
        (tmp_path / "c.csv").unlink()
        with pytest.raises(OutputError, match="rejects"):
            scan(model, tiles[0], out=tmp_path / "c.csv")
    first = content(tmp_path / "c.reg")
    scan(model, tiles[0], out=tmp_path / "c.csv", overwrite=True, threshold=0.9)
    assert content(tmp_path / "c.reg") != first


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"threshold": 1.0}, ConfigError, "threshold 1.0: expected a probability"),
        ({"tile": 512}, ConfigError, "--tile does not go with"),
        ({"stride": 17}, ConfigError, "stride 17"),
        ({"format": "xml"}, ConfigError, "format 'xml' is unknown"),
        ({"probability_map": True}, ConfigError, "maps needs a place to write"),
        ({"shard": Shard(0, 2)}, ConfigError, "a shard needs a place to write"),
        ({"known": "none.csv"}, InputError, "none.csv: there is no such file"),
        ({"model": "none"}, InputError, "none: no such folder"),
        ({"inputs": []}, InputError, "no input was given"),
    ],
)
def test_wrong_options_are_refused(model, tiles, changes, error, message):
    call = {"model": model, "inputs": tiles[0], **changes}
    with pytest.raises(error, match=message):
        scan(call.pop("model"), call.pop("inputs"), **call)


def test_the_catalog_must_be_writable_before_any_work(model, tiles, tmp_path):
    with pytest.raises(OutputError, match="no table format"):
        scan(model, tiles[0], out=tmp_path / "c.txt")
    with pytest.raises(ConfigError, match="--overwrite and --shard"):
        scan(model, tiles[0], out=tmp_path / "c.csv", overwrite=True, shard=Shard(0, 2))
