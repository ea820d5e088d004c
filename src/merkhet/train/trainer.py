"""Training one network: batches, Lightning's trainer, and what CTRL-C does."""

import contextlib
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from merkhet.config.training import Train
from merkhet.data.arrays import Rows
from merkhet.data.augment import Augmenter
from merkhet.data.loader import InOrder, TrainSampler, make_loader
from merkhet.data.shapes import ShapeSampler
from merkhet.errors import ConfigError, InputError, Interrupted
from merkhet.io.reading import first_line
from merkhet.train.engine import Engine, explain_broken_import, quiet_lightning
from merkhet.train.events import PreparedEvents, ordered_loader, train_loader
from merkhet.train.prepare import Prepared, starting_task
from merkhet.train.run import Run

with explain_broken_import():
    from lightning.pytorch import LightningDataModule, Trainer
    from lightning.pytorch.callbacks import Callback, EarlyStopping
    from lightning.pytorch.loggers import TensorBoardLogger
    from lightning.pytorch.utilities.rank_zero import rank_zero_only

    from merkhet.train.callbacks import AtomicCheckpointIO, EpochEnd, TerminalProgress
    from merkhet.train.statistics import Statistics
    from merkhet.train.whole_training import WholeTraining


def is_main_process() -> bool:
    """Tell whether this process is the one of a distributed training that writes."""
    return int(rank_zero_only.rank or 0) == 0


def train(prepared: Prepared, run: Run, *, member: int, console: Console | None) -> int:
    """Run the epochs that the run folder lacks; return the number of the best one, whose weights the folder keeps.

    Parameters
    ----------
    run
        Where checkpoints and history go; training goes on from the checkpoint that is there.
    member
        Number of the network, from 0: its seed, of weights, order, augmentation and dropout, is that of the
        experiment and so many more.
    """
    experiment = prepared.experiment
    seed = experiment.seed + member
    torch.manual_seed(seed)
    engine = Engine(starting_task(experiment, member=member), experiment.train, seed=seed)
    epoch_end = EpochEnd(run, experiment.train)
    callbacks = [epoch_end, *([Statistics(prepared, run)] if experiment.train.stats else [])]
    if experiment.train.evaluate_training_every:
        callbacks.append(WholeTraining(prepared, every=experiment.train.evaluate_training_every))
    with quiet_lightning(), _interrupts(run):
        try:
            trainer = _make_trainer(experiment.train, run, callbacks, console)
        except Exception as error:  # Lightning answers devices that are not there with nearly any exception
            reason = str(error).splitlines()[0]
            raise ConfigError(f"train: accelerator, devices, strategy or precision cannot be used: {reason}") from error
        loaders, checkpoint = _Loaders(prepared, seed=seed), _resume_point(run)
        trainer.fit(engine, datamodule=loaders, ckpt_path=checkpoint, weights_only=True)
    return epoch_end.best_epoch


def _resume_point(run: Run) -> Path | None:
    """Return the checkpoint, if there is one that can be read."""
    if not run.checkpoint.is_file():
        return None
    try:
        torch.load(run.checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises nearly anything
        raise InputError(
            run.checkpoint,
            f"is damaged: {first_line(error)}",
            action="Train anew, into a new folder or with --overwrite in place of --resume",
        ) from error
    return run.checkpoint


class _Loaders(LightningDataModule):  # type: ignore[misc]
    """Training and validation batches for this process of however many there are."""

    def __init__(self, prepared: Prepared, *, seed: int) -> None:
        super().__init__()
        self._prepared, self._config, self._seed = prepared, prepared.experiment.train, seed

    def train_dataloader(self) -> Any:
        """Return augmented batches of training rows."""
        prepared, config, experiment = self._prepared, self._config, self._prepared.experiment
        if isinstance(prepared, PreparedEvents):
            rank, world = self.trainer.global_rank, self.trainer.world_size
            return train_loader(prepared, seed=self._seed, rank=rank, world=world)
        rows = prepared.rows("train")
        augment = Augmenter(experiment.augment, seed=self._seed, bands=experiment.input.bands)
        return make_loader(
            prepared.dataset, rows, self._train_sampler(prepared, rows), augment=augment, workers=config.workers
        )

    def _train_sampler(self, prepared: Prepared, rows: Rows) -> TrainSampler | ShapeSampler:
        config, shapes = self._config, prepared.dataset.shapes[rows]
        options: dict[str, Any] = {
            "batch_size": config.batch_size,
            "seed": self._seed,
            "steps": config.steps_per_epoch,
            "rank": self.trainer.global_rank,
            "world": self.trainer.world_size,
        }
        several, balanced = bool((shapes != shapes[:1]).any()), config.sampling == "balanced"
        if several and balanced:
            raise ConfigError(
                "train.sampling=balanced is for images of one shape, and these have several: take shuffle"
            )
        if several:
            return ShapeSampler(shapes, **options)
        strata = prepared.truth.strata(prepared.table("train")) if balanced else None
        codes = None if strata is None else np.unique(strata, return_inverse=True)[1]
        return TrainSampler(len(rows), codes=codes, **options)

    def val_dataloader(self) -> Any:
        """Return validation rows in order."""
        rows = self._prepared.rows("val")
        trainer = self.trainer
        if isinstance(self._prepared, PreparedEvents):
            places = {"rank": trainer.global_rank, "world": trainer.world_size, "workers": self._config.workers}
            return ordered_loader(self._prepared.dataset, rows, batch_size=self._config.batch_size, **places)
        sampler = InOrder(
            len(rows), batch_size=self._config.batch_size, rank=trainer.global_rank, world=trainer.world_size
        )
        return make_loader(self._prepared.dataset, rows, sampler, workers=self._config.workers)


def _make_trainer(config: Train, run: Run, callbacks: Sequence[Callback], console: Console | None) -> Trainer:
    callbacks = list(callbacks)
    if config.early_stopping_patience:
        callbacks.append(
            EarlyStopping(
                config.monitor,
                mode=config.direction,
                patience=config.early_stopping_patience,
                check_finite=False,
                strict=False,  # a name that is not recorded is answered at the end of the epoch, in one line
            )
        )
    if console is not None:
        callbacks.append(TerminalProgress(console))
    return Trainer(
        max_epochs=config.epochs,
        precision=_precision(config),
        gradient_clip_val=config.gradient_clip,
        callbacks=callbacks,
        logger=TensorBoardLogger(run.folder, name="logs", version="") if config.tensorboard else False,
        plugins=[AtomicCheckpointIO()],
        default_root_dir=run.folder,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **config.trainer_options(),
    )


def _precision(config: Train) -> str:
    if config.precision == "auto":
        cuda = config.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
        return "bf16-mixed" if cuda and torch.cuda.is_bf16_supported() else "32-true"
    return {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}[config.precision]


@contextlib.contextmanager
def _interrupts(run: Run) -> Iterator[None]:
    """Turn CTRL-C into :class:`Interrupted`. Lightning answers it with ``sys.exit`` and a deaf signal handler."""
    main_thread = signal.getsignal(signal.SIGINT)
    try:
        yield
    except (SystemExit, KeyboardInterrupt) as error:
        if isinstance(error, SystemExit) and not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, main_thread)
        kept = "the last finished epoch is saved" if run.checkpoint.is_file() else "no epoch was finished yet"
        raise Interrupted(f"{run.folder}: interrupted; {kept}. Go on with the same command and --resume") from None
