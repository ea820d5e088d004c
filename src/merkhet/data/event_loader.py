"""Which events make which batch, and the processes that read them.

Rows are compound and compressed in chunks, so an image costs its chunk. Chunks are shuffled, not rows: an epoch walks
through whole chunks in random order, gathers the examples of some batches, a buffer, and shuffles these. Which row
stands in which batch is a pure function of (seed, epoch) and of the number of processes that train; how many workers
read has no part in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from merkhet.data.arrays import Rows
from merkhet.data.event_dataset import EventDataset
from merkhet.data.sample import Batch
from merkhet.io.cherenkov.index import compact


@dataclass(frozen=True)
class Block:
    """The rows of the batches that are read together."""

    batches: tuple[Rows, ...]


class EventSampler:
    """Blocks of random batches.

    Parameters
    ----------
    units
        Number for each row, ``(n,)``, the same for rows that are best read together
        (:meth:`merkhet.data.events.EventList.units`).
    batch_size
        Rows of a batch on one process.
    buffer
        Rows that are mixed and read together, as many whole batches as it holds.
    steps
        Batches of an epoch on one process, drawn at random; as many as one pass over the rows holds, rounded to whole
        batches, where None.
    codes
        Class of each row: every class is drawn equally often. None draws each row as often as any other.
    rank, world
        This process and their number.
    """

    def __init__(
        self,
        units: Rows,
        *,
        batch_size: int,
        seed: int,
        buffer: int = 1024,
        steps: int | None = None,
        codes: npt.NDArray[np.int64] | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.batch_size, self.seed, self.rank, self.world = batch_size, seed, rank, world
        self.steps = steps or max(1, round(len(units) / (batch_size * world)))
        self._together = max(1, buffer // batch_size)
        classes = [np.arange(len(units))] if codes is None else [np.flatnonzero(codes == c) for c in np.unique(codes)]
        self._classes = [_Units(rows, units[rows]) for rows in classes]
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch (Lightning calls this)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Block]:
        order = self._order()
        for number, start in enumerate(range(0, self.steps, self._together)):
            batches = min(self._together, self.steps - start)
            first = (start * self.world + self.rank * batches) * self.batch_size
            rng = np.random.default_rng([self.seed, self.epoch, number, self.rank, 0xE7E2])
            rows = rng.permutation(order[first : first + batches * self.batch_size])
            yield Block(tuple(np.split(rows, batches)))

    def _order(self) -> Rows:
        """Return the rows of the epoch, of all processes, by units in random order; the classes take turns."""
        total, classes = self.steps * self.batch_size * self.world, len(self._classes)
        rng = np.random.default_rng([self.seed, self.epoch, 0xE7E1])
        order = np.empty(total, dtype=np.int64)
        for number, units in enumerate(self._classes):
            mine = order[number::classes]
            mine[:] = units.draw(len(mine), rng)
        return order


class InOrderBlocks:
    """Every row once, in order, dealt out to the processes one by one, some batches at a time."""

    def __init__(self, n: int, *, batch_size: int, buffer: int = 1024, rank: int = 0, world: int = 1) -> None:
        rows = np.arange(rank, n, world)
        batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
        together = max(1, buffer // batch_size)
        self._blocks = [Block(tuple(batches[start : start + together])) for start in range(0, len(batches), together)]
        self._batches = len(batches)

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[Block]:
        return iter(self._blocks)


class EventLoader:
    """Batches of an :class:`EventDataset`, for one epoch each time it is walked through.

    Parameters
    ----------
    dataset
        Where batches come from.
    subset
        The rows of the dataset that the sampler's rows count.
    sampler
        Which rows make which batch.
    workers
        Processes that read ahead, each with its own handle on the files; with 0 this process reads.
    """

    def __init__(
        self, dataset: EventDataset, subset: Rows, sampler: EventSampler | InOrderBlocks, *, workers: int = 0
    ) -> None:
        self.dataset, self.sampler = dataset, sampler
        options: dict[str, Any] = {}
        if workers:
            context: Literal["spawn"] = "spawn"
            options = {"multiprocessing_context": context, "persistent_workers": True, "prefetch_factor": 2}
        self._blocks: DataLoader[list[Batch]] = DataLoader(
            _Blocks(dataset, subset),
            batch_size=None,
            sampler=_Listed(sampler),
            num_workers=workers,
            generator=torch.Generator(),  # else each epoch draws a seed for its workers from the network's own stream
            **options,
        )

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Batch]:
        for batches in self._blocks:
            yield from batches


class _Units:
    """Rows of one class, by unit."""

    def __init__(self, rows: Rows, units: Rows) -> None:
        order = np.argsort(units, kind="stable")
        self._rows = compact(rows[order])
        edges = np.flatnonzero(np.diff(units[order])) + 1
        self._offsets: Rows = np.r_[0, edges, len(rows)]

    def draw(self, count: int, rng: np.random.Generator) -> Rows:
        """Return so many rows, whole units in random order, in as many passes as it takes."""
        parts: list[Rows] = []
        missing = count
        while missing > 0:
            order = rng.permutation(len(self._offsets) - 1)
            sizes = self._offsets[order + 1] - self._offsets[order]
            order = order[: int(np.searchsorted(np.cumsum(sizes), missing)) + 1]
            parts.append(self._of(order)[:missing])
            missing -= len(parts[-1])
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    def _of(self, units: Rows) -> Rows:
        starts = self._offsets[units]
        sizes = self._offsets[units + 1] - starts
        before = np.cumsum(sizes) - sizes
        places: Rows = np.arange(sizes.sum()) + np.repeat(starts - before, sizes)
        return self._rows[places].astype(np.int64)


class _Listed:
    """A sampler for the DataLoader, whose length counts blocks and not batches."""

    def __init__(self, sampler: EventSampler | InOrderBlocks) -> None:
        self._sampler = sampler

    def __iter__(self) -> Iterator[Block]:
        return iter(self._sampler)


class _Blocks(Dataset[list[Batch]]):
    """A map from a block to its batches: what the loader's workers run."""

    def __init__(self, dataset: EventDataset, subset: Rows) -> None:
        self._dataset, self._subset = dataset, subset

    def __getitem__(self, block: Block) -> list[Batch]:
        parts: Sequence[Rows] = [self._subset[rows] for rows in block.batches]
        return self._dataset.fetch_batches(parts)
