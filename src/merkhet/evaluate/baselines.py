"""Answers that need no network, to stand beside every score."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.errors import InputError
from merkhet.evaluate.answers import Answers, FloatArray, decide
from merkhet.evaluate.features import encode
from merkhet.evaluate.resampled import check_resampling, overall_rows, resample

CHANCE = 0.5
"""Area under the ROC curve of answers that know nothing, whatever the classes and how rare they are."""


def majority(answers: Answers, *, train_counts: Mapping[str, int], train_rows: int) -> Answers:
    """Return what one would say of the same rows knowing the training labels and no image.

    Each row gets the commonest training class (the first one of equals), or each label that more than half of the
    training rows carry; the probabilities are the training frequencies.

    Parameters
    ----------
    answers
        The rows, with their truth.
    train_counts
        Training rows of each class, or that carry each label. A class without an entry counts as 0.
    train_rows
        Number of training rows; the sum of the counts where a row has one class.

    Raises
    ------
    InputError
        A count is for a class that is not there, or the counts do not fit the number of rows.
    """
    unknown = set(train_counts) - set(answers.classes)
    if unknown:
        raise InputError("training counts", f"classes {sorted(unknown)}", expected=f"some of {list(answers.classes)}")
    counts = np.array([train_counts.get(name, 0) for name in answers.classes], dtype=np.float64)
    if train_rows < 1 or counts.min() < 0 or counts.max() > train_rows:
        raise InputError("training counts", f"{dict(train_counts)} of {train_rows} rows", expected="0..rows per class")
    share = counts / train_rows
    said = share > 0.5 if answers.mode == "multilabel" else np.arange(len(counts)) == counts.argmax()
    shape = answers.truth.shape
    return replace(answers, predicted=np.broadcast_to(said, shape), probability=np.broadcast_to(share, shape))


def score_answers(
    answers: Answers, *, seed: int = 0, n_bootstrap: int = 1000, confidence: float = 0.95
) -> dict[str, Any]:
    """Return every overall score ``{value, low, high}`` of a baseline's answers.

    ``seed``, ``n_bootstrap`` and ``confidence`` are those of :func:`merkhet.evaluate.scores.evaluate_table`, so that
    intervals rest on the same resamplings as the model's.
    """
    check_resampling(n_bootstrap, confidence)
    return overall_rows(resample([answers], draws=n_bootstrap, seed=seed).intervals(confidence=confidence)[0])


def classical(answers: Answers, *, train: Table, train_truth: npt.ArrayLike, rows: Table, seed: int) -> Answers:
    """Return what boosted trees learn from the columns of ``train`` and say of ``rows``.

    With the columns that describe how an image was taken, this is the metadata baseline; with those of
    :func:`merkhet.evaluate.pixel_statistics.pixel_statistics`, the pixel baseline. Each row gets the most probable
    class, or the labels of probability 0.5 or more: a threshold that was chosen for the model would be unfair to its
    baseline. One classifier learns each label.

    Parameters
    ----------
    answers
        The model's answers: the rows to be scored, with their truth and groups.
    train, rows
        The columns of the training rows, and of the rows of ``answers`` in their order; every column of ``train`` is
        used. Numbers and text; masked, not-a-number and empty values are missing ones, which the classifier takes.
    train_truth
        Number of the class of each training row ``(m,)``, or 0 and 1 ``(m, labels)``.

    Raises
    ------
    InputError
        A column is not there for both, is neither number nor text, or rows and truth differ in number.
    """
    truth = np.asarray(train_truth)
    labels = answers.mode == "multilabel"
    if len(rows) != len(answers) or truth.shape != ((len(train), len(answers.classes)) if labels else (len(train),)):
        seen = f"{len(rows)} rows for {len(answers)} answers, truth {truth.shape} for {len(train)} training rows"
        raise InputError("baseline columns", seen, expected="one row for each answer and each truth")
    if not len(train):
        raise InputError("baseline columns", "no training rows", expected="some to learn from")
    known, asked, is_text = encode(train, rows)
    if labels:
        columns = [_learn(known, column, asked, is_text, classes=2, seed=seed)[:, 1] for column in truth.T]
        probability = np.column_stack(columns)
    else:
        probability = _learn(known, truth, asked, is_text, classes=len(answers.classes), seed=seed)
    return replace(answers, probability=probability, predicted=decide(probability, mode=answers.mode, threshold=0.5))


def leak_warning(model: Mapping[str, Any], metadata: Mapping[str, Any]) -> str | None:
    """Return a sentence where metadata alone come close to the model, or None.

    They do if they know something, that is, their area under the ROC curve lies above 0.5 with its whole interval,
    and their area or their balanced accuracy reaches the lower end of the model's interval. Both scores are blind to
    how rare a class is, so that a majority class alone warns of nothing.

    Parameters
    ----------
    model
        The ``scores`` of :func:`merkhet.evaluate.scores.evaluate_table`.
    metadata
        What :func:`score_answers` returns for the declared metadata columns, and their names as ``columns``.
    """
    area = _low_end(metadata["roc_auc"])
    if area is None or area <= CHANCE:
        return None
    titles = {"roc_auc": "an area under the ROC curve", "balanced_accuracy": "a balanced accuracy"}
    for name, title in titles.items():
        theirs, bar = metadata[name]["value"], _low_end(model[name])
        if theirs is not None and bar is not None and theirs >= bar:
            return (
                f"Metadata alone ({', '.join(metadata['columns'])}) reach {title} of {theirs:.3f}, the model "
                f"{model[name]['value']:.3f} (from {bar:.3f}): it may have learned how the images were taken, not what "
                "they show."
            )
    return None


def _low_end(score: Mapping[str, float | None]) -> float | None:
    """Return the lower end of an interval, or the value itself where there is no interval."""
    return score["value"] if score["low"] is None else score["low"]


def _learn(
    known: FloatArray,
    truth: npt.NDArray[Any],
    asked: FloatArray,
    is_text: npt.NDArray[np.bool_],
    *,
    classes: int,
    seed: int,
) -> FloatArray:
    """Return ``(rows, classes)`` probabilities: the class frequencies where there is nothing to learn from."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # slow to import, and needed for nothing else

    present, counts = np.unique(truth.astype(np.int64), return_counts=True)
    if not np.isin(present, range(classes)).all():
        raise InputError("baseline columns", f"truth holds {present.tolist()}", expected=f"0 to {classes - 1}")
    probability = np.zeros((len(asked), classes))
    informed = np.isfinite(known).any(axis=0)  # the classifier cannot bin a column without any value
    if len(present) == 1 or not informed.any():
        probability[:, present] = counts / len(truth)
        return probability
    # Shallow trees and slow learning: tables of some hundred rows are the rule, and an overfitted baseline, too sure
    # of itself, would flatter the model's log loss.
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=100,
        max_leaf_nodes=8,
        min_samples_leaf=int(np.clip(counts.min() // 4, 2, 20)),
        l2_regularization=1.0,
        categorical_features=is_text[informed],
        early_stopping=False,
        random_state=seed,
    )
    probability[:, present] = trees.fit(known[:, informed], truth).predict_proba(asked[:, informed])
    return probability
