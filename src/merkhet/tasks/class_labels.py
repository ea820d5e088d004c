"""The truth of classification: class names, or one 0/1 column per label."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.config.data import Columns
from merkhet.config.scores import Scores
from merkhet.config.tasks import Classify
from merkhet.data.dataset import TargetColumn, TargetSource
from merkhet.errors import ConfigError, InputError
from merkhet.evaluate.answers import Answers, read_answers
from merkhet.evaluate.baselines import classical, score_answers
from merkhet.evaluate.labels import label_lines, label_scores
from merkhet.evaluate.questions import STRENGTH, as_labels
from merkhet.evaluate.rivals import against_baselines
from merkhet.evaluate.scores import evaluate_table
from merkhet.evaluate.strengths import Resampling
from merkhet.tasks.truth import Truth


class ClassLabels(Truth):
    """Labels of the classification task, for all three modes."""

    def __init__(self, config: Classify, columns: Columns) -> None:
        super().__init__(config, columns)
        self.config: Classify = config
        expected = len(config.classes) if config.mode == "multilabel" else 1
        if len(columns.labels) != expected:
            raise ConfigError(
                f"data.columns.label: got {len(columns.labels)} columns; task.mode={config.mode} takes {expected}"
            )
        if columns.strength and len(columns.strength) != len(self._labels):
            raise ConfigError(
                f"data.columns.strength: got {len(columns.strength)} columns; expected one for each of "
                f"{', '.join(self._labels)}"
            )

    @property
    def needed(self) -> tuple[str, ...]:
        """The label columns."""
        return self.columns.labels

    def unusable(self, table: Table) -> tuple[npt.NDArray[np.bool_], list[str]]:
        """Return the rows whose label is missing or not one of the classes."""
        if self._several:
            values = self._flags(table)
            bad = np.asarray(~np.isin(values, (0, 1)).all(axis=1))
            return bad, [f"{_told(row)}; expected 0 or 1 in {', '.join(self.columns.labels)}" for row in values[bad]]
        names = self._names(table)
        bad = ~np.isin(names, self.config.classes)
        known = ", ".join(self.config.classes)
        return bad, [f"label {str(name)!r}; expected {known}. Leave it out with data.where" for name in names[bad]]

    def targets(self, table: Table) -> dict[str, TargetSource]:
        """Return ``label``: int64 codes ``(n,)``, or float32 0/1 ``(n, classes)`` for several labels."""
        return {"label": TargetColumn("label", self.codes(table))}

    def codes(self, table: Table) -> npt.NDArray[Any]:
        """Return the classes as numbers; every row must be usable."""
        if self._several:
            return self._flags(table).astype(np.float32)
        classes = np.array(self.config.classes)
        order = np.argsort(classes)
        return order[np.searchsorted(classes[order], self._names(table))].astype(np.int64)

    def strata(self, table: Table) -> npt.NDArray[np.str_]:
        """Return the class name; for several labels, their combination such as ``RFI+SIS``."""
        if not self._several:
            return self._names(table)
        classes = np.array(self.config.classes)
        return np.array(["+".join(classes[row > 0]) or "none" for row in self._flags(table)], dtype=str)

    def truth_columns(self, table: Table) -> dict[str, npt.NDArray[Any]]:
        """Return ``true``, or ``true_<class>`` for several labels."""
        if not self._several:
            return {"true": self._names(table)}
        flags = self._flags(table).astype(int)
        return {f"true_{name}": flags[:, k] for k, name in enumerate(self.config.classes)}

    def strength_columns(self, table: Table) -> dict[str, npt.NDArray[Any]]:
        """Return ``strength_<label>`` for each label whose column of ``data.columns.strength`` the table has."""
        return {
            STRENGTH + name: _strengths(table, column)
            for name, column in zip(self._labels, self.columns.strength, strict=False)
            if column in table.colnames
        }

    def resolve(self, table: Table) -> Classify:
        """Replace ``weights: balanced`` by numbers from the training rows.

        One class each: inverse frequency, mean one over the rows. Several labels: negatives over positives, the
        weight of a label's positives.

        Raises
        ------
        InputError
            A class has no training row.
        """
        for name, rows in self.train_counts(table).items():
            if not rows:
                raise InputError(
                    table.meta.get("source", "the table"),
                    f"class {name!r} has no training rows",
                    action="Add some, or take it out of task.classes",
                )
        if self.config.weights != "balanced":
            return self.config
        codes = self.codes(table)
        if self._several:
            positive = codes.sum(axis=0).clip(min=1)
            weights = (len(codes) - positive).clip(min=1) / positive
        else:
            counts = np.bincount(codes, minlength=len(self.config.classes)).clip(min=1)
            weights = len(codes) / (len(self.config.classes) * counts)
        return self.config.model_copy(update={"weights": tuple(float(w) for w in weights)})

    def score(self, predictions: Table, *, seed: int, train_counts: dict[str, int], train_rows: int) -> dict[str, Any]:
        """Score predictions beside the majority class of the training rows."""
        return evaluate_table(
            predictions,
            mode=self.config.mode,
            classes=self.config.classes,
            threshold=self.config.threshold,
            seed=seed,
            train_counts=train_counts,
            train_rows=train_rows,
        )

    def baseline(self, predictions: Table, *, seed: int, train: Table, features: tuple[Table, Table]) -> Table:
        """Return what gradient-boosted trees learn from features of the training rows and say of the predicted ones."""
        answers = self._answers(predictions, threshold=self.config.threshold)
        said = classical(answers, train=features[0], train_truth=self.codes(train), rows=features[1], seed=seed)
        table = predictions.copy()
        table.remove_columns([name for name in (*self.config.columns, "model") if name in table.colnames])
        table.meta = {"columns": features[0].colnames}
        for k, name in enumerate(self.config.classes):
            table[f"p_{name}"] = said.probability[:, k]
        return table

    def score_baseline(self, predictions: Table, *, seed: int) -> dict[str, Any]:
        """Score the baseline's own decisions, at a probability of 0.5."""
        return score_answers(self._answers(predictions, threshold=0.5), seed=seed)

    def score_labels(
        self,
        predictions: Table,
        *,
        settings: Scores,
        thresholds: Mapping[str, Any] | None,
        seed: int,
        baseline: bool = False,
    ) -> dict[str, Any]:
        """Score each label at few false alarms; see :func:`merkhet.evaluate.labels.label_scores`."""
        labels = self._as_labels(predictions, threshold=0.5 if baseline else self.config.threshold)
        return label_scores(
            labels, predictions, settings=settings, thresholds=thresholds, resampling=Resampling(seed=seed)
        )

    def compare(self, predictions: Table, baselines: Mapping[str, Table], *, seed: int) -> dict[str, Any]:
        """Compare each label with the best baseline; see :func:`merkhet.evaluate.rivals.against_baselines`."""
        said = {name: self._as_labels(table, threshold=0.5) for name, table in baselines.items()}
        labels = self._as_labels(predictions, threshold=self.config.threshold)
        return against_baselines(labels, said, resampling=Resampling(seed=seed))

    def headline(self, scores: dict[str, Any]) -> str:
        """Say the accuracy beside that of the majority class, and a line for each of several labels."""
        mine, majority = scores["scores"]["accuracy"], scores["baselines"]["majority"]
        chance = f"; always {majority['class']}: {majority['accuracy']['value']:.3f}" if majority else ""
        interval = "" if mine["low"] is None else f" [{mine['low']:.3f}, {mine['high']:.3f}]"
        said = f"accuracy {mine['value']:.3f}{interval} on {scores['n']} samples in {scores['n_groups']} groups{chance}"
        told = self._several or self.columns.strength
        return "\n".join([said, *(label_lines(scores.get("labels", {})) if told else ())])

    def train_counts(self, table: Table) -> dict[str, int]:
        """Return how many rows each class has."""
        codes = self.codes(table)
        counts = codes.sum(axis=0) if self._several else np.bincount(codes, minlength=len(self.config.classes))
        return {name: int(n) for name, n in zip(self.config.classes, counts, strict=True)}

    def _answers(self, predictions: Table, *, threshold: float) -> Answers:
        return read_answers(predictions, mode=self.config.mode, classes=self.config.classes, threshold=threshold)

    def _as_labels(self, predictions: Table, *, threshold: float) -> Answers:
        return as_labels(self._answers(predictions, threshold=threshold), unions=self.config.derived)

    @property
    def _labels(self) -> tuple[str, ...]:
        """What is searched for: each label; the second of two classes; each union of more classes, or each of them."""
        if self.config.mode == "multiclass":
            return tuple(self.config.derived) or self.config.classes
        return self.config.classes[1:] if self.config.mode == "binary" else self.config.classes

    @property
    def _several(self) -> bool:
        return self.config.mode == "multilabel"

    def _names(self, table: Table) -> npt.NDArray[np.str_]:
        """Return the class names of the label column; whole numbers count the classes, unless these are numbers too."""
        column = np.ma.asarray(table[self.columns.labels[0]])
        names, classes = np.ma.getdata(column).astype(str), self.config.classes
        if column.dtype.kind in "iu" and not any(name.lstrip("+-").isdecimal() for name in classes):
            codes = {str(code): name for code, name in enumerate(classes)}
            distinct, place = np.unique(names, return_inverse=True)
            names = np.array([codes.get(name, name) for name in distinct], dtype=str)[place]
        return np.where(np.ma.getmaskarray(column), "", names)

    def _flags(self, table: Table) -> npt.NDArray[np.float64]:
        columns = [np.ma.asarray(table[name]) for name in self.columns.labels]
        return np.stack([_numbers(column) for column in columns], axis=1)


def _told(flags: npt.NDArray[np.float64]) -> str:
    return "no label" if np.isnan(flags).all() else f"labels {flags}"


def _numbers(column: Any) -> npt.NDArray[np.float64]:
    """Return a column as float, NaN where it is masked or holds no number."""
    data, mask = np.ma.getdata(column), np.ma.getmaskarray(column)
    if data.dtype.kind in "USO":
        text = data.astype(str)
        data = np.select([text == "0", text == "1"], [0.0, 1.0], default=np.nan)
    return np.where(mask, np.nan, data.astype(float))


def _strengths(table: Table, name: str) -> npt.NDArray[np.float64]:
    """Return a column of strengths, NaN where there is none."""
    column = np.ma.asarray(table[name])
    if column.dtype.kind not in "biuf":
        source = table.meta.get("source", "the table")
        raise InputError(source, f"column {name!r} holds text", expected="the strengths of data.columns.strength")
    return np.ma.filled(column.astype(float), np.nan)
