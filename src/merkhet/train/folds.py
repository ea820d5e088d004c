"""Cross-validation: as many runs as folds, and the scores of all their test rows together."""

from pathlib import Path

from rich.console import Console

from merkhet.config.array_experiment import ArrayExperiment
from merkhet.config.data import Split
from merkhet.config.experiment import Experiment
from merkhet.config.load import validate
from merkhet.config.tasks import need_classifier
from merkhet.errors import ConfigError, InputError
from merkhet.train.fit import fit_samples, open_run
from merkhet.train.pooled import pool
from merkhet.train.run import Run
from merkhet.train.trainer import is_main_process


def fit_folds(
    experiment: Experiment,
    out: str | Path,
    *,
    folds: int,
    resume: bool = False,
    overwrite: bool = False,
    workers: int = 1,
    console: Console | None = None,
) -> Run:
    """Train once for each fold, and score every row by the model that did not see it.

    ``out/folds/k`` is the run of fold ``k``; the tables and scores in ``out`` pool their test rows. Folds are parts of
    the groups, stratified by class, and depend on the seed alone.

    Parameters
    ----------
    folds
        Number of folds, 2 or more. The rows of a fold are tested by a model that the others trained and validated.
    experiment, out, resume, overwrite, workers, console
        See :func:`merkhet.train.fit.fit`. With ``resume``, finished folds stay as they are, whether they were trained
        by this function or one by one with ``split.kind=fold``.

    Raises
    ------
    ConfigError
        The experiment takes its split from a column, or there are more folds than the rows can fill.
    InputError
        See :func:`merkhet.train.fit.fit`.
    """
    if not isinstance(experiment, ArrayExperiment):
        need_classifier(experiment.task, to="be scored in folds")
    run, experiment = Run(Path(out)), _with_folds(experiment, folds)
    _refuse_plain_run(run, resume=resume)
    experiment, samples = open_run(
        experiment, run, resume=resume, overwrite=overwrite, workers=workers, console=console
    )
    if is_main_process():
        run.write_experiment(experiment)
    for number in range(1, folds + 1):
        if console is not None and is_main_process():
            console.print(f"fold {number} of {folds}", highlight=False)
        split = experiment.split.model_copy(update={"fold": number})
        fit_samples(experiment.model_copy(update={"split": split}), samples, run.fold(number), console=console)
    if is_main_process():
        pool(run)
    return run


def _with_folds(experiment: Experiment, folds: int) -> Experiment:
    if experiment.split.kind == "column":
        raise ConfigError("--folds draws the folds itself, but split.kind=column takes the split from the table")
    split = {**experiment.split.model_dump(), "kind": "fold", "folds": folds, "fold": 1}
    return experiment.model_copy(update={"split": validate(Split, split, source="--folds")})


def _refuse_plain_run(run: Run, *, resume: bool) -> None:
    if resume and run.experiment_file.is_file() and not run.folds:
        raise InputError(
            run.folder,
            "is a run without folds",
            expected="one that was begun with --folds",
            action="Choose another --out",
        )
