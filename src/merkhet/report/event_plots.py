"""Figures of the scores of reconstructed events against true energy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from merkhet.report.style import line, plain, saved, styled

FEWEST = 10
"""Gammas that a bin must hold to be drawn."""
_PANELS = {
    "angular_resolution_deg": "angular resolution (68 %), deg",
    "energy_resolution": "energy resolution (68 %)",
    "energy_bias": "energy bias",
}


@styled
def resolution_plot(methods: Mapping[str, Sequence[Mapping[str, Any]]], *, save_path: Path | None = None) -> Figure:
    """Draw angular resolution, energy resolution and energy bias against true energy, a line for each method.

    Parameters
    ----------
    methods
        For each name the ``by_energy`` of :func:`merkhet.evaluate.cherenkov.scores.evaluate_events`. Bins of fewer
        than ten gammas are left out.
    save_path
        File to write, in the format of its suffix.
    """
    figure = Figure(figsize=(10.2, 3.4), layout="constrained")
    for place, (score, label) in enumerate(_PANELS.items()):
        axes = figure.add_subplot(1, 3, place + 1)
        for k, (name, rows) in enumerate(methods.items()):
            bins = [row for row in rows if row["gammas"] >= FEWEST and row[score]["value"] is not None]
            _curve(axes, bins, [row[score] for row in bins], name=name, k=k)
        axes.set(xscale="log", xlabel="true energy, TeV", ylabel=label)
        plain_decades(axes.xaxis)
        if score == "energy_bias":
            axes.axhline(0, color="#9aa5b1", linewidth=1, linestyle=":")
        else:
            axes.set_ylim(bottom=0)
    if figure.axes[0].get_legend_handles_labels()[0]:
        figure.axes[0].legend()
    return saved(figure, save_path)


@styled
def effective_area_plot(
    selections: Mapping[str, Sequence[Mapping[str, Any]]], *, save_path: Path | None = None
) -> Figure:
    """Draw the effective area against true energy, a line for each selection.

    Parameters
    ----------
    selections
        For each name what :func:`merkhet.evaluate.cherenkov.effective_area.effective_area` returns.
    save_path
        File to write, in the format of its suffix.
    """
    figure = Figure(figsize=(4.6, 3.8), layout="constrained")
    axes = figure.add_subplot()
    for k, (name, rows) in enumerate(selections.items()):
        bins = [row for row in rows if row["selected"]]
        _curve(axes, bins, [row["area_m2"] for row in bins], name=name, k=k)
    axes.set(xscale="log", yscale="log", xlabel="true energy, TeV", ylabel="effective area, m$^2$")
    plain_decades(axes.xaxis)
    axes.legend()
    return saved(figure, save_path)


def plain_decades(axis: Axis) -> None:
    """Write a logarithmic axis as 0.1, 1, 10; between decades, 2 and 5 are named where the axis is short."""
    axis.set_major_formatter("{x:g}")
    low, high = axis.get_view_interval()
    short = high < 30 * low
    axis.set_minor_locator(LogLocator(subs=(2, 5) if short else "all"))
    axis.set_minor_formatter(StrMethodFormatter("{x:g}") if short else NullFormatter())


def _curve(
    axes: Axes, bins: Sequence[Mapping[str, Any]], scores: Sequence[Mapping[str, Any]], *, name: str, k: int
) -> None:
    """Draw values at the middle of their bins with their intervals."""
    if not bins:
        return
    low, high = (np.array([row[key] for row in bins]) for key in ("low_tev", "high_tev"))
    value = np.array([row["value"] for row in scores], dtype=float)
    ends = [np.array([row[key] for row in scores], dtype=float) for key in ("low", "high")]
    spread = [np.nan_to_num(np.maximum(value - ends[0], 0)), np.nan_to_num(np.maximum(ends[1] - value, 0))]
    middle = np.sqrt(low * high) * (1 + 0.02 * k)  # methods side by side, so that their bars do not hide each other
    axes.errorbar(middle, value, yerr=spread, label=plain(name), marker="o", markersize=3.5, capsize=2, **line(k))
