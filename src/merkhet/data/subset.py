"""Some samples of a batch: chosen, taken out, and put back."""

from typing import Any

import torch
from torch import Tensor

from merkhet.data.sample import Batch, Target, batch_size
from merkhet.errors import ConfigError


def positives(batch: Batch) -> Tensor:
    """Return the positions ``(n,)`` of the samples of the positive class.

    Raises
    ------
    ConfigError
        The samples have no label, or several.
    """
    label = batch.get("target", {}).get("label")
    if label is None or label.value.ndim != 1:
        raise ConfigError("augment: samples=positive needs samples of two classes, one of them positive")
    return torch.nonzero(label.value > 0).squeeze(1)


def take(batch: Batch, rows: Tensor) -> Batch:
    """Return the samples at the positions ``rows`` ``(n,)`` of a batch, as a batch."""
    return {key: _take(value, rows) for key, value in batch.items()}


def put(batch: Batch, part: Batch, *, rows: Tensor) -> Batch:
    """Return the batch with the samples at ``rows`` replaced by those of ``part``; the batch stays as it was.

    Entries that only ``part`` has are zero for the other samples.
    """
    size = batch_size(batch)
    return {key: _put(batch.get(key), value, rows, size) for key, value in part.items()}


def _take(value: Any, rows: Tensor) -> Any:
    if isinstance(value, dict):
        return take(value, rows)
    if isinstance(value, Target):
        return Target(value.kind, value.value[rows], None if value.count is None else value.count[rows])
    return value[rows]


def _put(old: Any, new: Any, rows: Tensor, size: int) -> Any:
    if isinstance(new, dict):
        return {key: _put((old or {}).get(key), value, rows, size) for key, value in new.items()}
    if isinstance(new, Target):
        return old.with_value(_put(old.value, new.value, rows, size))
    shape = (size, *new.shape[1:])
    result = new.new_zeros(shape) if old is None else old.expand(shape).clone()
    result[rows] = new
    return result
