"""Random numbers that belong to a sample, not to a moment: the same in any batch, order, process and resumed run."""

from functools import cached_property

import numpy as np
import torch
from torch import Tensor


class Draws:
    """The random numbers of one augmentation for each sample of a batch.

    Each sample has its own counter-based generator, Philox 4x64 (Salmon et al. 2011, SC'11), with (seed, epoch, row)
    for a key and (repeat, position) in the upper half of the counter, so that no two streams ever meet. Values are
    drawn in the order of the calls.

    Parameters
    ----------
    index
        int64 ``(B,)``: row of each sample in the sample table.
    seed
        Seed of the experiment, below 2^32.
    epoch
        Epoch, below 2^32.
    repeat
        int64 ``(B,)``: how often the row was drawn before in this epoch; never where absent.
    position
        Place of the augmentation among those of the experiment.
    """

    def __init__(
        self, index: Tensor, *, seed: int, epoch: int, repeat: Tensor | None = None, position: int = 0
    ) -> None:
        self._index, self._repeat = index, torch.zeros_like(index) if repeat is None else repeat
        self._experiment = seed << 32 | epoch
        self._position = position

    @cached_property
    def generators(self) -> tuple[np.random.Generator, ...]:
        """One generator per sample, for draws of many numbers, as a field of noise is."""
        return tuple(
            np.random.Generator(
                np.random.Philox(
                    key=np.array([self._experiment, row], dtype=np.uint64),
                    counter=np.array([0, 0, repeat, self._position], dtype=np.uint64),
                )
            )
            for row, repeat in zip(self._index.tolist(), self._repeat.tolist(), strict=True)
        )

    def uniform(self, low: float, high: float) -> Tensor:
        """Return float32 ``(B,)``, uniform between ``low`` and ``high``."""
        return self._tensor([generator.uniform(low, high) for generator in self.generators], torch.float32)

    def normal(self) -> Tensor:
        """Return float32 ``(B,)``, of mean 0 and variance 1."""
        return self._tensor([generator.standard_normal() for generator in self.generators], torch.float32)

    def integers(self, low: int, high: int) -> Tensor:
        """Return int64 ``(B,)``, uniform from ``low`` to ``high - 1``."""
        return self._tensor([int(generator.integers(low, high)) for generator in self.generators], torch.int64)

    def _tensor(self, values: list[float], dtype: torch.dtype) -> Tensor:
        return torch.tensor(values, dtype=dtype, device=self._index.device)
