"""``merkhet evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING

from merkhet.cli.numbers import AtLeastOne
from merkhet.cli.output import QUIET_DEFAULT, Output

if TYPE_CHECKING:
    from merkhet.train.run import Run


def evaluate(
    run: Path,
    /,
    *,
    table: Path | None = None,
    root: Path | None = None,
    out: Path | None = None,
    heatmaps: Path | None = None,
    against: Path | None = None,
    truth: Path | None = None,
    tiles: Path | None = None,
    separate: bool = False,
    device: str = "auto",
    workers: AtLeastOne = 1,
    overwrite: bool = False,
    output: Output = QUIET_DEFAULT,
) -> int:
    """Score a trained model, on the validation and test rows of its run or on other data; or a catalog of a scan.

    Example: merkhet evaluate run --table other_survey.csv --out scores

    Example: merkhet evaluate run --table point_source_gammas/ --out scores

    Example: merkhet evaluate halos.ecsv --truth sky/truth.ecsv --tiles sky/tiles.csv --against boxes.ecsv --out scores

    Parameters
    ----------
    run
        Run folder made by merkhet train; with --table a bundle folder serves as well. With --truth, the catalog of
        merkhet scan, or any table with ra, dec and probability.
    table
        Labelled table with the same columns as the training table, every row of which is scored; of a model of events,
        a file of simulated events, a pack, or a folder of files.
    root
        Folder that the table's relative paths start from.
    out
        Folder to make for the scores of --table or --truth. The run's own scores are renewed in the run.
    heatmaps
        Folder of heat maps of the images that are scored, made by merkhet predict --heatmap: they are compared with
        the files of the column data.columns.truth_map, which show the artifacts alone.
    against
        Another run that was scored on the same rows: every score of both, their difference and its interval, without
        scoring anew. Lower is better for log_loss, brier, ece, rmsce and for the resolutions of events. With --truth,
        another catalog of the same tiles: completeness of both at equal rates of false alarms.
    truth
        Table of what is truly there, as merkhet simulate and merkhet inject write it: ra, dec, kind, label, snr, size.
        A detection is a hit within 1 arcmin, or within half of the true size if that is larger.
    tiles
        Table of the tiles that were scanned, beside --truth: image and, if there are any, exposure.
    separate
        The tiles share no sky, though they show the same part of it: the copies that merkhet inject makes.
    device
        auto, cpu, cuda, cuda:1 or mps.
    workers
        Processes that read and check files.
    overwrite
        Replace an output that exists.
    """
    from merkhet.errors import ConfigError
    from merkhet.train.evaluate import evaluate_on_table, evaluate_run

    if (truth is None) != (tiles is None):
        raise ConfigError("--truth and --tiles go together: false alarms are counted per tile and square degree")
    if heatmaps is not None and (against is not None or truth is not None):
        raise ConfigError("--heatmaps goes with the scores of a run or of --table, not with --against or --truth")
    if truth is not None and tiles is not None:
        from merkhet.cli.detection import DetectionFiles, evaluate_catalog

        if table is not None or root is not None:
            raise ConfigError("--table and --root score a trained model; they do not go with --truth")
        places = DetectionFiles(run, truth=truth, tiles=tiles, against=against, out=out)
        return evaluate_catalog(places, separate=separate, overwrite=overwrite, output=output)
    if separate:
        raise ConfigError("--separate goes with --truth and --tiles")
    if (table is None) != (out is None):
        raise ConfigError("--table and --out go together: the scores of another table get a folder of their own")
    if against is not None:
        if table is not None:
            raise ConfigError("--against compares runs as they were scored; it does not go with --table")
        return _compare(run, against, output)
    if table is None or out is None:
        result = evaluate_run(run, device=device, workers=workers, console=output.console)
    else:
        result = evaluate_on_table(
            run, table, out, root=root, device=device, workers=workers, overwrite=overwrite, console=output.console
        )
    return _say(result, [] if heatmaps is None else _localize(result, heatmaps), output)


def _say(scored: "Run", lines: list[str], output: Output) -> int:
    """Print the headline of a run and some further lines; return the exit code."""
    from merkhet.train.summary import headline, reject_count

    rejected = reject_count(scored)
    output.say(headline(scored))
    for line in lines:
        output.say(line)
    output.say(f"scores: {scored.metrics}")
    if rejected:
        output.say(f"{rejected} rows were rejected: {scored.rejects}")
    output.summary(metrics=scored.metrics, rejected=rejected)
    return 3 if rejected else 0


def _localize(scored: "Run", heatmaps: Path) -> list[str]:
    from merkhet.infer.localize import localization_lines, localize

    return localization_lines(localize(scored, heatmaps))


def _compare(run: Path, against: Path, output: Output) -> int:
    from merkhet.cli.comparison import comparison_lines
    from merkhet.train.compare import compare_runs

    compared = compare_runs(run, against)
    if not output.json:
        print("\n".join(comparison_lines(compared)))  # noqa: T201
    output.summary(**compared)
    return 0
