"""Training: from an experiment to a run folder."""

import contextlib
import platform
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import astropy
import numpy as np
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor

from merkhet import __version__
from merkhet.bundle.store import Bundle, load_bundle, save_bundle
from merkhet.config.bundle import BundleSpec, Provenance
from merkhet.config.experiment import Experiment
from merkhet.config.training import Train
from merkhet.data.augment import Augmenter
from merkhet.data.loader import InOrder, TrainSampler, make_loader
from merkhet.data.split import SIDES
from merkhet.errors import ConfigError, DependencyError, Interrupted
from merkhet.io.atomic import prepare_folder
from merkhet.io.rejects import write_rejects
from merkhet.io.tables import write_table
from merkhet.tasks.apply import choose_device
from merkhet.terminal import progress
from merkhet.train.assess import assess, calibrate
from merkhet.train.engine import Engine, explain_broken_import, quiet_lightning
from merkhet.train.prepare import Prepared, adopt, find_samples, prepare, starting_task, with_absolute_paths
from merkhet.train.resume import check_resumable
from merkhet.train.run import Run

with explain_broken_import():
    import lightning
    from lightning.pytorch import LightningDataModule, Trainer
    from lightning.pytorch.callbacks import Callback, EarlyStopping
    from lightning.pytorch.loggers import TensorBoardLogger
    from lightning.pytorch.utilities.rank_zero import rank_zero_only

    from merkhet.train.callbacks import AtomicCheckpointIO, EpochEnd, TerminalProgress


def fit(
    experiment: Experiment,
    out: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    workers: int = 1,
    console: Console | None = None,
) -> Run:
    """Train, keep the best epoch as a bundle, and score it on validation and test rows.

    Parameters
    ----------
    experiment
        What to learn, from what, how.
    out
        Run folder to make.
    resume
        Go on in ``out`` from the end of its last finished epoch; an uninterrupted run gives the same weights.
    overwrite
        Clear ``out`` first.
    workers
        Processes that read and check files before training starts.
    console
        Where progress is shown; nowhere if None.

    Raises
    ------
    InputError
        The data cannot be learned from; ``rejects.csv`` in the run names the rows.
    Interrupted
        CTRL-C; the last finished epoch is saved.
    """
    run = Run(Path(out))
    console = console if is_main_process() else None
    experiment = adopt(with_absolute_paths(experiment))
    _check_tensorboard(experiment.train)
    saved = run.read_experiment() if resume else None
    if saved is None and is_main_process():
        finetune = experiment.train.finetune
        inputs = (experiment.data.table, experiment.data.root, finetune.bundle if finetune else None)
        prepare_folder(run.folder, marker=run.experiment_file.name, overwrite=overwrite, inputs=inputs)
    with progress(console, "reading images") as callback:
        experiment, samples = find_samples(experiment, workers=workers, progress=callback)
    if is_main_process():
        write_rejects(samples.rejects, run.rejects)
    samples.check_rejects(experiment.data.max_reject_fraction)
    prepared = prepare(experiment, samples)
    if saved is not None:
        check_resumable(prepared, run, saved)
    elif is_main_process():
        _record_data(prepared, run)
    best_epoch = _train(prepared, run, resume=resume, console=console)
    if is_main_process():
        device = choose_device("cpu" if experiment.train.accelerator == "cpu" else "auto")
        bundle = _write_bundle(prepared, run, epoch=best_epoch, device=device)
        with progress(console, "scoring") as callback:
            assess(bundle, prepared, run, device=device, progress=callback)
    return run


def is_main_process() -> bool:
    """Tell whether this process is the one of a distributed training that writes."""
    return int(rank_zero_only.rank or 0) == 0


def _check_tensorboard(config: Train) -> None:
    if config.tensorboard and find_spec("tensorboard") is None:
        raise DependencyError("train.tensorboard=true needs tensorboard; run: pip install 'merkhet[tensorboard]'")


def _record_data(prepared: Prepared, run: Run) -> None:
    table = prepared.samples.table.copy()
    table["split"] = prepared.sides
    table.meta = {"fingerprint": prepared.fingerprint()}
    write_table(table, run.samples, overwrite=True)
    run.write_experiment(prepared.experiment)


class _Loaders(LightningDataModule):  # type: ignore[misc]
    """Training and validation batches for this process of however many there are."""

    def __init__(self, prepared: Prepared) -> None:
        super().__init__()
        self._prepared, self._config = prepared, prepared.experiment.train

    def train_dataloader(self) -> Any:
        """Return augmented batches of training rows."""
        prepared, config, experiment = self._prepared, self._config, self._prepared.experiment
        rows = prepared.rows("train")
        strata = prepared.truth.strata(prepared.table("train")) if config.sampling == "balanced" else None
        sampler = TrainSampler(
            len(rows),
            batch_size=config.batch_size,
            seed=experiment.seed,
            steps=config.steps_per_epoch,
            codes=None if strata is None else np.unique(strata, return_inverse=True)[1],
            rank=self.trainer.global_rank,
            world=self.trainer.world_size,
        )
        augment = Augmenter(experiment.augment, seed=experiment.seed, bands=experiment.input.bands)
        return make_loader(prepared.dataset, rows, sampler, augment=augment, workers=config.workers)

    def val_dataloader(self) -> Any:
        """Return validation rows in order."""
        rows = self._prepared.rows("val")
        trainer = self.trainer
        sampler = InOrder(
            len(rows), batch_size=self._config.batch_size, rank=trainer.global_rank, world=trainer.world_size
        )
        return make_loader(self._prepared.dataset, rows, sampler, workers=self._config.workers)


def _train(prepared: Prepared, run: Run, *, resume: bool, console: Console | None) -> int:
    """Run the epochs; return the number of the best one."""
    experiment = prepared.experiment
    torch.manual_seed(experiment.seed)
    engine = Engine(starting_task(experiment), experiment.train, seed=experiment.seed)
    epoch_end = EpochEnd(run, experiment.train)
    with quiet_lightning(), _interrupts(run):
        try:
            trainer = _make_trainer(experiment.train, run, epoch_end, console)
        except Exception as error:  # Lightning answers devices that are not there with nearly any exception
            reason = str(error).splitlines()[0]
            raise ConfigError(f"train: accelerator, devices, strategy or precision cannot be used: {reason}") from error
        checkpoint = run.checkpoint if resume and run.checkpoint.is_file() else None
        trainer.fit(engine, datamodule=_Loaders(prepared), ckpt_path=checkpoint, weights_only=True)
    return epoch_end.best_epoch


def _make_trainer(config: Train, run: Run, epoch_end: EpochEnd, console: Console | None) -> Trainer:
    callbacks: list[Callback] = [epoch_end]
    if config.early_stopping_patience:
        callbacks.append(
            EarlyStopping(
                config.monitor, mode=config.direction, patience=config.early_stopping_patience, check_finite=False
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


def _write_bundle(prepared: Prepared, run: Run, *, epoch: int, device: torch.device) -> Bundle:
    experiment = prepared.experiment
    weights: dict[str, Tensor] = load_file(run.best_weights)
    task = starting_task(experiment)
    task.load_state_dict(weights)
    provenance = Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        merkhet=__version__,
        versions={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "lightning": lightning.__version__,
            "numpy": np.__version__,
            "astropy": astropy.__version__,
            "platform": f"{platform.system()} {platform.machine()}",
        },
        seed=experiment.seed,
        data_fingerprint=prepared.fingerprint(),
        rows={side: len(prepared.rows(side)) for side in SIDES},
        train_counts=prepared.truth.train_counts(prepared.table("train")),
        epoch=epoch,
        experiment=experiment.model_dump(mode="json"),
    )
    spec = BundleSpec(
        input=experiment.input,
        read=experiment.data.read,
        normalize=experiment.normalize,
        model=experiment.model,
        task=calibrate(task.to(device).eval(), prepared, device=device),
        provenance=provenance,
        weights_sha256="",
    )
    save_bundle(run.bundle, spec, weights)
    return load_bundle(run.bundle)
