"""Which rows of a prediction table are worth a look: the surest right, the surest wrong, the least certain."""

from collections.abc import Sequence

import numpy as np
from astropy.table import Table

from merkhet.evaluate.answers import Answers, BoolArray, FloatArray, IntArray, Mode, read_answers

CHAPTERS = ("right", "wrong", "unsure")
"""Surest and right, surest and wrong, least certain."""
PER_CHAPTER = 6


def choose_examples(table: Table, *, mode: Mode, classes: Sequence[str], threshold: float) -> Table:
    """Choose rows of a prediction table that show what a model can and cannot do.

    Parameters
    ----------
    table, mode, classes, threshold
        See :func:`merkhet.evaluate.answers.read_answers`, which also says what it raises; and ``id``.

    Returns
    -------
    Table
        At most :data:`PER_CHAPTER` rows for each chapter: ``id``; ``chapter``, one of :data:`CHAPTERS`; ``rank`` in
        it, from 1; ``row``, the number of the row in ``table``. A row of several labels is as sure as its least sure
        one, and as wrong as its surest wrong one.
    """
    answers = read_answers(table, mode=mode, classes=classes, threshold=threshold)
    margin = decision_margin(answers, threshold=threshold)
    weakest, mistake = margin.min(axis=1), np.where(_wrong(answers), margin, 0).max(axis=1)
    chapters = (
        _largest(weakest, among=answers.right),
        _largest(mistake, among=~answers.right),
        _largest(-weakest, among=np.ones(len(answers), dtype=bool)),
    )
    row = np.concatenate(chapters)
    return Table(
        {
            "id": np.asarray(table["id"]).astype(str)[row],
            "chapter": np.repeat(CHAPTERS, [len(chapter) for chapter in chapters]),
            "rank": np.concatenate([np.arange(1, len(chapter) + 1) for chapter in chapters]),
            "row": row,
        }
    )


def decision_margin(answers: Answers, *, threshold: float) -> FloatArray:
    """Return how far each decision is from tipping over, 0 to 1: ``(n, labels)``, one column for one class per row.

    Several labels and two classes: the way from the threshold to the probability, as a share of the way to
    certainty. More classes: lead of the most probable class over the second.
    """
    if answers.mode == "multiclass":
        ranked = np.sort(answers.probability, axis=1)
        return np.asarray((ranked[:, -1] - ranked[:, -2])[:, None])
    deciding = answers.probability[:, 1:] if answers.mode == "binary" else answers.probability
    above, below = (deciding - threshold) / (1 - threshold), (threshold - deciding) / threshold
    return np.maximum(above, below)


def _wrong(answers: Answers) -> BoolArray:
    """Which decisions are wrong: ``(n, labels)``, one column where a row has one class."""
    if answers.mode == "multilabel":
        return np.asarray(answers.truth != answers.predicted)
    return ~answers.right[:, None]


def _largest(values: FloatArray, *, among: BoolArray) -> IntArray:
    rows = np.flatnonzero(among)
    return rows[np.argsort(-values[rows], kind="stable")[:PER_CHAPTER]]
