"""What is worth keeping of each image that was classified: truth, answer, certainty, loss, time."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import MaskedColumn, Table

from merkhet.config.tasks import Classify

LEAST_PROBABILITY = 1e-7
"""Of the truth, for the loss: float32 tells no smaller one from none."""

DESCRIPTIONS = {
    "image": "file that was read",
    "epoch": "epoch of the training, from 1; none where a trained model answered",
    "split": "train, val, or predict",
    "true": "class in the input table; empty where none is known",
    "predicted": "class that the network names",
    "certainty": "probability of the predicted class; of several labels, of the least sure decision",
    "loss": "cross-entropy of the answer, without weights and smoothing; the mean over several labels",
    "seconds_prediction": "time of the network's answer, divided by the images of the batch",
    "seconds_training": "time of the training step, divided by the images of the batch",
}


def image_statistics(
    answers: Mapping[str, npt.NDArray[Any]],
    truth: npt.NDArray[Any],
    *,
    task: Classify,
    images: npt.ArrayLike,
    split: str,
    epoch: int | None = None,
    seconds_prediction: npt.ArrayLike = np.nan,
    seconds_training: npt.ArrayLike = np.nan,
) -> Table:
    """Return one row per image, with the columns of :data:`DESCRIPTIONS` and every probability of the task.

    Parameters
    ----------
    answers
        Columns of ``n`` answers, as the task has them.
    truth
        ``(n,)`` numbers of the classes, -1 where unknown; for several labels ``(n, classes)`` of 0 and 1, NaN where
        unknown.
    """
    probability = np.column_stack([answers[f"p_{name}"] for name in task.classes]).astype(np.float64)
    known, chosen = _one_hot(truth, classes=len(task.classes), several=task.mode == "multilabel")
    columns: dict[str, Any] = {
        "image": np.asarray(images, dtype=str),
        "epoch": MaskedColumn(np.full(len(chosen), epoch or 0, dtype=np.int64), mask=epoch is None),
        "split": np.full(len(chosen), split),
        "true": np.where(known, task.name(chosen), ""),
        "predicted": np.asarray(answers["label"], dtype=str),
        **{name: answers[name] for name in task.columns if name.startswith("p_")},
        "certainty": answers["probability"],
        "loss": np.where(known, _loss(probability, chosen, several=task.mode == "multilabel"), np.nan),
    }
    seconds = {"seconds_prediction": seconds_prediction, "seconds_training": seconds_training}
    columns |= {name: np.broadcast_to(np.asarray(values, float), len(chosen)) for name, values in seconds.items()}
    table = Table(columns)
    for name, description in DESCRIPTIONS.items():
        table[name].description = description
    for name in seconds:
        table[name].unit = "s"
    return table


def _one_hot(
    truth: npt.NDArray[Any], *, classes: int, several: bool
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return ``(n,)``, whether the truth is known, and ``(n, classes)``, what is true."""
    if several:
        return np.isfinite(truth).all(axis=1), np.asarray(truth == 1)
    return truth >= 0, np.asarray(truth[:, None] == np.arange(classes))


def _loss(
    probability: npt.NDArray[np.float64], chosen: npt.NDArray[np.bool_], *, several: bool
) -> npt.NDArray[np.float64]:
    of_truth = np.where(chosen, probability, 1 - probability) if several else (probability * chosen).sum(axis=1)
    each = -np.log(np.clip(of_truth, LEAST_PROBABILITY, 1))
    return np.asarray(each.mean(axis=1) if several else each)
