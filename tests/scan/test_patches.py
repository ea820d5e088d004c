"""Patches of tiles: photons, objects and levels as the tiles have them."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from merkhet.config.base import build
from merkhet.config.data import Columns, Data
from merkhet.config.experiment import Experiment
from merkhet.config.load import validate
from merkhet.data.packed import PACK_HEADER
from merkhet.errors import ConfigError, InputError
from merkhet.io.tables import read_table, write_table
from merkhet.recipes import load_recipe
from merkhet.scan.patches import BANDS, Spec, cut_patches
from merkhet.tasks.object_truth import OBJECTS
from merkhet.train.prepare import find_samples, prepare

SPEC = Spec(size_px=64, levels=3)
SHAPE = (200, 240)


def header():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cunit = ["RA---SIN", "DEC--SIN"], ["deg", "deg"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [10.0, 20.0], [120.5, 100.5], [-4 / 3600, 4 / 3600]
    return wcs.to_header()


@pytest.fixture
def survey(tmp_path):
    """One tile whose pixels tell their place, with a halo, a large ring, an unclear source and a point."""
    counts = np.arange(np.prod(SHAPE), dtype=np.int32).reshape(SHAPE) % 7
    exposure = np.full(SHAPE, 100.0, dtype=np.float32)
    exposure[:, :16] = 0
    for name, pixels in (("image", counts), ("exposure", exposure), ("background", np.full(SHAPE, 0.25, "f4"))):
        fits.PrimaryHDU(pixels, header=header()).writeto(tmp_path / f"{name}.fits")
    write_table(Table({n: [f"{n}.fits"] for n in ("image", "exposure", "background")}), tmp_path / "tiles.csv")
    x, y = np.array([60.0, 120.0, 180.0, 200.0]), np.array([50.0, 100.0, 150.0, 40.0])
    sky = WCS(header()).pixel_to_world(x, y)
    truth = Table({"ra": sky.ra.deg, "dec": sky.dec.deg})
    truth["kind"] = ["wings", "ring", "halo", "point"]
    truth["label"] = ["halo", "halo", "unclear", "none"]
    truth["size"] = [40.0, 160.0, 60.0, np.nan]  # arcsec: 10, 40, 15 px
    write_table(truth, tmp_path / "truth.ecsv")
    return tmp_path / "tiles.csv", counts, exposure


def test_a_patch_holds_the_photons_of_its_place(survey, tmp_path):
    table, counts, exposure = survey
    pack = cut_patches([table], tmp_path / "pack", spec=SPEC)
    images, index = np.load(pack / "images.npy"), read_table(pack / "index.parquet")
    assert images.shape == (len(index), 3, 64, 64)
    assert set(index["level"]) == {0, 1, 2}
    seen = np.where(exposure > 0, counts, 0)
    for image, name, level in zip(images, index["path"], index["level"], strict=True):
        step = 2 ** int(level)
        x, y = (int(part) for part in str(name).rsplit("_", 2)[1:])
        padded = np.zeros((-(-SHAPE[0] // step) * step, -(-SHAPE[1] // step) * step))
        padded[: SHAPE[0], : SHAPE[1]] = seen
        coarse = padded.reshape(padded.shape[0] // step, step, -1, step).sum(axis=(1, 3))
        around = np.pad(coarse, 64)[y + 64 : y + 128, x + 64 : x + 128]
        np.testing.assert_allclose(np.nan_to_num(image[0]), around)
    np.testing.assert_allclose(np.asarray(index["mk_scale"]), 4.0 * 2.0 ** np.asarray(index["level"]), rtol=1e-3)


def test_nothing_is_known_where_nothing_was_observed(survey, tmp_path):
    pack = cut_patches([survey[0]], tmp_path / "pack", spec=SPEC)
    images = np.load(pack / "images.npy")
    assert np.isnan(images).any(), "no patch reached beyond the tile"
    assert (np.isnan(images).all(axis=1) == np.isnan(images).any(axis=1)).all()
    assert (images[:, 1][np.isfinite(images[:, 1])] > 0).all()


def test_objects_are_taught_on_the_levels_of_their_size(survey, tmp_path):
    pack = cut_patches([survey[0]], tmp_path / "pack", spec=SPEC)
    index, objects = read_table(pack / "index.parquet"), read_table(pack / OBJECTS)
    level = dict(zip(index["path"], index["level"], strict=True))
    scale = 2.0 ** np.array([level[name] for name in objects["image"]])
    radius = np.asarray(objects["radius"]) * scale
    kinds = np.asarray(objects["kind"]).astype(str)
    halo, ring, unclear = (np.isclose(radius, size, rtol=1e-3) for size in (10, 40, 15))
    assert (halo | ring | unclear).all(), "the point source is no object"
    assert set(kinds[halo & (scale == 1)]) == {"halo"}, "a positive of another kind counts as the first"
    assert set(kinds[halo & (scale == 4)]) <= {""}
    assert set(kinds[ring & (scale == 4)]) == {"ring"}
    assert set(kinds[ring & (scale == 1)]) <= {""}
    assert set(kinds[unclear]) <= {""}


def test_objects_stand_where_the_sky_has_them(survey, tmp_path):
    pack = cut_patches([survey[0]], tmp_path / "pack", spec=SPEC)
    objects = read_table(pack / OBJECTS)
    for row in objects[np.asarray(objects["kind"]).astype(str) == "halo"]:
        level, x, y = (int(part) for part in str(row["image"]).rsplit("_", 3)[1:])
        position = (np.array([x, y]) + [row["x"], row["y"]] + 0.5) * 2**level - 0.5
        np.testing.assert_allclose(position, [60, 50], atol=1e-3)


def test_the_same_seed_cuts_the_same_patches(survey, tmp_path):
    one, two, other = (
        read_table(cut_patches([survey[0]], tmp_path / name, spec=SPEC, seed=seed) / "index.parquet")
        for name, seed in (("one", 1), ("two", 1), ("other", 2))
    )
    assert list(one["mk_crc"]) == list(two["mk_crc"])
    assert list(one["mk_crc"]) != list(other["mk_crc"])


def test_a_pack_of_patches_is_ready_for_the_recipe(survey, tmp_path):
    pack = cut_patches([survey[0]], tmp_path / "pack", spec=SPEC)
    options = [f"data.table={pack}", "data.columns.group=path", "model.widths=[4,4,4,4]"]
    experiment = validate(Experiment, load_recipe("halo_scan", options), source="halo_scan")
    prepared = prepare(*find_samples(experiment))
    batch = prepared.dataset.fetch(prepared.rows("train")[:4])
    assert set(np.log2(batch["scale"].numpy() / 4).round()) <= {0, 1, 2}
    assert batch["target"]["objects"].value.shape[2] == 4
    network = build(experiment.model, channels=len(BANDS), dims=2, shape=None)
    task = build(experiment.task, normalize=build(experiment.normalize), network=network)
    assert task.loss(task(batch), batch).total.isfinite()
    assert prepared.experiment.input.shape == (64, 64)
    assert (pack / PACK_HEADER).is_file()


def test_pack_says_what_it_holds(survey, tmp_path):
    pack = cut_patches([survey[0]], tmp_path / "pack", spec=SPEC)
    header = json.loads((pack / PACK_HEADER).read_text())
    assert [band["name"] for band in header["input"]["bands"]] == ["counts", "exposure", "background"]
    data = Data(table=pack, columns=Columns(path="path", id="path", group="tile"))
    assert data.table.is_dir()
    assert sorted(path.name for path in pack.iterdir()) == ["images.npy", "index.parquet", OBJECTS, PACK_HEADER]


def test_a_size_that_is_no_multiple_of_the_stride_is_refused(survey, tmp_path):
    with pytest.raises(ConfigError, match="size is 70; expected a multiple of 16, 64 or more"):
        cut_patches([survey[0]], tmp_path / "pack", spec=Spec(size_px=70))


def test_a_survey_without_truth_is_named(survey, tmp_path):
    (tmp_path / "truth.ecsv").unlink()
    with pytest.raises(InputError, match=r"truth\.ecsv"):
        cut_patches([survey[0]], tmp_path / "pack", spec=SPEC)
