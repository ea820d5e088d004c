"""The loss of all training rows at the end of some epochs, with the weights of that moment."""

from collections import defaultdict

import torch

from merkhet.tasks.apply import to_device
from merkhet.train.engine import explain_broken_import
from merkhet.train.prepare import Prepared

with explain_broken_import():
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.callbacks import Callback

PREFIX = "whole_train"


class WholeTraining(Callback):  # type: ignore[misc]
    """Run over the training rows as validation runs over its own, and record the same numbers.

    The training loss of an epoch is that of augmented batches, each with the weights of its step, and of a random part
    of the rows where an epoch is a set number of steps; this one can be set beside the validation loss.

    Parameters
    ----------
    prepared
        What is learned.
    every
        Epochs from one run to the next; the last epoch has one as well. Between them the columns hold NaN.
    """

    def __init__(self, prepared: Prepared, *, every: int) -> None:
        self._prepared, self._every = prepared, every

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Record the means of the epoch."""
        epoch = trainer.current_epoch + 1
        rows = self._prepared.rows("train")[trainer.global_rank :: trainer.world_size]
        if epoch % self._every and epoch != trainer.max_epochs:
            metrics = [name.removeprefix("train_") for name in trainer.callback_metrics if name.startswith("train_")]
            means = dict.fromkeys(metrics, torch.tensor(torch.nan, device=module.device))
        else:
            means = self._means(trainer, module)
        values = {f"{PREFIX}_{name}": value for name, value in means.items()}
        module.log_dict(values, on_epoch=True, batch_size=len(rows), sync_dist=trainer.world_size > 1)

    def _means(self, trainer: Trainer, module: LightningModule) -> dict[str, torch.Tensor]:
        rows = self._prepared.rows("train")[trainer.global_rank :: trainer.world_size]
        sums: dict[str, torch.Tensor] = defaultdict(lambda: torch.zeros((), device=module.device))
        learning = {part: part.training for part in module.modules()}
        module.eval()
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            for batch in self._prepared.in_order(rows):
                moved, size = to_device(batch, module.device), len(batch["index"])
                loss = module.task.loss(module.task(moved), moved)
                for name, value in {"loss": loss.total, **loss.parts}.items():
                    sums[name] += value.detach() * size
        for part, was in learning.items():
            part.training = was  # frozen parts stay as they were
        return {name: value / len(rows) for name, value in sums.items()}
