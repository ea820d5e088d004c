"""``merkhet train``."""

from pathlib import Path

from merkhet.cli.output import QUIET_DEFAULT, Output


def train(
    recipe: str,
    /,
    *overrides: str,
    out: Path,
    resume: bool = False,
    workers: int = 1,
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
    resume
        Go on in an unfinished run from its last finished epoch.
    workers
        Processes that read and check files before training starts.
    overwrite
        Replace a run that exists.
    """
    from merkhet.config.experiment import Experiment
    from merkhet.config.load import validate
    from merkhet.recipes import load_recipe
    from merkhet.report.html import write_report
    from merkhet.train.fit import fit, is_main_process
    from merkhet.train.summary import headline, reject_count

    experiment = validate(Experiment, load_recipe(recipe, overrides), source=recipe)
    run = fit(experiment, out, resume=resume, overwrite=overwrite, workers=workers, console=output.console)
    if not is_main_process():
        return 0
    report = write_report(run.folder)
    rejected = reject_count(run)
    output.say(headline(run))
    if rejected:
        output.say(f"{rejected} rows were rejected: {run.rejects}")
    output.say(f"model:  {run.bundle}\nreport: {report}")
    output.summary(run=run.folder, bundle=run.bundle, report=report, rejected=rejected, metrics=run.metrics)
    return 3 if rejected else 0
