"""Novelty of a task's features (see :mod:`merkhet.evaluate.novelty`): as a column of its answers, and as tensors."""

from dataclasses import replace

import torch
from torch import Tensor

from merkhet.config.reference import FeatureReference
from merkhet.evaluate.novelty import Novelty
from merkhet.tasks.base import Outputs, Prediction, to_numpy

FEATURES = "features"
"""The output ``(B, F)`` that novelty is measured on; tasks without it have none."""

NOVELTY = "novelty"
"""The column of the answer."""

MEANS, WHITENING = "reference.means", "reference.whitening"


def with_novelty(prediction: Prediction, out: Outputs, *, novelty: Novelty) -> Prediction:
    """Return the answers for a batch with the novelty of each one's sample as a last column."""
    values = novelty(to_numpy(out[FEATURES]))
    return replace(prediction, columns={**prediction.columns, NOVELTY: values[prediction.samples(len(values))]})


def to_tensors(novelty: Novelty) -> dict[str, Tensor]:
    """Return what a bundle holds of it beside the weights."""
    return {MEANS: torch.from_numpy(novelty.means), WHITENING: torch.from_numpy(novelty.whitening)}


def take_novelty(reference: FeatureReference, tensors: dict[str, Tensor]) -> Novelty:
    """Take out of a bundle's tensors what is no weight.

    Raises
    ------
    KeyError
        It is not there.
    """
    return Novelty(reference, means=tensors.pop(MEANS).numpy(), whitening=tensors.pop(WHITENING).numpy())
