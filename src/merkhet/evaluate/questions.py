"""Each label, or class, as a search of its own: which rows have it, what was said of them, how strong it is in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from astropy.table import Table

from merkhet.evaluate.answers import Answers, BoolArray, FloatArray, IntArray

STRENGTH = "strength_"
"""Begins the columns of a table of predictions that hold the strength of each label."""


@dataclass(frozen=True)
class Question:
    """One label, asked of every row: does the image have it or not.

    Attributes
    ----------
    name
        Of the label or class.
    truth, said
        ``(n,)`` whether it does, and whether the model decided so.
    probability
        ``(n,)`` what the model gives it.
    group
        ``(n,)`` number of the row's group.
    strength
        ``(n,)`` how strong it is, NaN where that is not known; None where nothing is known of any row.
    """

    name: str
    truth: BoolArray
    said: BoolArray
    probability: FloatArray
    group: IntArray
    strength: FloatArray | None = None

    @property
    def groups(self) -> int:
        """Number of groups, those without a row of either kind among them."""
        return int(self.group.max()) + 1


def as_labels(answers: Answers, *, unions: Mapping[str, Sequence[str]] | None = None) -> Answers:
    """Return the answers as yes or no to independent labels, whatever the mode; several labels stay as they are.

    Of two classes the second is the only label. Of more, each class is one; or, with ``unions``, each of these is: has
    the image one of its classes? Its probability is their sum.
    """
    if answers.mode == "multilabel":
        return answers
    single = answers.classes[1:] if answers.mode == "binary" else answers.classes
    asked: Mapping[str, Sequence[str]] = {name: (name,) for name in single}
    if answers.mode == "multiclass" and unions:
        asked = unions
    member = np.array([[name in members for name in answers.classes] for members in asked.values()]).T
    return replace(
        answers,
        mode="multilabel",
        classes=tuple(asked),
        truth=answers.truth @ member,
        predicted=answers.predicted @ member,
        probability=(answers.probability @ member).clip(max=1),  # the sum of rounded numbers
    )


def questions(labels: Answers, table: Table) -> list[Question]:
    """Return the question of each label; ``table`` holds the rows, and the columns ``strength_<label>`` if any."""
    return [
        Question(
            name,
            truth=labels.truth[:, k],
            said=labels.predicted[:, k],
            probability=labels.probability[:, k],
            group=labels.group,
            strength=_strength(table, STRENGTH + name),
        )
        for k, name in enumerate(labels.classes)
    ]


def _strength(table: Table, column: str) -> FloatArray | None:
    if column not in table.colnames:
        return None
    return np.asarray(np.ma.filled(np.ma.asarray(table[column], dtype=np.float64), np.nan))
