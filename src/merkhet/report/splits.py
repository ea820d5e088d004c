"""What was trained on what: the rows of each split, by class."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from merkhet.config.tasks import need_classifier
from merkhet.evaluate.answers import read_answers
from merkhet.report.run import SPLITS, RunTables

SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}
Count = int | tuple[int, int] | None
"""A number, the least and the largest of several, or None where the run does not say."""


@dataclass(frozen=True)
class DataRow:
    """Rows of a split: in all, in groups, by class."""

    split: str
    rows: Count
    groups: Count
    per_class: list[Count]


def data_rows(run: RunTables) -> list[DataRow]:
    """Return the rows of each split, by class; a split of which nothing is known is left out."""
    rows = _folded_rows(run) if run.folds else _split_rows(run)
    return [row for row in rows if row.rows is not None or any(row.per_class)]


def counted_classes(run: RunTables) -> tuple[str, ...]:
    """Return the classes whose rows are counted; none for a detector that does not say of its objects."""
    return run.experiment.task.classes if run.experiment.task.kind != "detect" or _objects(run) else ()


def where_scored(run: RunTables) -> str:
    """Return how the scored rows are called, to stand behind an article or a comma."""
    if run.folds:
        return f"{len(run.folds)} test folds"
    return f"{SPLIT_NAMES[run.split or 'test']} split"


def _split_rows(run: RunTables) -> list[DataRow]:
    classes = run.experiment.task.classes
    known = run.bundle.provenance.rows if run.bundle else {}
    result = run.metrics[run.split] if run.split else {}
    majority = result.get("baselines", {}).get("majority")
    counts = majority["train_counts"] if majority else _objects(run)
    rows = [DataRow("training", known.get("train"), _training_groups(run), [counts.get(name) for name in classes])]
    for split in reversed(SPLITS):
        scored = run.metrics.get(split, {})
        support = [scored["per_class"][name]["support"] if scored else None for name in classes]
        rows.append(DataRow(SPLIT_NAMES[split], scored.get("n", known.get(split)), scored.get("n_groups"), support))
    return rows


def _objects(run: RunTables) -> Mapping[str, int]:
    """Return the objects that a detector learned from, by kind: its rows are patches, of no class."""
    if run.experiment.task.kind != "detect" or run.bundle is None:
        return {}
    return run.bundle.provenance.train_counts


def _folded_rows(run: RunTables) -> list[DataRow]:
    """Return what all folds test together, then what each of them learns from and is tested on."""
    classes, result = run.experiment.task.classes, run.metrics["test"]
    total = [result["per_class"][name]["support"] for name in classes]
    origins = {fold.number: fold.bundle.provenance for fold in run.folds if fold.bundle is not None}
    tested, learned = _tested(run), {n: [o.train_counts.get(name, 0) for name in classes] for n, o in origins.items()}
    chose = {n: np.subtract(total, learned[n]) - tested[n] for n in origins.keys() & tested.keys()}
    rows = {side: _span(origin.rows[side] for origin in origins.values()) for side in ("train", "val")}
    groups = _span(fold.n_groups for fold in run.folds)
    return [
        DataRow("all, each tested once", result["n"], result["n_groups"], total),
        DataRow("training, each fold", rows["train"], None, _spans(learned, classes)),
        DataRow("validation, each fold", rows["val"], None, _spans(chose, classes)),
        DataRow("test, each fold", _span(fold.n for fold in run.folds), groups, _spans(tested, classes)),
    ]


def _tested(run: RunTables) -> dict[int, npt.NDArray[np.int64]]:
    """Return the test rows of each fold by class; nothing where the predictions are gone."""
    if "test" not in run.predictions:
        return {}
    task, table = need_classifier(run.experiment.task, to="be scored by rows"), run.predictions["test"]
    answers = read_answers(table, mode=task.mode, classes=task.classes, threshold=task.threshold)
    return {fold.number: answers.truth[np.asarray(table["fold"]) == fold.number].sum(axis=0) for fold in run.folds}


def _spans(counts: Mapping[int, Sequence[int] | npt.NDArray[np.int64]], classes: Sequence[str]) -> list[Count]:
    """Return the span over the folds of the counts of each class."""
    return [_span(int(of_fold[k]) for of_fold in counts.values()) for k in range(len(classes))]


def _span(numbers: Iterable[int]) -> Count:
    values = sorted(set(numbers))
    if len(values) < 2:
        return values[0] if values else None
    return values[0], values[-1]


def _training_groups(run: RunTables) -> int | None:
    column = run.experiment.data.columns.group
    if run.samples is None or column is None:
        return None
    training = np.asarray(run.samples["split"]).astype(str) == "train"
    return len(np.unique(np.asarray(run.samples[column]).astype(str)[training]))
