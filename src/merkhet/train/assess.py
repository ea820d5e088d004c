"""Predicting and scoring the rows of a table with a trained model: validation, test, or a table of the user's."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from astropy.table import Table

from merkhet.bundle.store import Bundle
from merkhet.config.bundle import Provenance
from merkhet.config.experiment import Experiment
from merkhet.data.arrays import Rows
from merkhet.data.dataset import SampleDataset
from merkhet.data.duplicates import duplicate_pixels
from merkhet.data.loader import InOrder, make_loader
from merkhet.data.measured import PREFIX
from merkhet.data.samples import sample_groups, sample_ids
from merkhet.evaluate.labels import chosen_thresholds
from merkhet.execute import Progress
from merkhet.io.tables import write_table
from merkhet.tasks.apply import apply_task, to_device
from merkhet.tasks.base import Outputs, Prediction, Task
from merkhet.tasks.truth import Truth
from merkhet.train.baselines import Lessons, baseline_lessons, baseline_tables, write_lessons
from merkhet.train.gallery import gallery_table
from merkhet.train.prepare import Prepared, make_truth
from merkhet.train.run import Run

MODEL = "model"
"""Names the model among its baselines."""

Thresholds = Mapping[str, Mapping[str, Any]]
"""For the model and each baseline, the threshold of each label, or one for each row."""


def calibrate(task: Task, prepared: Prepared, *, device: torch.device) -> Any:
    """Return the task's schema with what the validation rows decide (the temperature) filled in."""
    rows = prepared.rows("val")
    outputs: list[Outputs] = []
    with torch.inference_mode():
        for batch in prepared.in_order(rows):
            outputs.append({name: value.cpu() for name, value in task(to_device(batch, device)).items()})
    joined = {name: torch.cat([out[name] for out in outputs]) for name in outputs[0]}
    targets = {name: source.fetch(rows) for name, source in prepared.dataset.targets.items()}
    return task.calibrated(joined, {"target": targets}) or prepared.experiment.task


def duplicates_across(prepared: Prepared) -> list[tuple[int, int]]:
    """Return pairs of rows on different sides of the split whose pixels have one checksum."""
    return duplicate_pixels(np.asarray(prepared.samples.table[PREFIX + "crc"]), prepared.sides)


def predict_rows(
    bundle: Bundle,
    dataset: SampleDataset,
    rows: Rows,
    *,
    batch_size: int,
    device: torch.device,
    progress: Progress | None = None,
) -> Prediction:
    """Return the answers for the given rows, in order; ``row`` counts from the first of them."""
    task = bundle.task.to(device)
    loader = make_loader(dataset, rows, InOrder(len(rows), batch_size=batch_size))
    parts: list[Prediction] = []
    done = 0
    for batch, prediction in apply_task(task, loader, device=device):
        size = len(batch["index"])
        parts.append(Prediction(prediction.columns, row=done + prediction.samples(size)))
        done += size
        if progress:
            progress(done, len(rows))
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    return Prediction(columns, row=np.concatenate([part.samples(0) for part in parts]))


def prediction_table(
    prediction: Prediction, table: Table, *, experiment: Experiment, truth: Truth, model: str, side: str
) -> Table:
    """Join answers with truth, identity and sky position of the rows of ``table`` that they belong to."""
    columns, table = experiment.data.columns, table[prediction.samples(len(table))]
    result = Table()
    result["id"] = sample_ids(table, columns)
    result["image"] = np.asarray(table[PREFIX + "path"]).astype(str)
    result["group"] = sample_groups(table, columns)
    result["split"] = np.full(len(table), side)
    result["ra"], result["dec"] = np.asarray(table[PREFIX + "ra"]), np.asarray(table[PREFIX + "dec"])
    result["ra"].unit = result["dec"].unit = "deg"
    known = truth.truth_columns(table) | truth.strength_columns(table)
    for name, values in (known | prediction.columns).items():
        result[name] = values
    result["model"] = np.full(len(table), model)
    return result


def assess(
    bundle: Bundle,
    prepared: Prepared,
    run: Run,
    *,
    device: torch.device,
    lessons: Lessons | None = None,
    thresholds: Thresholds | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Predict and score validation and test rows; write their tables and ``metrics.json`` into the run.

    A task that is not scored by rows gets an empty ``metrics.json``.

    Parameters
    ----------
    lessons
        What the baselines learn from; the training rows, which are then written into the run, if None.
    thresholds
        What :func:`thresholds_of` gives for rows that the model was validated on; the validation rows decide if None.
    """
    metrics = {}
    if lessons is None:
        lessons = baseline_lessons(prepared)
        write_lessons(lessons, run)
    for side in ("val", "test"):
        if not (len(prepared.rows(side)) and prepared.truth.by_sample):
            continue
        table = _predict_side(bundle, prepared, side=side, device=device, progress=progress)
        write_table(table, run.predictions(side), overwrite=True)
        if side == "test" or not len(prepared.rows("test")):  # the side that speaks for the model
            gallery = gallery_table(table, prepared=prepared, rows=prepared.rows(side))
            write_table(gallery, run.gallery(side), overwrite=True)
        baselines = baseline_tables(lessons, prepared, table, side=side)
        for name, answers in baselines.items():
            write_table(answers, run.baseline(name, side), overwrite=True)
        metrics[side] = score_tables(
            table,
            baselines,
            experiment=prepared.experiment,
            origin=[bundle.spec.provenance],
            thresholds=thresholds,
        )
        if side == "val" and thresholds is None:
            thresholds = thresholds_of(metrics[side])
        if len(prepared.rows("train")):
            metrics[side]["duplicates"] = len(duplicates_across(prepared))
    run.write_metrics(metrics)
    return metrics


def score_tables(
    predictions: Table,
    baselines: Mapping[str, Table],
    *,
    experiment: Experiment,
    origin: Sequence[Provenance],
    thresholds: Thresholds | None = None,
) -> dict[str, Any]:
    """Score a table of predictions, and what the baselines say of the same rows.

    ``origin`` says what the models were trained on that gave the answers: several, where folds are pooled.
    ``thresholds`` were chosen on other rows, see :func:`thresholds_of`.
    """
    truth, seed, chosen = make_truth(experiment), experiment.seed, thresholds or {}
    counts: Counter[str] = Counter()
    for model in origin:
        counts.update(model.train_counts)
    rows = sum(model.rows["train"] for model in origin)
    scores = truth.score(predictions, seed=seed, train_counts=dict(counts), train_rows=rows)
    settings = experiment.scores
    scores["labels"] = truth.score_labels(predictions, settings=settings, thresholds=chosen.get(MODEL), seed=seed)
    scores["against"] = truth.compare(predictions, baselines, seed=seed)
    for name, table in baselines.items():
        labels = truth.score_labels(table, settings=settings, thresholds=chosen.get(name), seed=seed, baseline=True)
        answered = {"columns": list(table.meta["columns"]), **truth.score_baseline(table, seed=seed)}
        scores.setdefault("baselines", {})[name] = {**answered, "labels": labels}
    return scores


def thresholds_of(metrics: Mapping[str, Any]) -> Thresholds:
    """Return the threshold of each label at the rate of false alarms, of the model and of each baseline.

    ``metrics`` are those of the rows that choose the thresholds; of a run from before these were kept, there are none.
    """
    scored = {MODEL: metrics, **{name: row for name, row in metrics.get("baselines", {}).items() if row}}
    return {name: chosen_thresholds(row.get("labels", {})) for name, row in scored.items()}


def _predict_side(
    bundle: Bundle, prepared: Prepared, *, side: str, device: torch.device, progress: Progress | None
) -> Table:
    prediction = predict_rows(
        bundle,
        prepared.dataset,
        prepared.rows(side),
        batch_size=prepared.experiment.train.batch_size,
        device=device,
        progress=progress,
    )
    return prediction_table(
        prediction,
        prepared.table(side),
        experiment=prepared.experiment,
        truth=prepared.truth,
        model=bundle.spec.hash,
        side=side,
    )
