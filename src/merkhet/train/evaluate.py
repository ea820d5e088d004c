"""Scoring a trained model again: on the rows of its run, or on another labelled table."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from merkhet.bundle.spec import find_bundle
from merkhet.bundle.store import load_bundle
from merkhet.config.array_experiment import ArrayBundleSpec
from merkhet.config.data import Columns, Data
from merkhet.config.experiment import Experiment
from merkhet.config.load import validate
from merkhet.config.tasks import need_classifier
from merkhet.data.dataset import SampleDataset
from merkhet.data.measured import PREFIX
from merkhet.data.samples import SampleTable, read_rows, sample_ids
from merkhet.errors import ConfigError, InputError
from merkhet.io.atomic import prepare_folder
from merkhet.io.rejects import write_rejects
from merkhet.io.tables import read_table
from merkhet.tasks.apply import choose_device
from merkhet.terminal import progress
from merkhet.train.assess import assess, thresholds_of
from merkhet.train.baselines import read_lessons
from merkhet.train.event_scores import evaluate_on_events, score_any
from merkhet.train.events import find_any, prepare_any
from merkhet.train.pooled import pool
from merkhet.train.prepare import Prepared, data_paths, find_samples, make_truth, with_absolute_paths
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
        prepared = prepare_any(*find_any(experiment, workers=workers, progress=callback))
    if prepared.fingerprint() != bundle.spec.provenance.data_fingerprint:
        raise InputError(
            data_paths(experiment)[0] or run.folder,
            "the data are not those that the run was trained on: rows, pixels, labels or sides have changed",
            action="Score the new data with --table and --out",
        )
    with progress(console, "scoring") as callback:
        score_any(bundle, prepared, run, device=choose_device(device), progress=callback)
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
    """Score a model on every usable row of a labelled table; the result is a folder laid out like a run.

    For a model of events ``table`` is a file of events, a pack or a folder of files; see
    :func:`merkhet.train.event_scores.evaluate_on_events`.

    Where ``model`` is a run, its baselines answer as well, at the thresholds that its validation rows chose; and
    ``metrics.json`` says of how many rows the pixels took part in its training
    (``trained_on``: their scores lean high), and of how many others the id did (``trained_ids``).
    """
    bundle = load_bundle(model)
    if isinstance(bundle.spec, ArrayBundleSpec):
        if root is not None:
            raise ConfigError(f"--root goes with tables of images; {model} takes events")
        return evaluate_on_events(model, [table], Path(out), device=device, overwrite=overwrite, console=console)
    need_classifier(bundle.spec.task, to="be scored on a table of images")
    trained = validate(Experiment, bundle.spec.provenance.experiment, source=find_bundle(model))
    data = trained.data.model_copy(update={"table": table, "root": root, "where": {}, "negatives": None})
    data = _with_metadata_that_is_there(data)
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
    origin = Run(Path(model))
    with progress(console, "scoring") as callback:
        metrics = assess(
            bundle,
            prepared,
            run,
            device=choose_device(device),
            lessons=read_lessons(origin),
            thresholds=thresholds_of(_validated(origin)),
            progress=callback,
        )
    if origin.samples.is_file():
        known = count_known(samples, origin, columns=experiment.data.columns)
        metrics["test"] |= known
        run.write_metrics(metrics)
        _warn(known, of=len(samples), console=console)
    run.write_experiment(experiment)
    return run


def _with_metadata_that_is_there(data: Data) -> Data:
    """Leave out the columns of metadata that the table lacks: they serve a baseline, and no more."""
    needed = data.columns.model_copy(update={"metadata": ()})
    there = set(read_rows(data.model_copy(update={"columns": needed})).colnames)
    metadata = tuple(name for name in data.columns.metadata if name in there)
    return data.model_copy(update={"columns": needed.model_copy(update={"metadata": metadata})})


def _validated(run: Run) -> dict[str, Any]:
    """Return the scores of the validation rows of a run; none for a bundle."""
    scores: dict[str, Any] = run.read_metrics().get("val", {}) if run.metrics.is_file() else {}
    return scores


def count_known(samples: SampleTable, trained: Run, *, columns: Columns) -> dict[str, int]:
    """Count the rows that a run was trained with: on its training or its validation side, which chose the epoch.

    Returns
    -------
    dict
        ``trained_on``: rows with the pixels of such a row. ``trained_ids``: other rows with the id of one, which may
        be the same source cut out anew, or nothing but names that are alike.
    """
    known = read_table(trained.samples)
    known = known[np.isin(np.asarray(known["split"]).astype(str), ("train", "val"))]
    pixels = np.isin(np.asarray(samples.table[PREFIX + "crc"]), np.asarray(known[PREFIX + "crc"]))
    ids = np.isin(sample_ids(samples.table, columns), sample_ids(known, columns))
    return {"trained_on": int(pixels.sum()), "trained_ids": int((ids & ~pixels).sum())}


def _warn(known: dict[str, int], *, of: int, console: Console | None) -> None:
    """Say in one line what of the table the model knows already."""
    said = {
        "trained_on": "have the pixels of rows that this model was trained with: the scores lean high",
        "trained_ids": "have the ids of such rows, with other pixels",
    }
    facts = [f"{known[name]} of {of} rows {text}" for name, text in said.items() if known[name]]
    if facts and console is not None:
        console.print("; ".join(facts), highlight=False)
