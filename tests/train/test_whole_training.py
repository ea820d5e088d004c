"""The loss of all training rows, beside the loss of the batches that were learned from."""

import numpy as np
import torch
from safetensors.torch import load_file

from merkhet.io.tables import read_table
from merkhet.train.fit import fit
from merkhet.train.prepare import find_samples, prepare, starting_task
from tests.train.experiments import make_experiment


def test_training_rows_are_evaluated_every_so_many_epochs_and_at_the_end(sky, tmp_path):
    experiment = make_experiment(sky, "train.evaluate_training_every=2", "train.monitor=train_loss")
    run = fit(experiment, tmp_path / "run")
    history = read_table(run.history)
    known = np.isfinite(np.asarray(history["whole_train_loss"], dtype=float))
    assert known.tolist() == [False, True, True]
    prepared = prepare(*find_samples(experiment))
    task = starting_task(prepared.experiment)
    best = int(np.argmin(history["train_loss"]))
    assert known[best]
    task.load_state_dict(load_file(run.best_weights))
    task.eval()
    total = 0.0
    with torch.no_grad():
        for batch in prepared.in_order(prepared.rows("train")):
            total += float(task.loss(task(batch), batch).total) * len(batch["index"])
    np.testing.assert_allclose(history["whole_train_loss"][best], total / len(prepared.rows("train")), rtol=1e-5)


def test_it_changes_nothing_of_the_training(sky, tmp_path):
    plain = fit(make_experiment(sky), tmp_path / "plain")
    watched = fit(make_experiment(sky, "train.evaluate_training_every=1"), tmp_path / "watched")
    old, new = (load_file(run.best_weights) for run in (plain, watched))
    for name, value in old.items():
        assert torch.equal(value, new[name]), name


def test_an_interrupted_run_goes_on_with_the_same_columns(sky, tmp_path):
    options = ("train.evaluate_training_every=2", "train.schedule={kind: constant}")
    fit(make_experiment(sky, *options, "train.epochs=2"), tmp_path / "run")
    run = fit(make_experiment(sky, *options, "train.epochs=4"), tmp_path / "run", resume=True)
    known = np.isfinite(np.asarray(read_table(run.history)["whole_train_loss"], dtype=float))
    assert known.tolist() == [False, True, False, True]
