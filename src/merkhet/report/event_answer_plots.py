"""Figures of the answers for events themselves: gammaness, energies, directions, coverage."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from merkhet.evaluate.cherenkov.coverage import CONTAINMENT
from merkhet.report.event_plots import plain_decades
from merkhet.report.style import line, plain, saved, styled

_BINS = np.linspace(0, 1, 41).tolist()


@styled
def gammaness_plot(gammaness: Mapping[str, npt.ArrayLike], *, save_path: Path | None = None) -> Figure:
    """Draw how gammaness is spread over the events of each true class, on a logarithmic scale.

    Parameters
    ----------
    gammaness
        ``{class: (n,)}``; what is not finite is left out.
    save_path
        File to write, in the format of its suffix.
    """
    figure = Figure(figsize=(4.5, 3.6), layout="constrained")
    axes = figure.add_subplot()
    most = 1.0
    for k, (name, values) in enumerate(gammaness.items()):
        known = np.asarray(values, dtype=float)
        known = known[np.isfinite(known)]
        most = max(most, float(np.histogram(known, bins=_BINS)[0].max()))
        axes.hist(known, bins=_BINS, histtype="step", linewidth=1.6, label=f"{plain(name)} ({len(known):,})", **line(k))
    axes.set(xlabel="gammaness", ylabel="events", xlim=(0, 1), ylim=(0.7, 2 * most))
    axes.set_yscale("log")
    axes.legend()
    return saved(figure, save_path)


@styled
def coverage_plot(levels: Mapping[str, npt.ArrayLike], *, save_path: Path | None = None) -> Figure:
    """Draw which share of the truth lies within regions of each confidence; on the diagonal, uncertainties are right.

    Parameters
    ----------
    levels
        What :func:`merkhet.evaluate.cherenkov.coverage.levels_of_truth` gives.
    save_path
        File to write, in the format of its suffix.
    """
    figure = Figure(figsize=(4.5, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#9aa5b1", linewidth=1, linestyle=":", label="right uncertainties")
    axes.axvline(CONTAINMENT, color="#9aa5b1", linewidth=1)
    for k, (name, values) in enumerate(levels.items()):
        level = np.sort(np.asarray(values, dtype=float))
        if len(level):
            within = float((level <= CONTAINMENT).mean())
            share = np.arange(1, len(level) + 1) / len(level)
            axes.plot(level, share, label=f"{plain(name)}: {within:.1%} within 68.3 %", **line(k))
    axes.set(xlabel="confidence of the region", ylabel="share of the truth within", aspect="equal")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left")
    return saved(figure, save_path)


@styled
def migration_plot(true_energy: npt.ArrayLike, energy: npt.ArrayLike, *, save_path: Path | None = None) -> Figure:
    """Draw reconstructed against true energy, both ``(n,)`` in TeV, as counts in cells of a tenth of a decade."""
    true, found = np.asarray(true_energy, dtype=float), np.asarray(energy, dtype=float)
    known = (true > 0) & (found > 0) & np.isfinite(true) & np.isfinite(found)
    logs = np.log10(np.stack([true[known], found[known]]))
    low, high = (np.floor(logs.min() * 10) / 10, np.ceil(logs.max() * 10) / 10 + 0.1) if logs.size else (-1, 1)
    edges = 10 ** np.arange(low, high + 0.05, 0.1)
    figure = Figure(figsize=(4.9, 4.0), layout="constrained")
    axes = figure.add_subplot()
    counts = np.histogram2d(true[known], found[known], bins=edges)[0].T
    image = axes.pcolormesh(
        edges, edges, np.where(counts > 0, counts, np.nan), cmap="Blues", norm=LogNorm(0.5, max(counts.max(), 1))
    )
    axes.plot(edges[[0, -1]], edges[[0, -1]], color="#9aa5b1", linewidth=1, linestyle=":")
    axes.set(xscale="log", yscale="log", xlabel="true energy, TeV", ylabel="reconstructed energy, TeV", aspect="equal")
    plain_decades(axes.xaxis)
    plain_decades(axes.yaxis)
    plain_decades(figure.colorbar(image, ax=axes, label="gammas", shrink=0.8).ax.yaxis)
    return saved(figure, save_path)


@styled
def separation_plot(separations: Mapping[str, npt.ArrayLike], *, save_path: Path | None = None) -> Figure:
    """Draw which share of the directions lies within an angle of the true one, a line for each method.

    Parameters
    ----------
    separations
        ``{method: (n,)}`` in deg; what is not finite is left out.
    save_path
        File to write, in the format of its suffix.
    """
    figure = Figure(figsize=(4.9, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(CONTAINMENT, color="#9aa5b1", linewidth=1)
    widest = 0.0
    for k, (name, values) in enumerate(separations.items()):
        angle = np.asarray(values, dtype=float)
        angle = np.sort(angle[np.isfinite(angle)])
        if len(angle):
            share = np.arange(1, len(angle) + 1) / len(angle)
            radius, widest = np.quantile(angle, CONTAINMENT), max(widest, float(np.quantile(angle, 0.95)))
            axes.plot(angle, share, label=f"{plain(name)}: 68.3 % within {radius:.3f}°", **line(k))
    axes.set(xlabel="angle from the true direction, deg", ylabel="share of the gammas within", ylim=(0, 1))
    axes.set_xlim(0, widest or 1.0)
    axes.legend(loc="lower right")
    return saved(figure, save_path)
