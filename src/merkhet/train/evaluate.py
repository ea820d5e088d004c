"""Scoring a trained model again: on the rows of its run, or on another labelled table."""

from pathlib import Path

import numpy as np
from rich.console import Console

from merkhet.bundle.spec import find_bundle
from merkhet.bundle.store import load_bundle
from merkhet.config.experiment import Experiment
from merkhet.config.load import validate
from merkhet.data.dataset import SampleDataset
from merkhet.errors import InputError
from merkhet.io.atomic import prepare_folder
from merkhet.io.rejects import write_rejects
from merkhet.tasks.apply import choose_device
from merkhet.terminal import progress
from merkhet.train.assess import assess
from merkhet.train.pooled import pool
from merkhet.train.prepare import Prepared, find_samples, make_truth, prepare, with_absolute_paths
from merkhet.train.run import Run


def evaluate_run(folder: str | Path, *, device: str = "auto", workers: int = 1, console: Console | None = None) -> Run:
    """Predict and score the validation and test rows of a run anew, with the split that it was trained on.

    Of a run with folds, every fold is scored anew, and all of them together.

    Raises
    ------
    InputError
        The data are no longer those of the training: rows, pixels, labels or sides differ.
    """
    run = Run(Path(folder))
    if run.folds:
        for fold in run.folds:
            evaluate_run(fold.folder, device=device, workers=workers, console=console)
        pool(run)
        return run
    experiment = run.read_experiment()
    bundle = load_bundle(run.bundle)
    with progress(console, "reading images") as callback:
        prepared = prepare(*find_samples(experiment, workers=workers, progress=callback))
    if prepared.fingerprint() != bundle.spec.provenance.data_fingerprint:
        raise InputError(
            experiment.data.table,
            "the data are not those that the run was trained on: rows, pixels, labels or sides have changed",
            action="Score the new data with --table and --out",
        )
    with progress(console, "scoring") as callback:
        assess(bundle, prepared, run, device=choose_device(device), progress=callback)
    return run


def evaluate_on_table(
    model: str | Path,
    table: Path,
    out: Path,
    *,
    root: Path | None = None,
    device: str = "auto",
    workers: int = 1,
    overwrite: bool = False,
    console: Console | None = None,
) -> Run:
    """Score a model on every usable row of a labelled table; the result is a folder laid out like a run."""
    bundle = load_bundle(model)
    trained = validate(Experiment, bundle.spec.provenance.experiment, source=find_bundle(model))
    data = trained.data.model_copy(update={"table": table, "root": root, "where": {}})
    experiment = with_absolute_paths(trained.model_copy(update={"data": data, "input": bundle.spec.input}))
    marker = Run(out).experiment_file.name
    run = Run(prepare_folder(out, marker=marker, overwrite=overwrite, inputs=(model, table, root)))
    with progress(console, "reading images") as callback:
        experiment, samples = find_samples(experiment, workers=workers, progress=callback)
    write_rejects(samples.rejects, run.rejects)
    samples.check_rejects(1.0)
    dataset = SampleDataset(samples, data=experiment.data, spec=experiment.input)
    sides = np.full(len(samples), "test")
    prepared = Prepared(experiment, samples, sides, make_truth(experiment), dataset)
    with progress(console, "scoring") as callback:
        assess(bundle, prepared, run, device=choose_device(device), progress=callback)
    run.write_experiment(experiment)
    return run
