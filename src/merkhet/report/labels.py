"""Each label as a search: recall by strength, precision on the sky, and the best baseline beside the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from merkhet.report.plots import reliability_plot
from merkhet.report.run import RunTables
from merkhet.report.style import line, plain, saved, styled

Scored = Mapping[str, Any]

POINTS = {
    "validation": "chosen on validation rows",
    "decision": "the model's own decision",
}
COMPARED = {"roc_auc": "ROC AUC", "log_loss": "Log loss"}


@dataclass(frozen=True)
class StrengthRow:
    """A line of the table of a label: images of some strengths, ``{value, low, high}`` of each score."""

    title: str
    n: int
    recall: Scored
    recall_from: Scored | None
    roc_auc: Scored
    rival: Scored | None


@dataclass(frozen=True)
class PointRow:
    """A threshold, None where there is not one for all, and what it comes to."""

    label: str
    title: str
    threshold: float | None
    point: Scored


@dataclass(frozen=True)
class Search:
    """What the report says of one label.

    Attributes
    ----------
    name
        The label.
    scored
        What :func:`merkhet.evaluate.labels.label_scores` says of it.
    rows
        All images with the label, then those of each strength.
    rival
        The baseline that ranks its images best, if any.
    recall, reliability
        Figures; None where there is nothing to be drawn.
    """

    name: str
    scored: Scored
    rows: list[StrengthRow]
    rival: str | None
    recall: Figure | None
    reliability: Figure | None


def searches(run: RunTables) -> list[Search]:
    """Return what is to be said of each label; nothing for a run from before labels were scored."""
    result = run.metrics[run.split] if run.split else {}
    columns = strength_columns(run)
    return [
        _search(name, scored, result, unit=columns.get(name, "strength"))
        for name, scored in result.get("labels", {}).items()
    ]


def point_rows(run: RunTables) -> list[PointRow]:
    """Return recall, false alarms and precision of each label at each threshold."""
    result = run.metrics[run.split] if run.split else {}
    own = result["threshold"] if result and result["mode"] != "multiclass" else None
    return [
        PointRow(label, POINTS.get(name, name), own if name == "decision" else point["threshold"], point)
        for label, scored in result.get("labels", {}).items()
        for name, point in scored["points"].items()
    ]


def against_rows(run: RunTables) -> list[tuple[str, str, Scored]]:
    """Return label, score, and the comparison with the best baseline."""
    result = run.metrics[run.split] if run.split else {}
    return [
        (label, title, compared[score])
        for label, compared in result.get("against", {}).items()
        for score, title in COMPARED.items()
        if score in compared
    ]


def strength_columns(run: RunTables) -> Mapping[str, str]:
    """Return the column that holds the strength of each scored label, where the experiment declares any."""
    result = run.metrics[run.split] if run.split else {}
    return dict(zip(result.get("labels", {}), run.experiment.data.columns.strength, strict=False))


@styled
def recall_plot(
    bins: Sequence[Scored],
    *,
    rate: float,
    rivals: Mapping[str, Sequence[Scored]] | None = None,
    unit: str = "strength",
    save_path: Path | None = None,
) -> Figure:
    """Draw recall at a rate of false alarms against strength.

    Parameters
    ----------
    bins
        ``{median, recall: {value, low, high}}`` of each; those without an image are left out.
    rate
        Of false alarms.
    rivals
        The same bins as baselines answer them.
    unit
        Name of the strength, for the axis.
    save_path
        File to write, in the format of its suffix.
    """
    figure = Figure(figsize=(4.5, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for k, (name, rows) in enumerate({"this model": bins, **(rivals or {})}.items()):
        drawn = [row for row in rows if _drawn(row)]
        strength = np.array([row["median"] for row in drawn], dtype=float)
        value, low, high = (
            np.array([row["recall"][key] if row["recall"][key] is not None else np.nan for row in drawn], dtype=float)
            for key in ("value", "low", "high")
        )
        axes.plot(strength, value, marker="o", markersize=3.5, label=plain(name), **line(k))
        if k == 0:
            axes.fill_between(strength, low, high, color=line(k)["color"], alpha=0.15, linewidth=0)
    known = [row["median"] for row in bins if _drawn(row)]
    if known and min(known) > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlabel=plain(unit), ylabel=f"recall at {rate:.3g} false alarms per image", ylim=(-0.02, 1.02))
    axes.legend()
    return saved(figure, save_path)


def _drawn(row: Scored) -> bool:
    return row["median"] is not None and row["recall"]["value"] is not None


def _search(name: str, scored: Scored, result: Scored, *, unit: str) -> Search:
    others = {
        baseline: row["labels"][name]
        for baseline, row in result["baselines"].items()
        if row and name in row.get("labels", {})
    }
    rival = result.get("against", {}).get(name, {}).get("roc_auc", {}).get("baseline")
    best = others.get(rival)
    lines = {title: row["bins"] for title, row in others.items()}
    diagram = scored["calibration"]["bins"]
    return Search(
        name=name,
        scored=scored,
        rows=_strength_rows(scored, best),
        rival=rival,
        recall=recall_plot(scored["bins"], rate=scored["rate"], rivals=lines, unit=unit)
        if any(map(_drawn, scored["bins"]))
        else None,
        reliability=reliability_plot(diagram) if diagram and result["mode"] == "multilabel" else None,
    )


def _strength_rows(scored: Scored, best: Scored | None) -> list[StrengthRow]:
    whole = scored["positives"], scored["recall"], None, scored["roc_auc"], best and best["recall"]
    rows = [StrengthRow("all", *whole)]
    for k, row in enumerate(scored["bins"]):
        rival = best["bins"][k]["recall"] if best and k < len(best["bins"]) else None
        rows.append(StrengthRow(_title(row), row["n"], row["recall"], row["recall_from"], row["roc_auc"], rival))
    return rows


def _title(row: Scored) -> str:
    low, high = row["low"], row["high"]
    if low is None:
        return f"below {high:g}"
    return f"{low:g} and more" if high is None else f"{low:g} to {high:g}"
