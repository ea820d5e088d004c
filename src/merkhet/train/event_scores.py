"""Predicting and scoring events: those of a run, or of other files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astropy.table import Table
from rich.console import Console

from merkhet.bundle.spec import find_bundle
from merkhet.bundle.store import Bundle, load_bundle
from merkhet.config.array_experiment import ArrayBundleSpec, ArrayExperiment
from merkhet.config.array_tasks import ArrayEvents
from merkhet.config.load import validate
from merkhet.data.array_check import check_array
from merkhet.data.arrays import Rows
from merkhet.data.event_dataset import EventDataset
from merkhet.errors import ConfigError
from merkhet.evaluate.cherenkov.scores import compare_events, evaluate_events
from merkhet.execute import Progress
from merkhet.io.atomic import prepare_folder
from merkhet.io.rejects import write_rejects
from merkhet.io.tables import write_table
from merkhet.tasks.apply import apply_task, choose_device
from merkhet.tasks.base import Prediction
from merkhet.terminal import progress as progress_bar
from merkhet.train.assess import assess
from merkhet.train.event_areas import effective_areas
from merkhet.train.event_baselines import TREES, TreeLesson, read_lesson, tree_answers, tree_lesson, write_lesson
from merkhet.train.events import (
    IDENTITY,
    PreparedEvents,
    event_names,
    find_events,
    keep,
    make_dataset,
    ordered_loader,
)
from merkhet.train.prepare import Prepared, make_truth, with_absolute_paths
from merkhet.train.run import Run


def predict_events(
    bundle: Bundle,
    dataset: EventDataset,
    rows: Rows,
    *,
    batch_size: int,
    device: torch.device,
    progress: Progress | None = None,
) -> Prediction:
    """Return the answers for the given rows, in order."""
    parts: list[Prediction] = []
    done = 0
    loader = ordered_loader(dataset, rows, batch_size=batch_size)
    for batch, prediction in apply_task(bundle.task.to(device), loader, device=device):
        parts.append(prediction)
        done += len(batch["index"])
        if progress:
            progress(done, len(rows))
    return Prediction({name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns})


def score_any(
    bundle: Bundle, prepared: Prepared, run: Run, *, device: torch.device, progress: Progress | None = None
) -> dict[str, Any]:
    """Predict and score validation and test rows, of images or of events; write tables and ``metrics.json``."""
    if isinstance(prepared, PreparedEvents):
        return assess_events(bundle, prepared, run, device=device, progress=progress)
    return assess(bundle, prepared, run, device=device, progress=progress)


def assess_events(
    bundle: Bundle,
    prepared: PreparedEvents,
    run: Run,
    *,
    device: torch.device,
    lesson: TreeLesson | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Predict and score validation and test events; write their tables and ``metrics.json`` into the run.

    Parameters
    ----------
    lesson
        What the trees learn from; the training events, which are then written into the run, if None.
    """
    metrics = {}
    if lesson is None and len(prepared.rows("train")):
        lesson = tree_lesson(prepared)
        if lesson is not None:
            write_lesson(lesson, run)
    events, seed = prepared.samples.events, prepared.experiment.seed
    trees = lesson.fit(events.subarray, seed=seed) if lesson is not None else None
    for side in ("val", "test"):
        rows = prepared.rows(side)
        if not len(rows):
            continue
        batch_size = prepared.experiment.train.batch_size
        prediction = predict_events(
            bundle, prepared.dataset, rows, batch_size=batch_size, device=device, progress=progress
        )
        table = answers_table(prediction, prepared, side=side, model=bundle.spec.hash)
        write_table(table, run.predictions(side), overwrite=True)
        said = tree_answers(trees, keep(events, prepared.sides == side), table) if trees is not None else None
        if said is not None:
            write_table(said, run.baseline(TREES, side), overwrite=True)
        metrics[side] = score_event_tables(table, said, task=prepared.experiment.task, seed=seed)
        metrics[side]["effective_area"] = effective_areas(prepared, table, side=side)
    run.write_metrics(metrics)
    return metrics


def score_event_tables(predictions: Table, trees: Table | None, *, task: ArrayEvents, seed: int) -> dict[str, Any]:
    """Score a table of predictions, and what trees say of the same events beside it.

    Returns
    -------
    dict
        What :func:`merkhet.evaluate.cherenkov.scores.evaluate_events` gives, the same of the trees as
        ``baselines.trees``, and ``against.trees``: the differences on what both answer, on the same resamplings.
    """
    scores = evaluate_events(predictions, signal=task.signal, seed=seed)
    scores["classes"] = count_classes(predictions, task)
    scores["baselines"], scores["against"] = {}, {}
    if trees is not None:
        scores["baselines"][TREES] = evaluate_events(trees, signal=task.signal, seed=seed)
        scores["against"][TREES] = compare_events(predictions, trees, signal=task.signal, seed=seed)["scores"]
    return scores


def count_classes(table: Table, task: ArrayEvents) -> dict[str, int]:
    """Return how many events of a table of predictions are of each class."""
    true = np.asarray(table["true_particle"]).astype(str)
    return {name: int((true == name).sum()) for name in task.classes}


def evaluate_on_events(
    model: str | Path,
    files: Sequence[str | Path],
    out: Path,
    *,
    device: str = "auto",
    overwrite: bool = False,
    console: Console | None = None,
) -> Run:
    """Score a model on every event of simulated files; the result is a folder laid out like a run.

    Which events are used is chosen as it was for training (``data.select``). Where ``model`` is a run, the trees that
    learned beside it answer as well.

    Raises
    ------
    InputError
        A file cannot be used, holds other telescopes than the model knows, or no truth.
    ConfigError
        The model takes images.
    """
    bundle = load_bundle(model)
    spec = bundle.spec
    if not isinstance(spec, ArrayBundleSpec):
        raise ConfigError(f"{model}: a model that is trained to {spec.task.kind} takes images, not events of an array")
    trained = validate(ArrayExperiment, spec.provenance.experiment, source=find_bundle(model))
    data = trained.data.model_copy(update={"files": tuple(Path(file) for file in files)})
    experiment = with_absolute_paths(trained.model_copy(update={"data": data, "input": spec.input, "task": spec.task}))
    assert isinstance(experiment, ArrayExperiment)
    marker = Run(out).experiment_file.name
    run = Run(prepare_folder(out, marker=marker, overwrite=overwrite, inputs=(model, *files)))
    with progress_bar(console, "reading events"):
        experiment, samples = find_events(experiment)
    write_rejects(samples.rejects, run.rejects)
    samples.check_rejects(1.0)
    for file in samples.events.files:
        check_array(file.subarray, spec, types=spec.input.types, source=file.path)
    sides = np.full(len(samples), "test")
    prepared = PreparedEvents(experiment, samples, sides, make_truth(experiment), make_dataset(experiment, samples))
    lesson = read_lesson(Run(Path(model)), stereo=spec.input.slots != "mono")
    with progress_bar(console, "scoring") as callback:
        assess_events(bundle, prepared, run, device=choose_device(device), lesson=lesson, progress=callback)
    run.write_experiment(experiment)
    return run


def answers_table(prediction: Prediction, prepared: PreparedEvents, *, side: str, model: str) -> Table:
    """Join answers with truth and identity of the events of a side.

    ``file_number`` counts the files that :func:`merkhet.data.events.event_files` finds, from 0: observation and event
    do not tell the events of two productions apart.
    """
    known = prepared.table(side)
    table = Table({"id": event_names(known)})
    for name in (*IDENTITY, "group"):
        if name in known.colnames:
            table[name] = known[name]
    table["file_number"] = prepared.samples.events.locate(prepared.rows(side))[0].astype(np.int32)
    table["split"] = np.full(len(known), side)
    for name, values in (prepared.truth.truth_columns(known) | prediction.columns).items():
        table[name] = values
    table["model"] = np.full(len(known), model)
    return table
