"""Answers that need no learning, to stand beside every score."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from merkhet.errors import InputError
from merkhet.evaluate.answers import Answers


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
