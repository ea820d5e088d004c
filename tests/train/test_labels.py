"""Scores by label and strength, from the table of a run to the report: trained, scored again, pooled, localized."""

import json
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from scipy.ndimage import gaussian_filter

from merkhet.cli.main import main
from merkhet.errors import ConfigError, InputError
from merkhet.infer.localize import localization_lines, localize
from merkhet.io.tables import read_table, write_table
from merkhet.report.html import write_report
from merkhet.train.evaluate import evaluate_on_table, evaluate_run
from merkhet.train.fit import fit
from merkhet.train.folds import fit_folds
from merkhet.train.run import Run
from merkhet.train.summary import headline
from tests.train.experiments import make_experiment

LABELS = (
    "data.columns.label=[is_single, is_double]",
    "data.columns.strength=[strength_single, strength_double]",
    "data.columns.metadata=[z]",
    "data.columns.truth_map=truth",
    "task.mode=multilabel",
    "task.classes=[single, double]",
    "train.epochs=1",
    "model.widths=[4]",
    "scores.statistics=[pixels, radio]",
    "scores.strength_edges=[1.0, 2.0]",
)


@pytest.fixture(scope="module")
def table(sky, tmp_path_factory):
    """The sky with strengths, one of them unknown, and maps of what is to be found: two planes each."""
    rng = np.random.default_rng(0)
    rows = read_table(sky)
    for name in ("single", "double"):
        rows[f"strength_{name}"] = np.where(rows[f"is_{name}"], rng.uniform(0.5, 3, len(rows)), 0)
    folder = tmp_path_factory.mktemp("labelled")
    rows["truth"] = [f"truth/{name}.fits" for name in rows["id"]]
    (folder / "truth").mkdir()
    (folder / "images").symlink_to(sky.parent / "images")
    y, x = np.mgrid[:120, :120]
    for k, row in enumerate(rows):
        artifact = np.exp(-((x - 20 - k) ** 2 + (y - 60) ** 2) / 200) * np.cos(x)
        planes = np.stack([row["is_single"] * artifact, row["is_double"] * artifact])
        fits.writeto(folder / row["truth"], planes.astype(np.float32))
    return write_table(rows, folder / "table.csv")


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    return fit(make_experiment(table, *LABELS), tmp_path_factory.mktemp("run") / "run")


def test_each_label_is_scored_by_strength_beside_its_baselines(run):
    metrics = run.read_metrics()
    test = metrics["test"]
    assert set(test["labels"]) == set(test["against"]) == {"single", "double"}
    assert set(test["baselines"]) == {"majority", "pixels", "radio", "metadata"}
    for scored in (test, test["baselines"]["radio"], test["baselines"]["metadata"]):
        for label, row in scored["labels"].items():
            assert [part["low"] for part in row["bins"]][-2:] == [1.0, 2.0]
            assert sum(part["n"] for part in row["bins"]) == test["per_class"][label]["support"]
    chosen = metrics["val"]["labels"]["double"]["threshold"]
    assert test["labels"]["double"]["points"]["validation"]["threshold"] == chosen
    assert "validation" not in metrics["val"]["labels"]["double"]["points"]
    assert test["labels"]["double"]["roc_auc"] == pytest.approx(test["per_class"]["double"]["roc_auc"])
    predictions = read_table(run.predictions("test"))
    assert "strength_double" in predictions.colnames
    assert len(headline(run).splitlines()) == 3


def test_baselines_keep_what_they_learned_from(run):
    assert run.lessons == ["metadata", "pixels", "radio"]
    lesson = read_table(run.lesson("radio"))
    assert lesson.colnames[:2] == ["is_single", "is_double"]
    train = read_table(run.samples)["split"] == "train"
    assert len(lesson) == train.sum()


def test_scored_again_it_says_the_same(run, table, tmp_path):
    before = run.read_metrics()
    copy = Run(shutil.copytree(run.folder, tmp_path / "copy"))
    assert evaluate_run(copy.folder).read_metrics() == before
    again = evaluate_on_table(copy.folder, table, tmp_path / "again").read_metrics()["test"]
    assert set(again["baselines"]) == {"majority", "pixels", "radio", "metadata"}
    assert again["labels"]["single"]["points"]["validation"]["threshold"] == pytest.approx(
        before["val"]["labels"]["single"]["threshold"]
    )
    ids = np.asarray(read_table(run.predictions("test"))["id"])
    answers = read_table(Run(tmp_path / "again").baseline("radio", "test"))
    known = dict(zip(answers["id"], answers["p_double"], strict=True))
    first = read_table(run.baseline("radio", "test"))
    assert [known[name] for name in ids] == pytest.approx(list(first["p_double"]))


def test_a_table_without_strengths_and_metadata_is_scored_as_far_as_it_goes(run, table, tmp_path):
    rows = read_table(table)["id", "path", "is_single", "is_double", "group"]
    rows["path"] = [str(table.parent / path) for path in rows["path"]]
    bare = write_table(rows, tmp_path / "bare.csv")
    scored = evaluate_on_table(run.folder, bare, tmp_path / "scores")
    test = scored.read_metrics()["test"]
    assert set(test["baselines"]) == {"majority", "pixels", "radio"}
    assert test["labels"]["single"]["bins"] == []
    assert "has no column strength_single" in write_report(scored.folder).read_text()
    bundle_alone = evaluate_on_table(run.bundle, bare, tmp_path / "alone").read_metrics()["test"]
    assert set(bundle_alone["baselines"]) == {"majority"}
    assert bundle_alone["against"] == {}
    assert set(bundle_alone["labels"]["single"]["points"]) == {"decision"}


def test_one_class_alone_is_no_error(run, table, tmp_path):
    rows = read_table(table)
    rows["path"] = [str(table.parent / path) for path in rows["path"]]
    only = write_table(rows[np.asarray(rows["is_single"]) == 1], tmp_path / "only.csv")
    scored = evaluate_on_table(run.folder, only, tmp_path / "scores")
    assert "single: AUC unknown" in headline(scored)
    assert "Both are needed for a score" in write_report(scored.folder).read_text()


def test_folds_keep_their_own_thresholds(table, tmp_path):
    pooled = fit_folds(
        make_experiment(table, *LABELS, "scores.statistics=[pixels]"), tmp_path / "cv", folds=2
    ).read_metrics()["test"]
    point = pooled["labels"]["double"]["points"]["validation"]
    assert point["threshold"] is None
    assert point["recall"]["value"] is not None
    assert "At few false alarms" in write_report(tmp_path / "cv").read_text()


@pytest.fixture
def heat(table, tmp_path):
    """Heat maps that know the truth of single objects, and nothing of double ones."""
    folder = tmp_path / "heat"
    folder.mkdir()
    for row in read_table(table):
        truth = fits.getdata(table.parent / row["truth"])
        stem = row["path"].split("/")[-1].removesuffix(".fits")
        known = np.sqrt(gaussian_filter(truth[0].astype(float) ** 2, 3))
        fits.writeto(folder / f"{stem}_single.fits", known.astype(np.float32))
        fits.writeto(folder / f"{stem}_double.fits", np.ones(truth[1].shape, np.float32))
    return folder


def test_heat_maps_of_test_rows_are_compared_with_the_truth(run, heat, tmp_path):
    copy = Run(shutil.copytree(run.folder, tmp_path / "copy"))
    scores = localize(copy, heat)
    support = copy.read_metrics()["test"]["per_class"]
    assert [scores[name]["n"] for name in ("single", "double")] == [support[n]["support"] for n in ("single", "double")]
    assert scores["single"]["auc"]["value"] > 0.95
    assert scores["single"]["excess"]["value"] > 0.1
    assert scores["double"]["auc"]["value"] == 0.5
    assert scores["double"]["excess"]["value"] == pytest.approx(0, abs=1e-6)
    assert copy.read_metrics()["test"]["localization"] == scores
    assert localization_lines(scores)[0].startswith("single: heat maps of ")
    assert "Where it is" in write_report(copy.folder).read_text()


def test_heat_maps_from_the_command_line(run, table, heat, tmp_path, capsys):
    out = tmp_path / "scores"
    assert main(["evaluate", str(run.folder), "--table", str(table), "--heatmaps", str(heat), "--out", str(out)]) == 0
    assert "single: heat maps of 24 images against the artifact: AUC" in capsys.readouterr().err
    assert json.loads((out / "metrics.json").read_text())["test"]["localization"]["double"]["n"] == 24


def test_heat_maps_that_are_not_there(run, table, tmp_path, heat):
    copy = Run(shutil.copytree(run.folder, tmp_path / "copy"))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"no heat map of the images, such as s\d+_single\.fits"):
        localize(copy, empty)
    text = copy.experiment_file.read_text()
    copy.experiment_file.write_text(text.replace("truth_map: truth", "truth_map: null"))
    with pytest.raises(ConfigError, match=r"needs data\.columns\.truth_map"):
        localize(copy, heat)


def test_strengths_must_fit_the_labels(table, tmp_path):
    with pytest.raises(ConfigError, match="got 1 columns; expected one for each of single, double"):
        fit(make_experiment(table, *LABELS, "data.columns.strength=[z]"), tmp_path / "run")
    words = Table({name: read_table(table)[name] for name in ("id", "path", "is_single", "is_double", "group")})
    words["path"] = [str(table.parent / path) for path in words["path"]]
    words["strength_single"] = ["weak"] * len(words)
    written = write_table(words, tmp_path / "words.csv")
    plain = [change for change in LABELS if "metadata" not in change]
    with pytest.raises(InputError, match="'strength_single' holds text"):
        fit(make_experiment(written, *plain), tmp_path / "run2")
