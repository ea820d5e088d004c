"""Training: from an experiment to a run folder."""

import platform
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import astropy
import numpy as np
import torch
from rich.console import Console
from safetensors.torch import load_file

from merkhet import __version__
from merkhet.bundle.store import Bundle, check_ensemble, join, load_bundle, save_bundle
from merkhet.config.array_experiment import ArrayBundleSpec, ArrayExperiment
from merkhet.config.bundle import BundleSpec, Provenance
from merkhet.config.data import ReadSpec
from merkhet.config.experiment import Experiment
from merkhet.config.tasks import Classify
from merkhet.config.training import Train
from merkhet.data.samples import SampleTable
from merkhet.data.split import SIDES
from merkhet.errors import ConfigError, DependencyError, InputError
from merkhet.io.atomic import prepare_folder
from merkhet.io.image_lists import NOTES
from merkhet.io.rejects import write_rejects
from merkhet.io.tables import write_table
from merkhet.tasks.apply import choose_device
from merkhet.tasks.base import Task
from merkhet.terminal import progress
from merkhet.train.assess import calibrate
from merkhet.train.engine import explain_broken_import
from merkhet.train.event_scores import score_any
from merkhet.train.events import PreparedEvents, find_any, prepare_any
from merkhet.train.history import write_histories
from merkhet.train.prepare import Prepared, adopt, data_paths, starting_task, with_absolute_paths
from merkhet.train.reference import make_reference, remarks
from merkhet.train.resume import check_resumable
from merkhet.train.run import Run
from merkhet.train.statistics import join_statistics
from merkhet.train.trainer import is_main_process, train

with explain_broken_import():
    import lightning


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
        Go on in ``out`` from the end of its last finished epoch; an uninterrupted run gives the same weights. Begin
        where nothing is there yet.
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
    if resume and run.folds:
        raise InputError(run.folder, "is a run with folds", action="Resume it with the same --folds")
    experiment, samples = open_run(
        experiment, run, resume=resume, overwrite=overwrite, workers=workers, console=console
    )
    return fit_samples(experiment, samples, run, console=console)


def open_run(
    experiment: Experiment, run: Run, *, resume: bool, overwrite: bool, workers: int, console: Console | None
) -> tuple[Experiment, SampleTable]:
    """Make the run folder and find the samples; what cannot be used is written to the run's rejects."""
    experiment = adopt(with_absolute_paths(experiment))
    _check_tensorboard(experiment.train)
    _check_stats(experiment)
    if not resume and is_main_process():
        finetune = experiment.train.finetune
        inputs = (*data_paths(experiment), finetune.bundle if finetune else None)
        prepare_folder(run.folder, marker=run.experiment_file.name, overwrite=overwrite, inputs=inputs)
    elif resume and not run.is_new:
        run.read_experiment()  # or say that this is no run
    with progress(console if is_main_process() else None, "reading images") as callback:
        experiment, samples = find_any(experiment, workers=workers, progress=callback)
    if console is not None and is_main_process():
        for note in samples.table.meta.get(NOTES, ()):
            console.print(note, highlight=False)
    if is_main_process():
        write_rejects(samples.rejects, run.rejects)
    samples.check_rejects(1.0 if isinstance(experiment, ArrayExperiment) else experiment.data.max_reject_fraction)
    return experiment, samples


def fit_samples(experiment: Experiment, samples: SampleTable, run: Run, *, console: Console | None) -> Run:
    """Train on the samples of :func:`open_run`, from where the run stands."""
    prepared = prepare_any(experiment, samples)
    check_ensemble(starting_task(prepared.experiment), experiment.ensemble, spec=experiment.input)
    if run.experiment_file.is_file():
        check_resumable(prepared, run, run.read_experiment())
    elif is_main_process():
        record_data(prepared, run)
    if console is not None and is_main_process() and not isinstance(prepared, PreparedEvents):
        for line in remarks(prepared):
            console.print(line, highlight=False)
    epochs = _train_members(prepared, run, console=console if is_main_process() else None)
    if is_main_process():
        device = choose_device("cpu" if experiment.train.accelerator == "cpu" else "auto")
        bundle = _write_bundle(prepared, run, epochs=epochs, device=device)
        with progress(console, "scoring") as callback:
            score_any(bundle, prepared, run, device=device, progress=callback)
    return run


def record_data(prepared: Prepared, run: Run) -> None:
    """Write down what is learned from what: the samples with their sides, and the resolved experiment."""
    table = prepared.samples.table.copy()
    table["split"] = prepared.sides
    table.meta = {"fingerprint": prepared.fingerprint()}
    write_table(table, run.samples, overwrite=True)
    run.write_experiment(prepared.experiment)


def _check_stats(experiment: Experiment) -> None:
    if experiment.train.stats and not isinstance(experiment.task, Classify):
        raise ConfigError(
            f"train.stats: statistics of images need task.kind=classify; this experiment has {experiment.task.kind}"
        )


def _check_tensorboard(config: Train) -> None:
    if config.tensorboard and find_spec("tensorboard") is None:
        raise DependencyError("train.tensorboard=true needs tensorboard; run: pip install 'merkhet[tensorboard]'")


def _train_members(prepared: Prepared, run: Run, *, console: Console | None) -> list[int]:
    """Train each member of the ensemble; return the epochs whose weights are kept."""
    members = run.members(prepared.experiment.ensemble.members)
    epochs = []
    for number, member in enumerate(members):
        if console is not None and len(members) > 1:
            console.print(f"member {number + 1} of {len(members)}", highlight=False)
        epochs.append(train(prepared, member, member=number, console=console))
    if is_main_process() and all(member.stats_parts() for member in members):
        parts = {number + 1: join_statistics(member) for number, member in enumerate(members)}
        if len(members) > 1:
            write_histories(parts, run.stats, by="member")
    if len(members) > 1 and is_main_process():
        write_histories({number + 1: member.history for number, member in enumerate(members)}, run.history, by="member")
    return epochs


def _trained(prepared: Prepared, run: Run) -> Task:
    """Return what answers: the members with the weights that were kept."""
    experiment = prepared.experiment
    members = []
    for member in run.members(experiment.ensemble.members):
        members.append(starting_task(experiment))
        members[-1].load_state_dict(load_file(member.best_weights))
    return join(members, experiment.ensemble, spec=experiment.input).eval()


def _write_bundle(prepared: Prepared, run: Run, *, epochs: list[int], device: torch.device) -> Bundle:
    experiment, finetune = prepared.experiment, prepared.experiment.train.finetune
    task = _trained(prepared, run).to(device)
    images = not isinstance(prepared, PreparedEvents)
    reference, tensors = make_reference(task, prepared, device=device) if images else (None, {})
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
        epochs=tuple(epochs),
        finetuned_from=load_bundle(finetune.bundle).spec.hash if finetune else "",
        experiment=experiment.model_dump(mode="json"),
    )
    schema = BundleSpec if images else ArrayBundleSpec
    spec = schema(
        input=experiment.input,
        read=experiment.data.read if images else ReadSpec(),
        normalize=experiment.normalize,
        model=experiment.model,
        task=calibrate(task, prepared, device=device),
        ensemble=experiment.ensemble,
        reference=reference,
        provenance=provenance,
        weights_sha256="",
    )
    save_bundle(run.bundle, spec, {**task.state_dict(), **tensors})
    return load_bundle(run.bundle)
