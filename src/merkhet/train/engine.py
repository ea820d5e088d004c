"""The Lightning module: how a task learns. Nothing here knows what is learned."""

import contextlib
import logging
import math
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from merkhet.config.training import Adam as AdamConfig
from merkhet.config.training import AdamW as AdamWConfig
from merkhet.config.training import Plateau, Train
from merkhet.data.sample import Batch, batch_size
from merkhet.errors import ConfigError, DependencyError, MerkhetError
from merkhet.tasks.base import Loss, Task
from merkhet.train.prepare import frozen_modules, kept_norms
from merkhet.train.schedule import PlateauState, rate_factor


@contextlib.contextmanager
def explain_broken_import() -> Iterator[None]:
    """Turn a failed import of the training engine into one line that names the culprit."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # a broken torchvision raises anything from ImportError to RuntimeError
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "torchvision" in str(error):
            advice = "torchvision is installed but broken; Merkhet does not need it, so run: pip uninstall torchvision"
        else:
            advice = "lightning cannot be imported; run: pip install -U lightning"
        raise DependencyError(f"training cannot start: {advice} ({reason})") from error


@contextlib.contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's advice and banners off the terminal while it trains."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\..*")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


with explain_broken_import():
    from lightning.pytorch import LightningModule


class Engine(LightningModule):  # type: ignore[misc]
    """Optimizes a task.

    Learning rates and random numbers are functions of the step and of (seed, epoch, rank), so a run that resumes at
    the end of an epoch goes on exactly as one that was never stopped.

    Parameters
    ----------
    task
        What is learned.
    config
        How.
    seed
        Seed of the experiment.
    """

    def __init__(self, task: Task, config: Train, *, seed: int) -> None:
        super().__init__()
        self.task, self.train_config, self.seed = task, config, seed
        self.plateau = PlateauState()

    def configure_optimizers(self) -> Optimizer:
        """Make the optimizer from the task's parameter groups."""
        config, groups = self.train_config.optimizer, list(self.task.parameter_groups())
        options: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay}
        if isinstance(config, AdamWConfig):
            return AdamW(groups, betas=config.betas, **options)
        if isinstance(config, AdamConfig):
            return Adam(groups, betas=config.betas, **options)
        return SGD(groups, momentum=config.momentum, nesterov=config.nesterov, **options)

    @property
    def rate(self) -> float:
        """Learning rate of the next step."""
        steps = max(int(self.trainer.num_training_batches), 1)
        epoch = self.trainer.global_step / steps
        factor = rate_factor(self.train_config.schedule, epoch=epoch, epochs=self.train_config.epochs)
        return self.train_config.optimizer.lr * factor * self.plateau.factor

    def on_train_epoch_start(self) -> None:
        """Seed what the network draws (dropout) and keep frozen modules frozen."""
        state = np.random.SeedSequence([self.seed, self.current_epoch, self.global_rank])
        torch.manual_seed(int(state.generate_state(1, np.uint64)[0] >> 1))
        finetune = self.train_config.finetune
        for module in [*frozen_modules(self.task, finetune), *kept_norms(self.task, finetune)]:
            module.eval()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set the learning rate of this step."""
        rate = self.rate * self.task.rate_factor(batch)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        loss = self.task.loss(self.task(batch), batch)
        self._record("train", loss, batch)
        return loss.total

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Record the loss of a validation batch."""
        self._record("val", self.task.loss(self.task(batch), batch), batch)

    def on_train_epoch_end(self) -> None:
        """Refuse to go on after divergence; let the plateau see the score."""
        metrics = self.trainer.callback_metrics
        loss = float(metrics["train_loss"])
        if not torch.isfinite(torch.tensor(loss)):
            raise MerkhetError(
                f"training diverged in epoch {self.current_epoch + 1}: the loss is {loss}. "
                "Lower train.optimizer.lr, or set train.gradient_clip=1"
            )
        if isinstance(self.train_config.schedule, Plateau):
            score = monitored(metrics, self.train_config)
            self.plateau.update(score, self.train_config.schedule, base_rate=self.train_config.optimizer.lr)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the plateau's memory in the checkpoint."""
        checkpoint["plateau"] = asdict(self.plateau)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the plateau's memory from the checkpoint."""
        self.plateau = PlateauState(**checkpoint["plateau"])

    def _record(self, side: str, loss: Loss, batch: Batch) -> None:
        values = {f"{side}_loss": loss.total.detach()}
        values |= {f"{side}_{name}": part for name, part in loss.parts.items()}
        self.log_dict(
            values, on_step=False, on_epoch=True, batch_size=batch_size(batch), sync_dist=self.trainer.world_size > 1
        )


def monitored(metrics: dict[str, Any], config: Train) -> float:
    """Return the monitored value of an epoch, turned so that lower is better; or say which values there are."""
    if config.monitor not in metrics:
        raise ConfigError(
            f"train.monitor: {config.monitor!r} is not recorded; recorded are {', '.join(sorted(metrics))}"
        )
    value = float(metrics[config.monitor])
    if math.isnan(value):
        raise MerkhetError(f"{config.monitor} is not a number: lower train.optimizer.lr, or set train.gradient_clip=1")
    return value if config.direction == "min" else -value
