"""Training end to end on a tiny sky: what a run leaves, resuming, fine-tuning, refusals."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
import torch
from astropy.table import Table
from rich.console import Console
from safetensors.torch import load_file

import merkhet
from merkhet.bundle.store import load_bundle
from merkhet.config.data import Columns, Data
from merkhet.config.tasks import Classify
from merkhet.data.pack import pack
from merkhet.errors import ConfigError, InputError, MerkhetError, OutputError
from merkhet.io.tables import read_table
from merkhet.train.compare import compare_runs
from merkhet.train.evaluate import evaluate_on_table, evaluate_run
from merkhet.train.fit import fit
from tests.skies import make_image, make_sky, write_image
from tests.train.experiments import make_experiment


@pytest.fixture(scope="module")
def run(tmp_path_factory, sky):
    return fit(make_experiment(sky, "train.epochs=12"), tmp_path_factory.mktemp("runs") / "run")


def weights_of(run):
    return load_file(run.bundle / "weights.safetensors")


def same_weights(a, b):
    left, right = weights_of(a), weights_of(b)
    return left.keys() == right.keys() and all((left[name] == right[name]).all() for name in left)


def history_of(run):
    with run.history.open() as stream:
        return list(csv.DictReader(stream))


def test_a_run_holds_all_that_is_promised(run):
    for path in (run.experiment_file, run.samples, run.history, run.rejects, run.metrics, run.checkpoint):
        assert path.is_file(), path
    spec = load_bundle(run.folder).spec
    assert spec.input.shape == (24, 24)
    assert spec.input.bands[0].unit == "Jy/beam"
    assert spec.provenance.seed == 7
    assert sum(spec.provenance.rows.values()) == 48
    assert spec.provenance.versions["torch"]
    assert [row["epoch"] for row in history_of(run)] == [str(n) for n in range(1, 13)]
    assert {"lr", "train_loss", "val_loss", "train_accuracy", "val_accuracy", "seconds"} <= set(history_of(run)[0])


def test_it_learns_beyond_the_majority_class(run):
    scores = json.loads(run.metrics.read_text())["test"]
    assert scores["scores"]["accuracy"]["value"] >= 0.8
    assert scores["scores"]["accuracy"]["value"] > scores["baselines"]["majority"]["accuracy"]["value"]


def test_predictions_carry_truth_position_and_model(run):
    table = read_table(run.predictions("test"))
    samples = read_table(run.samples)
    assert len(table) == (samples["split"] == "test").sum()
    assert set(table["model"]) == {load_bundle(run.folder).spec.hash}
    assert np.isfinite(table["ra"]).all()
    np.testing.assert_allclose(table["p_single"] + table["p_double"], 1, rtol=1e-6)


def test_probabilities_are_calibrated_on_validation_rows(run):
    task: Any = load_bundle(run.folder).task
    assert task.config.temperature != 1
    logits = torch.tensor([[2.0]])
    expected = torch.sigmoid(logits / task.config.temperature)
    torch.testing.assert_close(task.probabilities(logits)[:, 1:], expected)


def test_baselines_and_duplicates_stand_beside_the_scores(sky, tmp_path):
    result = fit(make_experiment(sky, "data.columns.metadata=[z]", "train.epochs=1"), tmp_path / "run")
    scores = json.loads(result.metrics.read_text())["test"]
    assert set(scores["baselines"]) == {"majority", "pixels", "metadata"}
    assert scores["baselines"]["metadata"]["columns"] == ["z"]
    assert scores["baselines"]["pixels"]["accuracy"]["value"] > 0.6
    assert scores["duplicates"] == 0
    assert scores["calibration"]["bins"]


def test_two_runs_are_compared_on_the_same_rows(run, sky, tmp_path):
    other = fit(make_experiment(sky, "train.epochs=1"), tmp_path / "other")
    compared = compare_runs(run.folder, other.folder)
    mine, theirs = (json.loads(r.metrics.read_text())["test"]["scores"]["log_loss"]["value"] for r in (run, other))
    row = compared["scores"]["log_loss"]
    assert row["difference"] == pytest.approx(mine - theirs)
    assert row["low"] < row["difference"] < row["high"]
    other.predictions("test").unlink()
    with pytest.raises(InputError, match=r"no predictions_test\.parquet"):
        compare_runs(run.folder, other.folder)


def test_no_group_is_divided(run):
    samples = read_table(run.samples)
    for group in set(samples["group"]):
        assert len(set(samples["split"][samples["group"] == group])) == 1


def test_the_same_seed_gives_the_same_weights_and_packed_data_too(run, sky, tmp_path):
    again = fit(make_experiment(sky, "train.epochs=12"), tmp_path / "again")
    assert same_weights(run, again)
    pack(Data(table=sky, columns=Columns(id="id")), tmp_path / "pack")
    packed = fit(make_experiment(tmp_path / "pack", "train.epochs=12", "train.workers=1"), tmp_path / "packed")
    assert same_weights(run, packed)
    assert (
        load_bundle(packed.folder).spec.provenance.data_fingerprint
        == load_bundle(run.folder).spec.provenance.data_fingerprint
    )


@pytest.mark.parametrize(
    "extra", [(), ("train.schedule={kind: plateau, patience: 0}", "train.early_stopping_patience=9")]
)
def test_a_run_that_is_stopped_and_resumed_equals_one_that_was_not(sky, tmp_path, extra):
    whole = fit(make_experiment(sky, "train.epochs=4", *extra), tmp_path / "whole")
    schedule = () if extra else ("train.schedule.kind=constant",)
    whole = fit(make_experiment(sky, "train.epochs=4", *extra, *schedule), tmp_path / "whole", overwrite=True)
    fit(make_experiment(sky, "train.epochs=2", *extra, *schedule), tmp_path / "parts")
    parts = fit(make_experiment(sky, "train.epochs=4", *extra, *schedule), tmp_path / "parts", resume=True)
    assert same_weights(whole, parts)
    for one, other in zip(history_of(whole), history_of(parts), strict=True):
        assert {k: v for k, v in one.items() if k != "seconds"} == {k: v for k, v in other.items() if k != "seconds"}


SLOW_TRAINING = """
import signal, sys, time
from pathlib import Path
from merkhet.train.engine import Engine
from merkhet.train.fit import fit
from tests.train.experiments import make_experiment
step = Engine.training_step
Engine.training_step = lambda self, *a: (time.sleep(0.2), step(self, *a))[1]
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background of a shell
fit(make_experiment(Path(sys.argv[1]), "train.epochs=6"), sys.argv[2])
"""


def start_and_stop(table, out, signal_number):
    child = subprocess.Popen(
        [sys.executable, "-c", SLOW_TRAINING, str(table), str(out)], stderr=subprocess.PIPE, text=True
    )
    history, deadline = out / "history.csv", time.monotonic() + 120
    while time.monotonic() < deadline and (not history.exists() or history.read_text().count("\n") < 3):
        time.sleep(0.02)
    time.sleep(0.1)  # somewhere in the middle of an epoch
    child.send_signal(signal_number)
    _, errors = child.communicate()
    return child.returncode, errors


@pytest.mark.slow
@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_resumes_exactly(sky, tmp_path, signal_number):
    code, errors = start_and_stop(sky, tmp_path / "killed", signal_number)
    assert code != 0
    if signal_number == signal.SIGINT:
        assert "the last finished epoch is saved. Go on with the same command and --resume" in errors
    assert not (tmp_path / "killed" / "bundle").exists()
    experiment = make_experiment(sky, "train.epochs=6")
    resumed = fit(experiment, tmp_path / "killed", resume=True)
    whole = fit(experiment, tmp_path / "whole")
    assert same_weights(resumed, whole)
    assert [row["val_loss"] for row in history_of(resumed)] == [row["val_loss"] for row in history_of(whole)]
    assert not list((tmp_path / "killed").rglob(".*"))


def test_resuming_another_experiment_is_refused(run, sky):
    with pytest.raises(InputError, match="the run was started with seed=7, not 8"):
        fit(make_experiment(sky, "seed=8"), run.folder, resume=True)
    with pytest.raises(InputError, match=r"holds no experiment\.yaml"):
        fit(make_experiment(sky), sky.parent, resume=True)


def test_resume_begins_a_run_of_which_nothing_is_there(sky, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "rejects.csv").write_text("left by a run that was stopped while it read its files\n")
    assert fit(make_experiment(sky, "train.epochs=1"), tmp_path / "run", resume=True).bundle.is_dir()


def test_resuming_with_changed_data_is_refused(tmp_path):
    table = make_sky(tmp_path / "sky", 36)
    fit(make_experiment(table, "train.epochs=1"), tmp_path / "run")
    images = tmp_path / "sky" / "images"
    (images / "s000.fits").write_bytes((images / "s002.fits").read_bytes())
    with pytest.raises(InputError, match="rows, pixels, labels or sides are not those that the run was started with"):
        fit(make_experiment(table, "train.epochs=2"), tmp_path / "run", resume=True)


def test_an_output_that_exists_is_refused_before_any_work(run, tmp_path):
    with pytest.raises(OutputError, match="it exists already"):
        fit(make_experiment(tmp_path / "no_such_table.csv"), run.folder)


@pytest.mark.parametrize("mode", ["multiclass", "multilabel"])
def test_the_other_modes_train_too(sky, tmp_path, mode):
    columns = "label=[is_single, is_double]" if mode == "multilabel" else "label=label"
    options = (f"data.columns.{columns}", f"task.mode={mode}", "task.weights=balanced", "train.sampling=balanced")
    run = fit(make_experiment(sky, *options, "train.epochs=1", "train.precision=bf16"), tmp_path / mode)
    scores = json.loads(run.metrics.read_text())["test"]
    assert scores["mode"] == mode
    task = load_bundle(run.folder).spec.task
    assert isinstance(task, Classify)
    assert isinstance(task.weights, tuple)


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_optimizers_clipping_and_steps(sky, tmp_path, kind):
    options = (f"train.optimizer={{kind: {kind}, lr: 0.01}}", "train.gradient_clip=1", "train.steps_per_epoch=9")
    run = fit(make_experiment(sky, *options, "train.epochs=2", "train.tensorboard=true"), tmp_path / kind)
    assert len(history_of(run)) == 2
    assert list(run.folder.glob("logs/**/events*"))


def test_the_best_epoch_is_the_highest_where_higher_is_better(sky, tmp_path):
    options = ("train.epochs=6", "train.monitor=val_accuracy")
    run = fit(make_experiment(sky, *options), tmp_path / "run")
    accuracy = [float(row["val_accuracy"]) for row in history_of(run)]
    assert load_bundle(run.folder).spec.provenance.epochs == (accuracy.index(max(accuracy)) + 1,)


def test_early_stopping_stops(sky, tmp_path):
    options = (
        "train.epochs=50",
        "train.optimizer.lr=1e-9",
        "train.early_stopping_patience=2",
        "train.schedule.kind=constant",
    )
    run = fit(make_experiment(sky, *options), tmp_path / "run")
    epochs = len(history_of(run))
    assert epochs < 50
    resumed = fit(make_experiment(sky, *options), tmp_path / "run", resume=True)
    assert len(history_of(resumed)) == epochs


def test_fine_tuning_takes_over_the_network_and_can_freeze_it(run, tmp_path):
    table = make_sky(tmp_path / "sky", 36, seed=3)
    tuned = make_experiment(table, f"train.finetune={{bundle: {run.folder}, freeze: network}}", "train.epochs=2")
    result = weights_of(fit(tuned, tmp_path / "same"))
    start = weights_of(run)
    network = [name for name in start if name.startswith("network.")]
    assert all((result[name] == start[name]).all() for name in network)
    assert any((result[name] != start[name]).any() for name in start if name.startswith("head."))
    levels = make_experiment(
        table, f"train.finetune={{bundle: {run.folder}, freeze: levels, freeze_levels: 1}}", "train.epochs=1"
    )
    result = weights_of(fit(levels, tmp_path / "levels"))
    assert {(result[name] == start[name]).all().item() for name in network} == {True, False}


def test_fine_tuning_can_keep_the_statistics_of_batch_norms(sky, tmp_path):
    normed = ("model.norm=batch", "train.epochs=2")
    first = fit(make_experiment(sky, *normed), tmp_path / "first")
    start = weights_of(first)
    statistics = [name for name in start if name.endswith(("running_mean", "running_var"))]
    assert statistics
    for norms, same in (("keep", True), ("learn", False)):
        finetune = f"train.finetune={{bundle: {first.folder}, norms: {norms}}}"
        result = weights_of(fit(make_experiment(sky, *normed, finetune), tmp_path / norms))
        assert all((result[name] == start[name]).all() == same for name in statistics)
        assert any((result[name] != start[name]).any() for name in start if name.endswith("weight"))


def test_fine_tuning_on_other_classes_makes_a_new_head(run, tmp_path):
    table = make_sky(tmp_path / "sky", 36, classes=("point", "pair"))
    options = (
        f"train.finetune.bundle={run.folder}",
        "task.classes=[point, pair]",
        "task.mode=multiclass",
        "train.epochs=1",
    )
    result = fit(make_experiment(table, *options), tmp_path / "tuned")
    assert weights_of(result)["head.weight"].shape[0] == 2
    with pytest.raises(ConfigError, match="model: differs from the one in"):
        fit(make_experiment(table, *options, "model.widths=[8]"), tmp_path / "other")


def test_scores_can_be_renewed_and_other_tables_scored(run, sky, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run.folder, copy)
    (copy / "metrics.json").unlink()
    evaluate_run(copy)
    assert json.loads((copy / "metrics.json").read_text()) == json.loads(run.metrics.read_text())
    other = make_sky(tmp_path / "sky", 30, seed=9)
    result = evaluate_on_table(run.bundle, other, tmp_path / "scores")
    assert json.loads(result.metrics.read_text())["test"]["n"] == 30
    assert len(read_table(result.predictions("test"))) == 30


@pytest.mark.parametrize("normalize", ["{kind: asinh}", "{kind: dataset}"])
def test_images_of_several_shapes_train_one_model_of_any_size(tmp_path, rng, normalize):
    table = make_sky(tmp_path / "sky", 36, seed=3)
    for number in range(0, 36, 3):
        path = tmp_path / "sky" / "images" / f"s{number:03}.fits"
        path.unlink()
        write_image(path, make_image("double" if number % 2 else "single", rng, size=32))
    options = ("input.fit=any", f"normalize={normalize}", "train.stats=true")
    run = fit(make_experiment(table, *options, "train.epochs=2"), tmp_path / "any")
    rows = load_bundle(run.folder).spec.provenance.rows
    assert sum(rows.values()) == 36
    assert len(read_table(run.folder / "stats.parquet")) == 2 * (rows["train"] + rows["val"])
    with pytest.raises(ConfigError, match=r"train\.sampling=balanced is for images of one shape"):
        fit(make_experiment(table, *options, "train.sampling=balanced"), tmp_path / "balanced")


def test_a_model_for_any_size_is_scored_on_a_table_of_several(tmp_path, sky, rng):
    trained = fit(make_experiment(sky, "input.fit=any", "input.pad_to=24", "train.epochs=1"), tmp_path / "any")
    other = make_sky(tmp_path / "sky", 8, seed=9)
    for name, size in (("s001", 32), ("s002", 20)):
        (tmp_path / "sky" / "images" / f"{name}.fits").unlink()
        write_image(tmp_path / "sky" / "images" / f"{name}.fits", make_image("single", rng, size=size))
    scored = evaluate_on_table(trained.folder, other, tmp_path / "scores")
    answers = read_table(scored.predictions("test"))
    assert len(answers) == 8
    table = merkhet.load(trained.bundle).predict([tmp_path / "sky" / "images" / f"s00{k}.fits" for k in range(8)])
    order = [list(answers["id"]).index(f"s00{k}") for k in range(8)]
    np.testing.assert_allclose(answers["p_double"][order], table["p_double"], atol=1e-5)


def test_rows_that_were_trained_on_are_counted(run, sky, tmp_path):
    console = Console(file=io.StringIO(), width=200)
    seen = evaluate_on_table(run.folder, sky, tmp_path / "same", console=console)
    samples = read_table(run.samples)
    known = int((samples["split"] != "test").sum())
    scores = json.loads(seen.metrics.read_text())["test"]
    assert (scores["trained_on"], scores["trained_ids"]) == (known, 0)
    line = f"{known} of 48 rows have the pixels of rows that this model was trained with: the scores lean high\n"
    assert line in console.file.getvalue()  # type: ignore[attr-defined]
    other = make_sky(tmp_path / "sky", 30, seed=9)
    scores = json.loads(evaluate_on_table(run.folder, other, tmp_path / "other").metrics.read_text())["test"]
    assert scores["trained_on"] == 0
    assert scores["trained_ids"] == int(
        np.isin(samples["id"][samples["split"] != "test"], read_table(other)["id"]).sum()
    )
    bundle = json.loads(evaluate_on_table(run.bundle, sky, tmp_path / "bundle").metrics.read_text())["test"]
    assert "trained_on" not in bundle


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda _: b"", lambda _: b"hello"])
def test_a_damaged_checkpoint_is_one_clear_line(run, sky, tmp_path, damage):
    shutil.copytree(run.folder, tmp_path / "run")
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    with pytest.raises(InputError, match=r"last\.ckpt: is damaged: .* Train anew, into a new folder") as caught:
        fit(make_experiment(sky, "train.epochs=13"), tmp_path / "run", resume=True)
    assert "\n" not in str(caught.value)


def test_scores_are_not_renewed_on_changed_data(tmp_path):
    table = make_sky(tmp_path / "sky", 36)
    run = fit(make_experiment(table, "train.epochs=1"), tmp_path / "run")
    rows = Table.read(table, format="ascii.csv")
    rows["label"][0] = "double"
    rows.write(table, format="ascii.csv", overwrite=True)
    with pytest.raises(InputError, match="the data are not those that the run was trained on"):
        evaluate_run(run.folder)


def test_rows_without_a_group_are_rejected(tmp_path):
    table = make_sky(tmp_path / "sky", 36)
    lines = table.read_text().splitlines()
    cells = [line.split(",") for line in lines]
    column = cells[0].index("group")
    for row in cells[1:4]:
        row[column] = ""
    table.write_text("\n".join(",".join(row) for row in cells) + "\n")
    run = fit(make_experiment(table, "data.max_reject_fraction=0.2", "train.epochs=1"), tmp_path / "run")
    assert {r["reason"] for r in read_table(run.rejects)} == {"no value in column 'group'; expected a group"}
    assert len(read_table(run.rejects)) == 3


def test_overwriting_never_clears_what_is_needed(run, sky, tmp_path):
    with pytest.raises(OutputError, match="which is needed"):
        evaluate_on_table(run.folder, sky, run.folder, overwrite=True)
    with pytest.raises(OutputError, match=r"table\.csv, which is needed"):
        fit(make_experiment(sky), sky.parent, overwrite=True)
    assert sky.is_file()
    assert run.metrics.is_file()


def test_rejects_are_listed_and_too_many_stop_the_run(tmp_path):
    table = make_sky(tmp_path / "sky", 36)
    for k in range(4):
        (tmp_path / f"sky/images/s{k:03d}.fits").write_bytes(b"")
    with pytest.raises(InputError, match=r"4 of 36 rows cannot be used"):
        fit(make_experiment(table), tmp_path / "stopped")
    assert len(read_table(tmp_path / "stopped" / "rejects.csv")) == 4
    assert not (tmp_path / "stopped" / "history.csv").exists()
    run = fit(make_experiment(table, "data.max_reject_fraction=0.2", "train.epochs=1"), tmp_path / "run")
    assert len(read_table(run.rejects)) == 4


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.columns.label=klass", "klass"),
        ("task.classes=[single, triple]", "label 'double'; expected single, triple"),
        ("task.classes=[single, double, triple]", None),
        ("train.monitor=validation_loss", "'validation_loss' is not recorded; recorded are"),
        (
            "train={monitor: validation_loss, early_stopping_patience: 2, epochs: 2}",
            "'validation_loss' is not recorded; recorded are",
        ),
        (
            "train={monitor: validation_loss, schedule: {kind: plateau}}",
            "'validation_loss' is not recorded; recorded are",
        ),
        ("model.widths=[4,4,4,4,4,4,4,4]", "24"),
        ("split.kind=column", r"needs data\.columns\.split"),
        ("train.optimizer.lr=1e30", "training diverged in epoch"),
        ("normalize={kind: dataset}", None),
        ("input.bands=[{name: i, unit: mJy}]", "unit of band i is Jy/beam; expected mJy"),
        ("split={kind: fold, folds: 400}", "400 folds are too many"),
        ("train.precision=32", None),
        ("train.accelerator=foo", "accelerator, devices, strategy or precision cannot be used"),
        ("train.strategy=foo", "accelerator, devices, strategy or precision cannot be used"),
    ],
)
def test_what_cannot_be_trained_is_one_clear_line(sky, tmp_path, override, message):
    overrides = [override, "train.epochs=1"]
    if override.startswith("task.classes=[single, double,"):
        overrides.append("task.mode=multiclass")
        message = "class 'triple' has no training rows"
    experiment = make_experiment(sky, *overrides)
    if message is None:
        fit(experiment, tmp_path / "run")
        return
    with pytest.raises((MerkhetError, InputError, ConfigError), match=message) as caught:
        fit(experiment, tmp_path / "run")
    assert "\n" not in str(caught.value)


BROKEN = "raise RuntimeError('operator torchvision::nms does not exist')\n"


def test_a_broken_torchvision_is_named_by_train_and_ignored_by_predict(run, tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(BROKEN)
    (tmp_path / "torchvision-0.1.dist-info").mkdir()
    (tmp_path / "torchvision-0.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: torchvision\nVersion: 0.1\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    image = str(read_table(run.samples)["mk_path"][0])
    predict = f"import merkhet; print(len(merkhet.load({str(run.bundle)!r}).predict({image!r})))"
    done = subprocess.run([sys.executable, "-c", predict], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr
    train = [
        sys.executable,
        "-m",
        "merkhet",
        "train",
        "radio_galaxies",
        "data.table=x.csv",
        "--out",
        str(tmp_path / "run"),
    ]
    done = subprocess.run(train, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "torchvision is installed but broken" in done.stderr
    assert done.stderr.count("\n") == 1
