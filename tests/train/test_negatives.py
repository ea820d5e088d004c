"""Training against drawn negatives, end to end: sides, resume, scoring anew and on other tables."""

import csv
import json

import numpy as np
import pytest
from safetensors.torch import load_file

from merkhet.bundle.store import load_bundle
from merkhet.errors import InputError
from merkhet.io.tables import read_table
from merkhet.train.evaluate import evaluate_on_table, evaluate_run
from merkhet.train.fit import fit
from tests.train.experiments import make_experiment

PUBLISHED = (
    "data.where={label: double}",
    "data.negatives={sigma: 0.002}",
    "normalize={kind: log_minmax}",
    "augment=[{kind: dihedral, samples: positive}, {kind: after_normalization, samples: positive}]",
    "task.classes=[none, double]",
    "train.schedule={kind: plateau}",
    "train.optimizer={kind: adam, lr: 0.01, weight_decay: 1.0e-4}",
)


def experiment(sky, *overrides):
    return make_experiment(sky, *PUBLISHED, *overrides)


@pytest.fixture(scope="module")
def run(tmp_path_factory, sky):
    return fit(experiment(sky, "train.epochs=4"), tmp_path_factory.mktemp("runs") / "run")


def test_every_side_has_as_many_drawn_negatives_as_positives(run):
    table = read_table(run.samples)
    for side in ("train", "val", "test"):
        labels = np.asarray(table["label"])[np.asarray(table["split"]) == side]
        assert (labels == "none").sum() == (labels == "double").sum() > 0
    spec = load_bundle(run.folder).spec
    assert sum(spec.provenance.rows.values()) == 48
    assert spec.provenance.experiment["data"]["negatives"]["seed"] == 7
    assert set(read_table(run.predictions("test"))["true"]) == {"none", "double"}


def test_a_baseline_that_learns_nothing_says_what_the_scores_are_worth(run):
    # Zeros and half noise: the classical baseline tells them from any image.
    assert json.loads(run.metrics.read_text())["test"]["baselines"]["pixels"]["accuracy"]["value"] == 1


def test_history_holds_loss_accuracy_and_rate(run):
    with run.history.open() as stream:
        (first, *_) = csv.DictReader(stream)
    assert {"train_loss", "val_loss", "train_accuracy", "val_accuracy", "lr"} <= first.keys()


def test_a_resumed_run_is_an_uninterrupted_one(run, sky, tmp_path):
    short = fit(experiment(sky, "train.epochs=2"), tmp_path / "run")
    fit(experiment(sky, "train.epochs=4"), short.folder, resume=True)
    first, second = (load_file(r.bundle / "weights.safetensors") for r in (run, short))
    assert all((first[name] == second[name]).all() for name in first)
    with pytest.raises(InputError, match=r"the run was started with data\.negatives\.ratio=1\.0, not 2\.0"):
        fit(experiment(sky, "train.epochs=5", "data.negatives.ratio=2"), short.folder, resume=True)


def test_a_run_is_scored_anew_with_the_same_negatives(run):
    before = read_table(run.predictions("test"))
    evaluate_run(run.folder)
    after = read_table(run.predictions("test"))
    assert list(before["p_double"]) == list(after["p_double"])


def test_another_table_is_scored_by_its_own_labels(run, sky, tmp_path):
    table = read_table(sky)
    table["label"] = np.where(np.asarray(table["label"]) == "single", "none", "double")
    table["path"] = [str(sky.parent / path) for path in table["path"]]
    table.write(tmp_path / "other.csv")
    scored = evaluate_on_table(run.folder, tmp_path / "other.csv", tmp_path / "scores")
    assert scored.read_metrics()["test"]["n"] == 48


def test_a_table_without_labels_holds_positives(sky, tmp_path):
    table = read_table(sky)["id", "path", "group"][:24]
    table["path"] = [str(sky.parent / path) for path in table["path"]]
    table.write(tmp_path / "positives.csv")
    options = ["data.where={}", f"data.table={tmp_path / 'positives.csv'}", "train.epochs=1"]
    done = fit(experiment(sky, *options), tmp_path / "run")
    assert (np.asarray(read_table(done.samples)["label"]) == "double").sum() == 24
