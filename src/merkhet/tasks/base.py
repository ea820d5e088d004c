"""The task: four hooks between a network and everything else."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from merkhet.data.sample import Batch
from merkhet.tasks.truth import Truth

Outputs = dict[str, Tensor]


@dataclass(frozen=True)
class Loss:
    """The value to minimize, and detached numbers worth a column in the history (averaged over samples)."""

    total: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Prediction:
    """Answers for a batch.

    Attributes
    ----------
    columns
        ``{name: array}``, one entry per sample or per object.
    row
        For each entry, the position in the batch of the sample it belongs to. Sample tasks leave it out.
    maps
        ``{name: (B, ..., H, W)}`` images in physical units.
    """

    columns: dict[str, npt.NDArray[Any]]
    row: npt.NDArray[np.int64] | None = None
    maps: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def samples(self, size: int) -> npt.NDArray[np.int64]:
        """Return the position in a batch of ``size`` of the sample that each entry belongs to.

        Raises
        ------
        ValueError
            Columns differ in length from that.
        """
        row = np.arange(size) if self.row is None else self.row
        lengths = {name: len(values) for name, values in self.columns.items() if len(values) != len(row)}
        if lengths:
            raise ValueError(f"columns of {len(row)} answers have other lengths: {lengths}")
        return row


@dataclass(frozen=True)
class ScanSpec:
    """How a task's network may be run over images larger than its input: output stride and context, in pixels."""

    stride: int
    context: int


class Task(nn.Module, ABC):
    """A network with its normalization, its loss and its decoder.

    To add a task, write its schema in ``config/tasks.py``, a subclass with :meth:`forward`, :meth:`loss` and
    :meth:`decode`, and, where the truth stands in the sample table, a :class:`~merkhet.tasks.truth.Truth`.

    Parameters
    ----------
    normalize
        Maps a batch to ``(x, scale, offset)``; see :mod:`merkhet.models.normalize`.
    network
        The architecture.
    """

    truth: ClassVar[type[Truth]] = Truth
    scan: ScanSpec | None = None

    def __init__(self, normalize: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.normalize = normalize
        self.network = network

    @abstractmethod
    def forward(self, batch: Batch) -> Outputs:
        """Run normalization and network; return named tensors with a leading batch axis."""

    @abstractmethod
    def loss(self, out: Outputs, batch: Batch) -> Loss:
        """Compare the outputs with ``batch["target"]``."""

    @abstractmethod
    def decode(self, out: Outputs, batch: Batch) -> Prediction:
        """Turn outputs into answers: probabilities, names, positions, physical units."""

    def leaves(self) -> "list[Task]":
        """Return the tasks that hold a network: this one, or those of an ensemble."""
        return [self]

    def combine(self, outputs: Sequence[Outputs]) -> Outputs:
        """Average the outputs of several networks, or for several orientations of the images. Not every task can."""
        raise NotImplementedError

    def calibrated(self, out: Outputs, batch: Batch) -> Any:
        """Return the task's schema with what outputs on validation rows decide filled in; None for nothing."""
        return None

    def rate_factor(self, batch: Batch) -> float:
        """Return what the learning rate of a batch is multiplied by."""
        return 1.0

    def parameter_groups(self) -> Iterator[dict[str, Any]]:
        """Yield optimizer groups: norms and biases take no weight decay."""
        trained = [(name, p) for name, p in self.named_parameters() if p.requires_grad]
        yield {"params": [p for _, p in trained if p.ndim > 1]}
        yield {"params": [p for _, p in trained if p.ndim <= 1], "weight_decay": 0.0}


def to_numpy(tensor: Tensor) -> npt.NDArray[Any]:
    """Return a detached float32 (or integer) array on the CPU."""
    tensor = tensor.detach()
    if tensor.dtype in (torch.bfloat16, torch.float16):
        tensor = tensor.float()
    return tensor.cpu().numpy()
