"""Statistics of images during training: one table, whatever interrupts it."""

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss

from merkhet.errors import ConfigError, MerkhetError
from merkhet.io.tables import read_table, write_table
from merkhet.train import statistics
from merkhet.train.fit import fit
from merkhet.train.run import Run
from tests.train.experiments import make_experiment

PLAIN = ("model.dropout=0", "augment=[]", "train.optimizer.lr=1e-30")  # weights stay as they are within an epoch


@pytest.fixture(scope="module")
def run(tmp_path_factory, sky):
    experiment = make_experiment(sky, "train.epochs=2", "train.stats=true", *PLAIN)
    return fit(experiment, tmp_path_factory.mktemp("runs") / "run")


def test_every_image_of_every_epoch_has_its_row(run):
    table, samples = read_table(run.stats), read_table(run.samples)
    sides = np.asarray(samples["split"]).astype(str)
    for epoch in (1, 2):
        for split in ("train", "val"):
            mine = table[(table["epoch"] == epoch) & (np.asarray(table["split"]) == split)]
            expected = samples[sides == split]
            assert sorted(mine["image"]) == sorted(expected["mk_path"])
            truth = dict(zip(expected["mk_path"], expected["label"], strict=True))
            assert mine["true"].tolist() == [truth[image] for image in mine["image"]]
    assert set(table["split"]) == {"train", "val"}


def test_loss_and_accuracy_are_those_of_the_history(run):
    table, history = read_table(run.stats), read_table(run.history)
    for epoch, row in enumerate(history, start=1):
        for split in ("train", "val"):
            mine = table[(table["epoch"] == epoch) & (np.asarray(table["split"]) == split)]
            assert mine["loss"].mean() == pytest.approx(row[f"{split}_loss"], rel=1e-4)
            assert (mine["true"] == mine["predicted"]).mean() == pytest.approx(row[f"{split}_accuracy"], rel=1e-6)
            p = np.column_stack([mine["p_single"], mine["p_double"]]).astype(float)
            truth = np.asarray(mine["true"]) == "double"
            assert mine["loss"].mean() == pytest.approx(log_loss(truth, p[:, 1]), rel=1e-4)
            np.testing.assert_allclose(mine["certainty"], p.max(axis=1), rtol=1e-6)


def test_times_are_those_of_a_step_and_its_answer(run):
    table = read_table(run.stats)
    training = np.asarray(table["split"]) == "train"
    assert (table["seconds_prediction"] > 0).all()
    assert (table["seconds_training"][training] > table["seconds_prediction"][training]).all()
    assert np.isnan(table["seconds_training"][~training]).all()


def test_the_report_shows_them(run):
    from merkhet.report.html import write_report

    assert "Statistics of single images by epoch" in write_report(run.folder).read_text()


def test_a_training_that_is_killed_and_resumed_has_each_epoch_once(tmp_path, sky, monkeypatch):
    write = write_table

    def killed(table, path, **options):
        write(table, path, **options)
        if path.name.startswith("00002"):
            raise MerkhetError("killed behind the statistics, before the checkpoint")
        return path

    experiment = make_experiment(sky, "train.epochs=3", "train.stats=true")
    monkeypatch.setattr(statistics, "write_table", killed)
    with pytest.raises(MerkhetError, match="killed"):
        fit(experiment, tmp_path / "run")
    monkeypatch.undo()
    table = read_table(fit(experiment, tmp_path / "run", resume=True).stats)
    whole = read_table(fit(experiment, tmp_path / "whole").stats)
    assert table["image"].tolist() == whole["image"].tolist()
    np.testing.assert_array_equal(table["loss"], whole["loss"])
    assert sorted(set(table["epoch"])) == [1, 2, 3]


def test_members_of_an_ensemble_stand_under_each_other(tmp_path, sky):
    experiment = make_experiment(sky, "train.epochs=1", "train.stats=true", "ensemble.members=2")
    table = read_table(fit(experiment, tmp_path / "run").stats)
    assert (table["member"] == 1).sum() == (table["member"] == 2).sum() == len(table) / 2


def test_without_the_option_there_are_none(tmp_path, sky):
    run = fit(make_experiment(sky, "train.epochs=1"), tmp_path / "run")
    assert not run.stats.exists()
    assert run.stats_parts() == []


def test_parts_are_in_the_order_of_the_epochs(tmp_path):
    run = Run(tmp_path)
    for epoch in (10, 2, 100):
        run.stats_part(epoch, 0).parent.mkdir(exist_ok=True)
        run.stats_part(epoch, 0).touch()
    assert [math.floor(int(path.stem[:5])) for path in run.stats_parts()] == [2, 10, 100]


def test_a_detector_has_none_and_says_so_at_once(tmp_path, sky):
    changes = ("task={kind: detect, classes: [single]}", "model={kind: fcn}", "train.stats=true")
    with pytest.raises(ConfigError, match=r"train\.stats: .* need task\.kind=classify; this experiment has detect"):
        fit(make_experiment(sky, *changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()
