"""Prediction tables whose truth is known, for the tests of evaluate and report."""

import numpy as np
import numpy.typing as npt
from astropy.table import Table

CLASSES = ("FRI", "FRII", "hybrid")


def softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def single_label_table(
    rng: np.random.Generator, *, rows: int = 200, groups: int = 60, classes=CLASSES, skill: float = 1.5
) -> Table:
    """A table in binary or multiclass form with ties, unequal groups and float32 probabilities."""
    truth = rng.integers(len(classes), size=rows)
    logits = rng.normal(size=(rows, len(classes))).round(1)  # rounded, so that some probabilities tie
    logits[np.arange(rows), truth] += skill
    p = softmax(logits).astype(np.float32).astype(np.float64)
    p /= p.sum(axis=1, keepdims=True)
    names = np.asarray(classes)
    columns = {"group": rng.integers(groups, size=rows).astype(str), "true": names[truth]}
    columns["label"], columns["probability"] = names[p.argmax(axis=1)], p.max(axis=1)
    return Table({**columns, **{f"p_{name}": p[:, k] for k, name in enumerate(classes)}})


def multilabel_table(rng: np.random.Generator, *, rows: int = 200, groups: int = 60, labels=("stripes", "rings")):
    truth = rng.random((rows, len(labels))) < 0.3
    logits = (rng.normal(size=truth.shape) + 1.5 * truth - 1).round(1)
    p = 1 / (1 + np.exp(-logits))
    columns = {"group": rng.integers(groups, size=rows)}
    columns |= {f"true_{name}": truth[:, k].astype(int) for k, name in enumerate(labels)}
    return Table({**columns, **{f"p_{name}": p[:, k] for k, name in enumerate(labels)}})
