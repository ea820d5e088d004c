"""Batches of an epoch where images have several shapes: each holds images of one."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from merkhet.data.arrays import Rows
from merkhet.data.loader import MAX_BATCH_PIXELS, BatchDraw, occurrence


class ShapeSampler:
    """Batches of an epoch, each of images of one shape, in an order that is drawn.

    They are the same for the same (seed, epoch) on any number of processes, and visit each row once a pass. A batch
    holds ``batch_size`` images, and of large ones fewer: no more than 2^24 pixels of a band, or one image.

    Parameters
    ----------
    shapes
        Of each image, ``(n, axes)``.
    batch_size
        Most rows of one batch on one process.
    steps
        Batches of an epoch on one process; one pass over the rows where None.
    rank, world
        This process and their number. The batches of a pass that they cannot share evenly are filled up from the next.
    """

    def __init__(
        self,
        shapes: npt.NDArray[np.int64],
        *,
        batch_size: int,
        seed: int,
        steps: int | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.seed, self.rank, self.world, self.epoch = seed, rank, world, 0
        distinct, kind = np.unique(shapes, axis=0, return_inverse=True)
        self._rows = [np.flatnonzero(kind.ravel() == number) for number in range(len(distinct))]
        most = np.clip(MAX_BATCH_PIXELS // distinct.prod(axis=1), 1, batch_size)
        self._batches = [-(-len(rows) // int(size)) for rows, size in zip(self._rows, most, strict=True)]
        self.steps = steps or -(-sum(self._batches) // world)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch (Lightning calls this)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[BatchDraw]:
        rng = np.random.default_rng([self.seed, self.epoch, 0x5A9E])
        batches: list[Rows] = []
        while len(batches) < self.steps * self.world:
            batches += self._one_pass(rng)
        ends = np.cumsum([len(batch) for batch in batches])
        repeats = np.split(occurrence(np.concatenate(batches)), ends[:-1])
        for step in range(self.steps):
            place = step * self.world + self.rank
            yield BatchDraw(self.epoch, batches[place], repeats[place])

    def _one_pass(self, rng: np.random.Generator) -> list[Rows]:
        batches = [
            part
            for rows, count in zip(self._rows, self._batches, strict=True)
            for part in np.array_split(rng.permutation(rows), count)
        ]
        return [batches[place] for place in rng.permutation(len(batches))]
