"""The report of a run: one page that needs nothing else, neither a network nor a script."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.table import Table

from merkhet.config.tasks import need_classifier
from merkhet.io.atomic import write_text
from merkhet.report import folds, plots, provenance, splits, summary
from merkhet.report.gallery import Chapter, Cutout, read_gallery
from merkhet.report.history import history_plot, numeric, rows_of_trainings
from merkhet.report.images import gallery_plot
from merkhet.report.page import embed, environment
from merkhet.report.run import RunTables, read_run
from merkhet.train.run import Run

MAX_REJECTS = 50
UNKNOWN = "—"


def write_report(run: Path) -> Path:
    """Rebuild ``report.html`` of a run folder from the tables in it, and return its path.

    The images themselves are not read: the run holds the pixels that are shown. Parts that are absent (no test split,
    no predictions) are named as such on the page.

    Raises
    ------
    InputError, ConfigError
        The folder is no run, or a file in it is damaged.
    OutputError
        The page cannot be written.
    """
    page = render(read_run(run))
    path = run / "report.html"
    write_text(path, page)
    return path


def render(run: RunTables) -> str:
    """Return the page."""
    pages = environment()
    pages.filters.update(number=_number, interval=_interval, count=_count, percent=_percent)
    result = run.metrics[run.split] if run.split else None
    return pages.get_template("report.html.j2").render(
        run=run,
        experiment=run.experiment,
        result=result,
        where=splits.where_scored(run),
        scores=summary.score_rows(run),
        remarks=summary.remarks(run),
        interval_note=summary.meaning_of_intervals(run),
        calibration_error=summary.calibration_error(run),
        setup=summary.setup_rows(run),
        data=splits.data_rows(run),
        baselines=summary.baseline_rows(run),
        folds=folds.fold_rows(run),
        fold_spread=folds.fold_spread(run),
        provenance=provenance.provenance_rows(run),
        citation=provenance.citation(run),
        figures=_figures(run, result),
        training_time=_training_time(run),
        gallery=_gallery(run),
        rejects=_rejects(run.rejects),
        rejected=len(run.rejects) if run.rejects is not None else None,
        max_rejects=MAX_REJECTS,
        resolved=yaml.safe_dump(run.experiment.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
    )


def _figures(run: RunTables, result: Mapping[str, Any] | None) -> dict[str, str]:
    """Return addresses that hold the images themselves; empty where the run has no data for a figure."""
    figures = dict.fromkeys(("history", "confusion", "roc", "pr", "reliability"), "")
    if run.history is not None and len(run.history):
        epochs = run.bundle.provenance.epochs if run.bundle else ()
        kept = epochs[0] if len(epochs) == 1 else None
        figures["history"] = embed(history_plot(numeric(run.history), kept_epoch=kept))
    if result:
        per_class = result["per_class"]
        figures["confusion"] = embed(plots.confusion_plot(result["confusion"], classes=result["classes"]))
        if result["roc"]:
            areas = {name: f"AUC {_interval(row['roc_auc'])}" for name, row in per_class.items()}
            figures["roc"] = embed(plots.roc_plot(result["roc"], areas=areas))
        if result.get("pr"):
            areas = {name: f"AP {_interval(row['average_precision'])}" for name, row in per_class.items()}
            share = {name: row["support"] / result["n"] for name, row in per_class.items()}
            figures["pr"] = embed(plots.precision_recall_plot(result["pr"], prevalence=share, areas=areas))
        if result.get("calibration", {}).get("bins"):
            figures["reliability"] = embed(plots.reliability_plot(result["calibration"]["bins"]))
    return figures


def _gallery(run: RunTables) -> list[tuple[Chapter, list[str]]]:
    """Return the chapters of the gallery, each with the addresses of its images."""
    split = run.split
    if split not in run.predictions or split not in run.galleries:
        return []
    chapters = read_gallery(
        run.galleries[split],
        predictions=run.predictions[split],
        task=need_classifier(run.experiment.task, to="show examples"),
        source=Run(run.folder).gallery(split),
    )
    return [(chapter, [_thumbnail(cutout) for cutout in chapter.cutouts]) for chapter in chapters]


def _thumbnail(cutout: Cutout) -> str:
    figure = gallery_plot(cutout.pixels, pixel_scale_arcsec=cutout.pixel_scale_arcsec)
    return embed(figure, kind="png")


def _training_time(run: RunTables) -> str:
    """Return the sentence that says how long training took; empty where the history does not say."""
    if run.history is None or not len(run.history) or "seconds" not in run.history.colnames:
        return ""
    history = numeric(run.history)
    seconds = float(np.nansum(history["seconds"]))
    size, unit = next(
        (size, unit) for size, unit in ((3600, "h"), (60, "min"), (1, "s")) if seconds >= size or size == 1
    )
    trainings = len(rows_of_trainings(history))
    several = f" of {trainings} trainings, a line each," if trainings > 1 else ""
    return f"{len(run.history)} epochs{several} in {seconds / size:.1f} {unit}."


def _rejects(table: Table | None) -> list[dict[str, str]]:
    if table is None:
        return []
    return [{name: str(row[name]) for name in ("file", "stage", "reason")} for row in table[:MAX_REJECTS]]


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"


def _interval(score: Mapping[str, float | None] | None) -> str:
    if score is None or score["value"] is None:
        return UNKNOWN
    if score["low"] is None:
        return _number(score["value"])
    return f"{_number(score['value'])} [{_number(score['low'])}, {_number(score['high'])}]"


def _count(value: splits.Count) -> str:
    if isinstance(value, tuple):
        return f"{value[0]:,} to {value[1]:,}"
    return UNKNOWN if value is None else f"{value:,}"


def _percent(value: float) -> str:
    """Return a place on a line of 0 to 1 as a coordinate on one of 0 to 100."""
    return f"{100 * min(max(value, 0), 1):.1f}"
