"""Statistics of every image in every epoch of a training: truth, answer, certainty, loss, time."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from astropy.table import Table, vstack
from torch import nn

from merkhet.config.tasks import need_classifier
from merkhet.data.measured import PREFIX
from merkhet.data.sample import Batch
from merkhet.io.tables import read_table, write_table
from merkhet.tasks.base import Outputs, Task, to_numpy
from merkhet.tasks.statistics import image_statistics
from merkhet.train.engine import explain_broken_import
from merkhet.train.prepare import Prepared
from merkhet.train.run import Run

with explain_broken_import():
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.callbacks import Callback


class Statistics(Callback):  # type: ignore[misc]
    """Write a table per epoch, whole or not at all: an epoch that is trained again after a kill writes its own again.

    The answers are those that the network gave while it learned, so those for training images are of augmented ones,
    with dropout, each by the weights of its step; they cost no second pass.

    Parameters
    ----------
    prepared
        What is learned.
    run
        Where the tables go, see :meth:`merkhet.train.run.Run.stats_part`.

    Raises
    ------
    ConfigError
        The task is no classification.
    """

    def __init__(self, prepared: Prepared, run: Run) -> None:
        self._task = need_classifier(prepared.experiment.task, to="keep statistics of images (train.stats)")
        self._images = np.asarray(prepared.samples.table[PREFIX + "path"]).astype(str)
        self._run = run
        self._parts: list[Table] = []
        self._out: Outputs = {}
        self._step_began = self._forward_began = self._forward_seconds = 0.0

    def on_fit_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Listen to the task: what it answers, and how long it takes."""
        module.task.register_forward_pre_hook(self._before)
        module.task.register_forward_hook(self._after)

    def _before(self, _task: nn.Module, _arguments: Any) -> None:
        self._forward_began = time.perf_counter()

    def _after(self, _task: nn.Module, _arguments: Any, out: Outputs) -> None:
        self._out = {name: value.detach() for name, value in out.items()}
        _finish(self._out)
        self._forward_seconds = time.perf_counter() - self._forward_began

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Start the clock of the step."""
        self._step_began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Keep the batch, with the time of the whole step."""
        _finish(self._out)
        seconds = (time.perf_counter() - self._step_began) / len(batch["index"])
        self._add("train", module.task, batch, epoch=trainer.current_epoch + 1, seconds_training=seconds)

    def on_validation_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Keep the batch."""
        self._add("val", module.task, batch, epoch=trainer.current_epoch + 1)

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Write what the epoch gave; the checkpoint follows, so that no finished epoch lacks its statistics."""
        path = self._run.stats_part(trainer.current_epoch + 1, trainer.global_rank)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(_stack(self._parts), path, overwrite=True)
        self._parts = []

    def _add(self, split: str, task: Task, batch: Batch, *, epoch: int, seconds_training: float = np.nan) -> None:
        with torch.inference_mode():
            answers: dict[str, npt.NDArray[Any]] = task.decode(self._out, batch).columns
        self._parts.append(
            image_statistics(
                answers,
                to_numpy(batch["target"]["label"].value),
                task=self._task,
                images=self._images[batch["index"].cpu().numpy()],
                split=split,
                epoch=epoch,
                seconds_prediction=self._forward_seconds / len(batch["index"]),
                seconds_training=seconds_training,
            )
        )


def _finish(out: Outputs) -> None:
    """Wait for a GPU: it works while Python goes on."""
    if next(iter(out.values())).is_cuda:
        torch.cuda.synchronize()


def join_statistics(run: Run) -> Path:
    """Join the tables of the epochs of a run in one, in the order of the epochs."""
    return write_table(_stack([read_table(part) for part in run.stats_parts()]), run.stats, overwrite=True)


def _stack(parts: list[Table]) -> Table:
    joined: Table = vstack(parts, metadata_conflicts="silent")
    return joined
