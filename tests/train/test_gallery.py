"""What a run keeps of its images, and that its report needs nothing else."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table, vstack

from merkhet.config.data import Columns, Data
from merkhet.data.pack import pack
from merkhet.evaluate.examples import choose_examples
from merkhet.io.tables import read_table
from merkhet.report.html import write_report
from merkhet.train import gallery as module
from merkhet.train.evaluate import evaluate_run
from merkhet.train.fit import fit
from merkhet.train.gallery import gallery_table, pool_galleries
from merkhet.train.prepare import find_samples, prepare
from tests.skies import make_header, make_sky
from tests.train.experiments import make_experiment


def predictions(prepared, seed=0):
    """A prediction of every sample, in order."""
    samples = prepared.samples.table
    p = np.random.default_rng(seed).random(len(samples))
    names = {"id": samples["id"], "group": samples["group"], "true": samples["label"]}
    return Table({**names, "p_single": 1 - p, "p_double": p})


def prepared_with(table, *overrides):
    return prepare(*find_samples(make_experiment(table, *overrides)))


def gallery(prepared):
    table = predictions(prepared)
    return gallery_table(table, prepared=prepared, rows=np.arange(len(table)))


@pytest.fixture
def prepared(sky):
    return prepared_with(sky)


def test_pixels_and_scale_are_those_of_the_files(prepared, sky):
    found = gallery(prepared)
    task = prepared.experiment.task
    chosen = choose_examples(predictions(prepared), mode=task.mode, classes=task.classes, threshold=task.threshold)
    assert found.colnames == ["id", "chapter", "rank", "pixel_scale_arcsec", "pixels"]
    for name in ("id", "chapter", "rank"):
        assert list(found[name]) == list(chosen[name])
    for row in found:
        np.testing.assert_array_equal(row["pixels"], fits.getdata(sky.parent / "images" / f"{row['id']}.fits"))
    np.testing.assert_allclose(found["pixel_scale_arcsec"], 1.8)


def test_a_pack_keeps_the_same_images(prepared, sky, tmp_path):
    pack(Data(table=sky, columns=Columns(id="id")), tmp_path / "pack")
    packed, unpacked = gallery(prepared_with(tmp_path / "pack")), gallery(prepared)
    for name in packed.colnames:
        np.testing.assert_array_equal(packed[name], unpacked[name])


def test_images_are_cropped_as_for_the_network_but_not_binned(sky):
    whole = gallery(prepared_with(sky))
    cut = gallery(prepared_with(sky, "input={shape: [16, 20], fit: center, bin: 2}"))
    np.testing.assert_array_equal(cut["pixels"], whole["pixels"][:, 4:20, 2:22])
    np.testing.assert_allclose(cut["pixel_scale_arcsec"], 1.8)


def test_large_images_are_averaged_in_blocks(prepared, monkeypatch):
    whole = gallery(prepared)
    monkeypatch.setattr(module, "LARGEST_SIDE", 10)
    small = gallery(prepared)
    blocks = whole["pixels"].reshape(-1, 8, 3, 8, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(small["pixels"], blocks, rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(small["pixel_scale_arcsec"], 3 * 1.8)


def cube_sky(folder):
    table = make_sky(folder, 36)
    rng = np.random.default_rng(5)
    header = make_header()
    for name in ("CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2", "CDELT1", "CDELT2"):
        del header[name]  # no celestial axes: the pixel scale is not known
    for path in (folder / "images").iterdir():
        cube = rng.normal(size=(4, 12, 10)).astype(np.float32)
        cube[0, 3, 3], cube[:, 5, 5] = np.nan, np.nan
        fits.writeto(path, cube, header, overwrite=True)
    return table


def test_a_cube_is_averaged_along_its_depth(tmp_path):
    table = cube_sky(tmp_path / "sky")
    found = gallery(prepared_with(table, "input={dims: 3}"))
    for row in found:
        cube = fits.getdata(tmp_path / "sky" / "images" / f"{row['id']}.fits")
        assert np.isnan(row["pixels"]).sum() == 1
        expected = np.nanmean(np.delete(cube.reshape(4, -1), 5 * 10 + 5, axis=1), axis=0)
        np.testing.assert_allclose(np.delete(row["pixels"].ravel(), 5 * 10 + 5), expected, rtol=1e-4)
    assert np.isnan(found["pixel_scale_arcsec"]).all()
    known = gallery(prepared_with(table, "input={dims: 3, pixel_scale_arcsec: 0.5}"))
    np.testing.assert_allclose(known["pixel_scale_arcsec"], 0.5)


def test_pooled_galleries_hold_every_image_that_is_chosen_of_all(prepared):
    table = predictions(prepared, seed=3)
    parts = np.array_split(np.arange(len(table)), 3)
    galleries = [gallery_table(table[rows], prepared=prepared, rows=rows) for rows in parts]
    joined = vstack([table[rows] for rows in parts])
    pooled = pool_galleries(joined, galleries, task=prepared.experiment.task)
    whole = gallery_table(joined, prepared=prepared, rows=np.arange(len(joined)))
    for name in whole.colnames:
        np.testing.assert_array_equal(pooled[name], whole[name])


def report_of(run):
    return write_report(run.folder).read_bytes()


@pytest.mark.parametrize("packed", [False, True])
def test_the_report_is_the_same_byte_for_byte_when_the_images_are_gone(tmp_path, packed):
    table = make_sky(tmp_path / "sky", 36)
    if packed:
        pack(Data(table=table, columns=Columns(id="id")), tmp_path / "pack")
        table = tmp_path / "pack"
    run = fit(make_experiment(table, "train.epochs=1"), tmp_path / "run")
    before = report_of(run)
    assert before.count(b"data:image/png") > 6
    for folder in ("sky", "pack"):
        shutil.rmtree(tmp_path / folder, ignore_errors=True)
    assert report_of(run) == before


def test_scoring_again_restores_the_gallery(sky, tmp_path):
    run = fit(make_experiment(sky, "train.epochs=1"), tmp_path / "run")
    before = read_table(run.gallery("test"))
    assert not run.gallery("val").exists()  # the test split speaks for the model
    run.gallery("test").unlink()
    evaluate_run(run.folder)
    after = read_table(run.gallery("test"))
    np.testing.assert_array_equal(after["pixels"], before["pixels"])


def test_without_a_test_split_validation_images_are_kept(sky, tmp_path):
    run = fit(make_experiment(sky, "train.epochs=1", "split={train: 0.7, val: 0.3, test: 0}"), tmp_path / "run")
    assert b"Images of the validation split" in report_of(run)
    assert set(read_table(run.gallery("val"))["id"]) <= set(read_table(run.predictions("val"))["id"])


@pytest.mark.real
def test_real_radio_galaxies(real_data: Path):
    columns = "data.columns={id: source_id, path: path, label: label, group: group}"
    table = real_data / "mirabest" / "catalogue.csv"
    options = ("data.where={confident: 1}", "task.classes=[FRI, FRII]", "input={bin: 2}")
    prepared = prepared_with(table, columns, *options)
    samples = prepared.samples.table[:12]
    p = np.linspace(0, 1, 12)
    names = {"id": samples["source_id"], "group": samples["group"], "true": samples["label"]}
    said = Table({**names, "p_FRI": 1 - p, "p_FRII": p})
    found = gallery_table(said, prepared=prepared, rows=np.arange(12))
    assert found["pixels"].shape[1:] == (150, 150)
    np.testing.assert_allclose(found["pixel_scale_arcsec"], 1.8, rtol=1e-3)
