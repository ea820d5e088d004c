"""Folds and ensembles, end to end on a tiny sky."""

import json
import shutil

import numpy as np
import pytest
from safetensors.torch import load_file

from merkhet.bundle.store import load_bundle
from merkhet.errors import ConfigError, InputError
from merkhet.evaluate.scores import evaluate_table
from merkhet.io.tables import read_table
from merkhet.report.html import write_report
from merkhet.train.compare import compare_runs
from merkhet.train.evaluate import evaluate_run
from merkhet.train.fit import fit
from merkhet.train.folds import fit_folds
from merkhet.train.pooled import pool
from merkhet.train.run import Run
from tests.train.experiments import make_experiment

FOLDS = 3
QUICK = ("train.epochs=2", "ensemble.members=2")


@pytest.fixture(scope="module")
def folded(tmp_path_factory, sky):
    return fit_folds(make_experiment(sky, *QUICK), tmp_path_factory.mktemp("folds") / "run", folds=FOLDS)


def test_every_row_is_tested_once_by_a_model_that_did_not_see_it(folded):
    samples, predictions = read_table(folded.samples), read_table(folded.predictions("test"))
    assert sorted(predictions["id"]) == sorted(samples["id"])
    assert set(predictions["fold"]) == {1, 2, 3}
    for fold in folded.folds:
        sides = read_table(fold.samples)
        tested = set(sides["id"][sides["split"] == "test"])
        number = int(fold.folder.name)
        assert tested == set(samples["id"][samples["fold"] == number])
        mine = predictions[predictions["fold"] == number]
        assert set(mine["id"]) == tested
        assert set(mine["model"]) == {load_bundle(fold.folder).spec.hash}
        groups = {side: set(sides["group"][sides["split"] == side]) for side in ("train", "val", "test")}
        assert not (groups["train"] & groups["test"] or groups["val"] & groups["test"])


def test_pooled_scores_are_those_of_the_pooled_table(folded):
    metrics = folded.read_metrics()
    predictions = read_table(folded.predictions("test"))
    expected = evaluate_table(
        predictions, mode="binary", classes=("single", "double"), threshold=0.5, seed=7, train_counts={"single": 1}
    )
    assert metrics["test"]["scores"] == json.loads(json.dumps(expected["scores"]))
    assert [part["fold"] for part in metrics["folds"]] == [1, 2, 3]
    assert sum(part["n"] for part in metrics["folds"]) == metrics["test"]["n"] == len(predictions)
    right = sum(part["n"] * part["scores"]["accuracy"]["value"] for part in metrics["folds"])
    assert right / len(predictions) == pytest.approx(metrics["test"]["scores"]["accuracy"]["value"])
    assert {"majority", "pixels"} <= set(metrics["test"]["baselines"])
    assert metrics["test"]["baselines"]["pixels"]["accuracy"]["low"] is not None
    of_one_fold = folded.folds[0].read_metrics()["test"]["baselines"]["pixels"]["columns"]
    assert metrics["test"]["baselines"]["pixels"]["columns"] == of_one_fold
    assert metrics["test"]["duplicates"] == 0


def test_members_differ_and_stand_in_one_bundle(folded):
    fold = folded.folds[0]
    weights = load_file(fold.bundle / "weights.safetensors")
    first, second = (weights[f"members.{k}.head.weight"] for k in (0, 1))
    assert (first != second).any()
    assert len(load_bundle(fold.folder).spec.provenance.epochs) == 2
    history = read_table(fold.history)
    assert history.colnames[:2] == ["member", "epoch"]
    assert list(zip(history["member"], history["epoch"], strict=True)) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert read_table(folded.history).colnames[:3] == ["fold", "member", "epoch"]
    assert len(read_table(folded.history)) == FOLDS * 2 * 2


def test_the_first_member_is_the_network_of_a_run_without_an_ensemble(folded, sky, tmp_path):
    split = ("split.kind=fold", f"split.folds={FOLDS}", "split.fold=1")
    alone = fit(make_experiment(sky, "train.epochs=2", *split), tmp_path / "alone")
    members = load_file(folded.folds[0].bundle / "weights.safetensors")
    for name, tensor in load_file(alone.bundle / "weights.safetensors").items():
        assert (members[f"members.0.{name}"] == tensor).all()


def test_finished_folds_stay_and_missing_ones_are_trained(folded, sky, tmp_path):
    run = Run(tmp_path / "run")
    shutil.copytree(folded.folder, run.folder)
    shutil.rmtree(run.fold(2).folder)
    run.predictions("test").unlink()
    with pytest.raises(InputError, match="this fold is not finished"):
        pool(run)
    kept = [member.best_weights for member in run.fold(1).members(2)]
    before = [path.stat().st_mtime_ns for path in kept]
    fit_folds(make_experiment(sky, *QUICK), run.folder, folds=FOLDS, resume=True)
    assert [path.stat().st_mtime_ns for path in kept] == before
    assert read_table(run.predictions("test"))["p_double"].tolist() == pytest.approx(
        read_table(folded.predictions("test"))["p_double"].tolist()
    )


def test_folds_trained_one_by_one_are_pooled(folded, sky, tmp_path):
    for number in range(1, FOLDS + 1):
        split = ("split.kind=fold", f"split.folds={FOLDS}", f"split.fold={number}")
        fit(make_experiment(sky, *QUICK, *split), tmp_path / "run" / "folds" / str(number))
    run = fit_folds(make_experiment(sky, *QUICK), tmp_path / "run", folds=FOLDS, resume=True)
    assert run.read_metrics()["test"]["scores"] == folded.read_metrics()["test"]["scores"]


def test_evaluating_anew_gives_the_same_scores(folded, tmp_path):
    run = Run(tmp_path / "run")
    shutil.copytree(folded.folder, run.folder)
    run.metrics.unlink()
    assert evaluate_run(run.folder).read_metrics() == folded.read_metrics()


def test_pooled_runs_are_compared_and_reported(folded, tmp_path):
    compared = compare_runs(folded.folder, folded.folder)
    assert compared["n"] == len(read_table(folded.samples))
    assert compared["scores"]["log_loss"]["difference"] == 0
    page = write_report(folded.folder).read_text(encoding="utf-8")
    assert f"{compared['n']}" in page


def test_the_split_keeps_its_own_seed(sky, tmp_path):
    tables = []
    for seed in (1, 2):
        experiment = make_experiment(sky, "train.epochs=1", f"seed={seed}", "split.seed=5")
        tables.append(read_table(fit(experiment, tmp_path / str(seed)).samples))
    assert (tables[0]["split"] == tables[1]["split"]).all()


def test_what_cannot_be_folded(folded, sky, tmp_path):
    with pytest.raises(ConfigError, match=r"split\.kind=column takes the split from the table"):
        fit_folds(make_experiment(sky, "split.kind=column"), tmp_path / "a", folds=2)
    with pytest.raises(InputError, match=r"with folds\. Resume it with the same --folds"):
        fit(make_experiment(sky), folded.folder, resume=True)
    with pytest.raises(InputError, match=r"was started with split\.folds=3, not 2"):
        fit_folds(make_experiment(sky, *QUICK), folded.folder, folds=2, resume=True)
    plain = fit(make_experiment(sky, "train.epochs=1"), tmp_path / "plain")
    with pytest.raises(InputError, match="is a run without folds"):
        fit_folds(make_experiment(sky), plain.folder, folds=2, resume=True)
    assert np.isfinite(folded.read_metrics()["test"]["scores"]["log_loss"]["value"])
