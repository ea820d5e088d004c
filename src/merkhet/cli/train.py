"""``merkhet train``."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators

from merkhet.cli.numbers import AtLeastOne
from merkhet.cli.output import QUIET_DEFAULT, Output


def train(
    recipe: str,
    /,
    *overrides: str,
    out: Path,
    folds: Annotated[int | None, Parameter(validator=validators.Number(gte=2))] = None,
    resume: bool = False,
    workers: AtLeastOne = 1,
    overwrite: bool = False,
    output: Output = QUIET_DEFAULT,
) -> int:
    """Train a model, score it on rows that it never saw, and write a report.

    Example: merkhet train radio_galaxies data.table=sky/catalog.csv train.epochs=20 --out run

    CTRL-C keeps the last finished epoch; the same command with --resume goes on as if nothing had happened.

    Parameters
    ----------
    recipe
        A recipe by name (see merkhet recipes) or an experiment as YAML.
    overrides
        key.sub=value pairs that change the recipe: data.table=TABLE, train.epochs=20, model.widths=[16,32].
    out
        Run folder to make: bundle, scores, predictions, history, rejects and report.html.
    folds
        Cross-validate: train so many times, each time tested on another part of the groups, into OUT/folds/1, 2, ...;
        scores and report of OUT pool the test rows of all.
    resume
        Go on in an unfinished run from its last finished epoch; begin where nothing is there yet.
    workers
        Processes that read and check files before training starts.
    overwrite
        Replace a run that exists.
    """
    from merkhet.config.array_experiment import validate_experiment
    from merkhet.recipes import load_recipe
    from merkhet.report.html import write_report
    from merkhet.train.fit import fit
    from merkhet.train.folds import fit_folds
    from merkhet.train.summary import headline, reject_count
    from merkhet.train.trainer import is_main_process

    experiment = validate_experiment(load_recipe(recipe, overrides), source=recipe)
    options: dict[str, Any] = {"resume": resume, "overwrite": overwrite, "workers": workers, "console": output.console}
    run = fit(experiment, out, **options) if folds is None else fit_folds(experiment, out, folds=folds, **options)
    if not is_main_process():
        return 0
    for fold in run.folds:
        write_report(fold.folder)
    report = write_report(run.folder)
    rejected = reject_count(run)
    output.say(headline(run))
    if rejected:
        output.say(f"{rejected} rows were rejected: {run.rejects}")
    models = run.folds or [run]
    for model in models:
        output.say(f"model:  {model.bundle}")
    output.say(f"report: {report}")
    output.summary(
        run=run.folder,
        bundles=[model.bundle for model in models],
        report=report,
        rejected=rejected,
        metrics=run.metrics,
    )
    return 3 if rejected else 0
