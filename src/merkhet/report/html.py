"""The report of a run: one page that needs nothing else, neither a network nor a script."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.table import Table
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from merkhet.io.atomic import write_text
from merkhet.report import plots, summary
from merkhet.report.gallery import Chapter, Cutout, read_gallery
from merkhet.report.run import RunTables, read_run

MAX_REJECTS = 50
UNKNOWN = "—"


def write_report(run: Path) -> Path:
    """Rebuild ``report.html`` of a run folder from the tables in it, and return its path.

    Parts that are absent (no test split, no predictions, images that are gone) are named as such on the page.

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
    environment = Environment(
        loader=PackageLoader("merkhet.report"),
        autoescape=True,  # class names, ids and reasons are the user's text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=_number, interval=_interval, count=_count, percent=_percent)
    result = run.metrics[run.split] if run.split else None
    return environment.get_template("report.html.j2").render(
        run=run,
        experiment=run.experiment,
        result=result,
        split_names=summary.SPLIT_NAMES,
        scores=summary.score_rows(run),
        remarks=summary.remarks(run),
        interval_note=summary.meaning_of_intervals(result) if result else "",
        setup=summary.setup_rows(run),
        data=summary.data_rows(run),
        baselines=summary.baseline_rows(run),
        provenance=summary.provenance_rows(run),
        citation=summary.citation(run),
        figures=_figures(run, result),
        training_time=_training_time(run.history),
        gallery=_gallery(run),
        rejects=_rejects(run.rejects),
        rejected=len(run.rejects) if run.rejects is not None else None,
        max_rejects=MAX_REJECTS,
        resolved=yaml.safe_dump(run.experiment.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
    )


def _figures(run: RunTables, result: Mapping[str, Any] | None) -> dict[str, str]:
    """Return addresses that hold the images themselves; empty where the run has no data for a figure."""
    figures = {"history": "", "confusion": "", "roc": "", "reliability": ""}
    if run.history is not None and len(run.history):
        kept = run.bundle.provenance.epoch if run.bundle else None
        figures["history"] = _embed(plots.history_plot(_numeric(run.history), kept_epoch=kept))
    if result:
        figures["confusion"] = _embed(plots.confusion_plot(result["confusion"], classes=result["classes"]))
        areas = {name: f"AUC {_interval(row['roc_auc'])}" for name, row in result["per_class"].items()}
        if result["roc"]:
            figures["roc"] = _embed(plots.roc_plot(result["roc"], areas=areas))
        if result.get("calibration", {}).get("bins"):
            figures["reliability"] = _embed(plots.reliability_plot(result["calibration"]["bins"]))
    return figures


def _gallery(run: RunTables) -> list[tuple[Chapter, list[str]]]:
    """Return the chapters of the gallery, each with the addresses of its images."""
    if run.split is None or run.split not in run.predictions:
        return []
    chapters = read_gallery(run.predictions[run.split], experiment=run.experiment)
    return [(chapter, [_thumbnail(cutout) for cutout in chapter.cutouts]) for chapter in chapters]


def _thumbnail(cutout: Cutout) -> str:
    """Return the address of an image of the gallery, empty for one that is missing."""
    if cutout.pixels is None:
        return ""
    figure = plots.gallery_plot(cutout.pixels, pixel_scale_arcsec=cutout.pixel_scale_arcsec)
    return _embed(figure, kind="png")


def _training_time(history: Table | None) -> str:
    """Return the sentence that says how long training took; empty where the history does not say."""
    if history is None or not len(history) or "seconds" not in history.colnames:
        return ""
    seconds = float(np.nansum(_numeric(history)["seconds"]))
    size, unit = next(
        (size, unit) for size, unit in ((3600, "h"), (60, "min"), (1, "s")) if seconds >= size or size == 1
    )
    return f"{len(history)} epochs in {seconds / size:.1f} {unit}."


def _rejects(table: Table | None) -> list[dict[str, str]]:
    if table is None:
        return []
    return [{name: str(row[name]) for name in ("file", "stage", "reason")} for row in table[:MAX_REJECTS]]


def _numeric(history: Table) -> dict[str, Any]:
    """Return the columns of numbers, NaN where there is none."""
    return {
        name: np.ma.filled(np.ma.asarray(history[name], dtype=float), np.nan)
        for name in history.colnames
        if history[name].dtype.kind in "iuf"
    }


def _embed(figure: Figure, *, kind: str = "svg") -> str:
    """Return a figure as a ``data:`` address."""
    stream = io.BytesIO()
    plots.save(figure, stream, kind=kind)
    media = {"svg": "image/svg+xml", "png": "image/png"}[kind]
    return f"data:{media};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"


def _interval(score: Mapping[str, float | None] | None) -> str:
    if score is None or score["value"] is None:
        return UNKNOWN
    if score["low"] is None:
        return _number(score["value"])
    return f"{_number(score['value'])} [{_number(score['low'])}, {_number(score['high'])}]"


def _count(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def _percent(value: float) -> str:
    """Return a place on a line of 0 to 1 as a coordinate on one of 0 to 100."""
    return f"{100 * min(max(value, 0), 1):.1f}"
