"""Which rows make which batch: pure functions of (seed, epoch, rank), so that a resumed run repeats nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from merkhet.data.arrays import Rows
from merkhet.data.augment import Augmenter
from merkhet.data.dataset import SampleDataset
from merkhet.data.sample import Batch

if TYPE_CHECKING:
    from merkhet.data.shapes import ShapeSampler

MAX_BATCH_PIXELS = 2**24
"""Most pixels of a band in a batch of images that are only looked at, or that have several shapes."""


@dataclass(frozen=True)
class BatchDraw:
    """The rows of one batch.

    ``repeat`` counts how often the row was drawn before in this epoch, so that a row drawn twice is augmented in
    two ways.
    """

    epoch: int
    rows: Rows
    repeat: Rows


class TrainSampler:
    """Batches of an epoch, the same for the same (seed, epoch) on any number of processes.

    Parameters
    ----------
    n
        Number of rows.
    batch_size
        Rows of one batch on one process.
    steps
        Batches of an epoch on one process; one pass over the rows where None.
    codes
        Class of each row: every class is drawn equally often. None visits each row once a pass.
    rank, world
        This process and their number.
    """

    def __init__(
        self,
        n: int,
        *,
        batch_size: int,
        seed: int,
        steps: int | None = None,
        codes: npt.NDArray[np.int64] | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.n, self.batch_size, self.seed, self.codes = n, batch_size, seed, codes
        self.rank, self.world = rank, world
        self.steps = steps or max(1, -(-n // (batch_size * world)))
        self._fixed = steps is not None
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch (Lightning calls this)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[BatchDraw]:
        rows = self._draw()
        repeat = occurrence(rows)
        if not self._fixed and self.world == 1 and self.codes is None:
            # Batches of like size: a last batch of one row has no variance for batch norm.
            yield from (
                BatchDraw(self.epoch, *part)
                for part in zip(np.array_split(rows, self.steps), np.array_split(repeat, self.steps), strict=True)
            )
            return
        for step in range(self.steps):
            start = (step * self.world + self.rank) * self.batch_size
            part = slice(start, start + self.batch_size)
            yield BatchDraw(self.epoch, rows[part], repeat[part])

    def _draw(self) -> Rows:
        total = self.steps * self.batch_size * self.world
        rng = np.random.default_rng([self.seed, self.epoch, 0xB47C])
        if self.codes is not None:
            return _balanced(self.codes, total, rng)
        if not self._fixed and self.world == 1:
            return rng.permutation(self.n)  # one pass; the last batch is what is left
        passes = [rng.permutation(self.n) for _ in range(-(-total // self.n))]
        return np.concatenate(passes)[:total]


class InOrder:
    """Every row once, in order, dealt out to the processes one by one."""

    def __init__(self, n: int, *, batch_size: int, rank: int = 0, world: int = 1) -> None:
        rows = np.arange(rank, n, world)
        self._batches = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]

    def part(self, shapes: npt.NDArray[np.int64]) -> None:
        """Part batches so that their images, of ``shapes`` ``(n, axes)``, stand in one array that is not too large."""
        pixels = shapes.prod(axis=1)
        parted: list[Rows] = []
        for batch in self._batches:
            new = np.flatnonzero((np.diff(shapes[batch], axis=0) != 0).any(axis=1)) + 1
            for rows in np.split(batch, new):
                most = max(1, MAX_BATCH_PIXELS // int(pixels[rows[0]]))
                parted += [rows[i : i + most] for i in range(0, len(rows), most)]
        self._batches = parted

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[BatchDraw]:
        for rows in self._batches:
            yield BatchDraw(0, rows, np.zeros(len(rows), dtype=np.int64))


class _Batches(Dataset[Batch]):
    """A map from a draw to its batch: what the loader's workers run."""

    def __init__(self, dataset: SampleDataset, subset: Rows, augment: Augmenter | None) -> None:
        self._dataset, self._subset, self._augment = dataset, subset, augment

    def __getitem__(self, draw: BatchDraw) -> Batch:
        batch = self._dataset.fetch(self._subset[draw.rows])
        if self._augment is None:
            return batch
        return self._augment(batch, epoch=draw.epoch, repeat=torch.from_numpy(draw.repeat))


def make_loader(
    dataset: SampleDataset,
    subset: Rows,
    sampler: "TrainSampler | InOrder | ShapeSampler",
    *,
    augment: Augmenter | None = None,
    workers: int = 0,
) -> "DataLoader[Batch]":
    """Return a DataLoader whose items are whole batches of ``dataset`` rows ``subset[draw.rows]``.

    Rows in order may have several shapes; their batches are then parted. ``workers`` processes prepare batches ahead
    of time; with 0 they are made in the training process.
    """
    if isinstance(sampler, InOrder):
        sampler.part(dataset.shapes[subset])
    options: dict[str, Any] = {}
    if workers:
        context: Literal["spawn"] = "spawn"
        options = {"multiprocessing_context": context, "persistent_workers": True, "prefetch_factor": 4}
    return DataLoader(
        _Batches(dataset, subset, augment),
        batch_size=None,
        sampler=sampler,
        num_workers=workers,
        generator=torch.Generator(),  # else each epoch draws a seed for its workers from the network's own stream
        **options,
    )


def _balanced(codes: npt.NDArray[np.int64], total: int, rng: np.random.Generator) -> Rows:
    """Draw ``total`` rows, each class equally often and each row of a class equally often, to within one."""
    present = np.unique(codes)
    classes = rng.permutation(np.resize(present, total))
    rows = np.empty(total, dtype=np.int64)
    for code in present:
        mine, places = np.flatnonzero(codes == code), np.flatnonzero(classes == code)
        passes = [rng.permutation(mine) for _ in range(-(-len(places) // len(mine)))]
        rows[places] = np.concatenate(passes)[: len(places)]
    return rows


def occurrence(rows: Rows) -> Rows:
    """Return for each entry how many equal entries stand before it."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.r_[0, np.flatnonzero(np.diff(ordered)) + 1]
    first = np.repeat(starts, np.diff(np.r_[starts, len(rows)]))
    result = np.empty(len(rows), dtype=np.int64)
    result[order] = np.arange(len(rows)) - first
    return result
