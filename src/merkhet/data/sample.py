"""The sample and the batch: plain dictionaries with documented keys.

A **sample** (numpy) has

====================  =====================================================================================
``image``             float32 ``(C, H, W)`` or ``(C, D, H, W)``, in the file's own units; NaN where invalid
``valid``             bool, broadcastable to ``image``: finite and inside the footprint
``noise``             float32 ``(C,)``: sky sigma of the parent image, in the image's units
``scale``             float32: pixel scale in arcsec as the network sees the image, NaN where it is not known
``telescopes``        ``{type: {charge, time, trigger, position}}``, in place of the four above
``target``            ``{name: Target}``
``index``             int, the row of the sample table
``normalized``        only in training: ``{noise, brightness}``, what augmentation does to the normalized image
====================  =====================================================================================

A **batch** (torch) holds the same keys with a leading batch axis; ``index`` is int64 ``(B,)``. Pixels where
``valid`` is False are NaN in ``image`` until normalization replaces them.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

Kind = Literal["label", "vector", "image", "mask", "objects", "angle"]
Sample: TypeAlias = dict[str, Any]
Batch: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """A value to be learned, with the kind that tells augmentation how to move it.

    =========== ==================================================== =====================================
    kind        value of one sample                                  under rotation, reflection, shift
    =========== ==================================================== =====================================
    ``label``   int, or float ``(n,)`` of 0/1 for several labels     stays
    ``vector``  float ``(n,)``                                       stays
    ``image``   float ``(C, *S)``                                    moves as the pixels do
    ``mask``    bool ``(C, *S)``                                     moves, nearest pixel
    ``objects`` float ``(n, k)``; columns 0, 1 are x, y in pixels    x, y move; padded in a batch
    ``angle``   float, radians from +x towards +y                    turns and flips
    =========== ==================================================== =====================================

    Attributes
    ----------
    count
        Only in a batch of ``objects``: int64 ``(B,)``, how many rows of each sample are real.
    """

    kind: Kind
    value: Any
    count: torch.Tensor | None = None

    def with_value(self, value: Any) -> "Target":
        """Return the same target with another value."""
        return replace(self, value=value)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "Target":
        """Move a batched target to a device (Lightning calls this when it moves a batch)."""
        count = None if self.count is None else self.count.to(device, non_blocking=non_blocking)
        return Target(self.kind, self.value.to(device, non_blocking=non_blocking), count)


def collate(samples: list[Sample]) -> Batch:
    """Stack samples into a batch; ragged objects are padded with NaN and carry a count.

    Raises
    ------
    ValueError
        Samples of one batch differ in their keys or in the shape of a dense entry.
    """
    first = samples[0]
    if any(sample.keys() != first.keys() for sample in samples):
        raise ValueError(f"samples of one batch hold different keys; the first holds {sorted(first)}")
    return {key: _stack([sample[key] for sample in samples]) for key in first}


def batch_size(batch: Batch) -> int:
    """Return the number of samples of a batch, whatever it holds."""
    for value in batch.values():
        if isinstance(value, dict):
            return batch_size(value)
        return len(value.value if isinstance(value, Target) else value)
    raise ValueError("an empty batch has no size")


def _stack(values: list[Any]) -> Any:
    first = values[0]
    if isinstance(first, dict):
        return {key: _stack([value[key] for value in values]) for key in first}
    if isinstance(first, Target):
        if first.kind == "objects":
            value, count = _pad([target.value for target in values])
            return Target("objects", value, count)
        return Target(first.kind, _stack([target.value for target in values]))
    if isinstance(first, np.ndarray):
        shapes = {value.shape for value in values}
        if len(shapes) > 1:
            raise ValueError(f"samples of one batch differ in shape: {sorted(shapes)}")
        # A single image is shared, not copied: nothing writes into a batch.
        return torch.from_numpy(first[None] if len(values) == 1 and first.flags.writeable else np.stack(values))
    return torch.as_tensor(np.asarray(values))


def _pad(values: list[npt.NDArray[Any]]) -> tuple[torch.Tensor, torch.Tensor]:
    count = np.array([len(value) for value in values])
    columns = values[0].shape[1]
    padded = np.full((len(values), max(int(count.max()), 1), columns), np.nan, dtype=np.float32)
    filled = np.arange(padded.shape[1]) < count[:, None]
    padded[filled] = np.concatenate(values, dtype=np.float32)
    return torch.from_numpy(padded), torch.from_numpy(count)
