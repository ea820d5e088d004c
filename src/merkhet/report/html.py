"""The report of a run: one page that needs nothing else, neither a network nor a script."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from merkhet.config.array_experiment import ArrayExperiment
from merkhet.config.tasks import need_classifier
from merkhet.io.atomic import write_text
from merkhet.report import folds, labels, plots, provenance, splits, summary
from merkhet.report.events import render_events
from merkhet.report.gallery import Chapter, Cutout, read_gallery
from merkhet.report.history import history_plot, numeric
from merkhet.report.images import gallery_plot
from merkhet.report.page import embed, environment
from merkhet.report.parts import FILTERS, MAX_REJECTS, first_rejects, interval, training_time
from merkhet.report.run import RunTables, read_run
from merkhet.report.statistics import statistics_plot
from merkhet.train.run import Run


def write_report(run: Path) -> Path:
    """Rebuild ``report.html`` of a run folder from the tables in it, and return its path.

    Images are not read: the run holds the pixels that are shown. Events are, for some pictures, where their files are
    still there. Parts that are absent (no test split, no predictions, no files of events) are named as such on the
    page.

    Raises
    ------
    InputError, ConfigError
        The folder is no run, or a file in it is damaged.
    OutputError
        The page cannot be written.
    """
    tables = read_run(run)
    page = render_events(tables) if isinstance(tables.experiment, ArrayExperiment) else render(tables)
    path = run / "report.html"
    write_text(path, page)
    return path


def render(run: RunTables) -> str:
    """Return the page."""
    pages = environment()
    pages.filters.update(FILTERS)
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
        counted=splits.counted_classes(run),
        baselines=summary.baseline_rows(run),
        **_labels(run),
        folds=folds.fold_rows(run),
        fold_spread=folds.fold_spread(run),
        provenance=provenance.provenance_rows(run),
        citation=provenance.citation(run),
        figures=_figures(run, result),
        training_time=training_time(run),
        gallery=_gallery(run),
        rejects=first_rejects(run.rejects),
        rejected=len(run.rejects) if run.rejects is not None else None,
        max_rejects=MAX_REJECTS,
        resolved=yaml.safe_dump(run.experiment.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
    )


def _figures(run: RunTables, result: Mapping[str, Any] | None) -> dict[str, str]:
    """Return addresses that hold the images themselves; empty where the run has no data for a figure."""
    figures = dict.fromkeys(("history", "statistics", "confusion", "roc", "pr", "reliability"), "")
    if run.history is not None and len(run.history):
        epochs = run.bundle.provenance.epochs if run.bundle else ()
        kept = epochs[0] if len(epochs) == 1 else None
        figures["history"] = embed(history_plot(numeric(run.history), kept_epoch=kept))
    if run.stats is not None and len(run.stats):
        figures["statistics"] = embed(statistics_plot(run.stats))
    if result:
        per_class = result["per_class"]
        figures["confusion"] = embed(plots.confusion_plot(result["confusion"], classes=result["classes"]))
        if result["roc"]:
            areas = {name: f"AUC {interval(row['roc_auc'])}" for name, row in per_class.items()}
            figures["roc"] = embed(plots.roc_plot(result["roc"], areas=areas))
        if result.get("pr"):
            areas = {name: f"AP {interval(row['average_precision'])}" for name, row in per_class.items()}
            share = {name: row["support"] / result["n"] for name, row in per_class.items()}
            figures["pr"] = embed(plots.precision_recall_plot(result["pr"], prevalence=share, areas=areas))
        if result.get("calibration", {}).get("bins"):
            figures["reliability"] = embed(plots.reliability_plot(result["calibration"]["bins"]))
    return figures


def _labels(run: RunTables) -> dict[str, Any]:
    """Return what the page says of each label."""
    searches = labels.searches(run)
    captions = {
        "Recall by strength": (
            "recall",
            "Of images of like strength, at the median of each bin; shaded: its interval.",
        ),
        "Reliability": ("reliability", "Share of the images that have the label, among those of like probability."),
    }
    figures = {
        search.name: [
            (title, embed(figure), caption)
            for title, (name, caption) in captions.items()
            if (figure := getattr(search, name)) is not None
        ]
        for search in searches
    }
    return {
        "searches": searches,
        "label_figures": figures,
        "points": labels.point_rows(run),
        "against": labels.against_rows(run),
        "strength_columns": labels.strength_columns(run),
        "localization": run.metrics.get("test", {}).get("localization", {}),
    }


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
