"""What happens at the end of an epoch, and on the terminal meanwhile."""

import csv
import io
import math
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from rich.console import Console
from rich.progress import TaskID
from safetensors.torch import save_file

from merkhet.config.training import Train
from merkhet.io.atomic import atomic_path, os_errors
from merkhet.terminal import bar
from merkhet.train.engine import monitored
from merkhet.train.run import Run


class AtomicCheckpointIO(TorchCheckpointIO):  # type: ignore[misc]
    """Write checkpoints beside their target and rename them, so that a kill leaves the old one or the new one."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Save a checkpoint atomically."""
        with atomic_path(path) as temporary:
            torch.save(checkpoint, temporary)


class EpochEnd(Checkpoint):  # type: ignore[misc]
    """Keep the best weights, the resume point and the history, in this order.

    Epochs count from 1, as on the terminal. The history's rows travel in the checkpoint too: a kill between the two
    writes loses nothing.
    """

    def __init__(self, run: Run, config: Train) -> None:
        self.run, self.config = run, config
        self.rows: list[dict[str, float]] = []
        self.best, self.best_epoch = math.inf, 0
        self.stopped_early = False
        self._started = time.perf_counter()

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Stay stopped if the run that is resumed had stopped early."""
        trainer.should_stop |= self.stopped_early

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Record the epoch. Lightning calls this after every other hook of the epoch."""
        metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        score = monitored(metrics, self.config)
        seconds = time.perf_counter() - self._started
        epoch = trainer.current_epoch + 1
        self.rows.append({"epoch": epoch, "lr": trainer.optimizers[0].param_groups[0]["lr"], **metrics})
        self.rows[-1]["seconds"] = round(seconds, 3)
        if score < self.best:
            self.best, self.best_epoch = score, epoch
            if trainer.is_global_zero:
                self._save_best(module)
        self.stopped_early = trainer.should_stop
        trainer.save_checkpoint(self.run.checkpoint)
        if trainer.is_global_zero:
            write_history(self.run.history, self.rows)

    def _save_best(self, module: LightningModule) -> None:
        weights = {name: tensor.contiguous() for name, tensor in module.task.state_dict().items()}
        with atomic_path(self.run.best_weights) as temporary:
            save_file(weights, temporary)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run must know."""
        names = ("rows", "best", "best_epoch", "stopped_early")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over from the checkpoint, and append to the history what a kill kept from it."""
        for name, value in state.items():
            setattr(self, name, value)
        write_history(self.run.history, self.rows)


def write_history(path: Path, rows: list[dict[str, float]]) -> None:
    """Append to the history the rows that it lacks; it is never truncated or rewritten."""
    with os_errors(path):
        present = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["epoch"], lineterminator="\n")
        if not present:
            writer.writeheader()
        writer.writerows(rows[max(len(present) - 1, 0) :])
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text.getvalue())


class TerminalProgress(Callback):  # type: ignore[misc]
    """A bar for the epoch that runs, and a line for each that has ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = bar(console)
        self._task: TaskID | None = None

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Start the bar."""
        self._bar.start()
        description = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        self._task = self._bar.add_task(description, total=int(trainer.num_training_batches))

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *args: Any) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.advance(self._task)

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Replace the bar by a line of scores."""
        self._stop()
        scores = "  ".join(f"{name} {float(value):.4f}" for name, value in sorted(trainer.callback_metrics.items()))
        self._console.print(f"epoch {trainer.current_epoch + 1:3d}/{trainer.max_epochs}  {scores}", highlight=False)

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        """Leave the terminal clean."""
        self._stop()

    def _stop(self) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        self._bar.stop()
