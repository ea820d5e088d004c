"""The figure of a training history: one training, or several in the same colors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from merkhet.report.style import line, plain, saved, styled

TRAININGS = ("fold", "member")
"""Columns of a history that say which of several trainings an epoch belongs to."""


@styled
def history_plot(
    history: Mapping[str, npt.ArrayLike], *, kept_epoch: int | None = None, save_path: Path | None = None
) -> Figure:
    """Draw a training history against ``epoch``: losses, scores, learning rate, and a panel for any other column.

    Parameters
    ----------
    history
        ``{column: (epochs,) numbers}`` with a column ``epoch``; NaN leaves a gap. Columns ``fold`` and ``member`` say
        which training an epoch belongs to: each is a thin line, in the one color of its column. ``seconds`` is not
        drawn.
    kept_epoch
        Epoch whose weights were kept, marked by a vertical line.
    save_path
        File to write, in the format of its suffix.
    """
    epoch, trainings = np.asarray(history["epoch"], dtype=float), rows_of_trainings(history)
    panels = _history_panels([name for name in history if name not in ("epoch", "seconds", *TRAININGS)])
    columns = min(len(panels), 3)
    rows = -(-len(panels) // 3)
    figure = Figure(figsize=(3.3 * max(columns, 1), 2.7 * max(rows, 1)), layout="constrained")
    shape: dict[str, Any] = {"marker": "o", "markersize": 2.5} if len(trainings) == 1 else {"linewidth": 0.8}
    for n, (title, label, names) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, n + 1)
        first_color = 1 if names[0].startswith("val_") else 0  # validation alone keeps its color
        for k, name in enumerate(names, start=first_color):
            values = np.asarray(history[name], dtype=float)
            for number, some in enumerate(trainings):
                label_once = plain(readable(name)) if number == 0 else None
                axes.plot(epoch[some], values[some], label=label_once, **line(k), **shape)
        if kept_epoch is not None:
            label_once = f"kept: epoch {kept_epoch}" if n == 0 else None
            axes.axvline(kept_epoch, color="#5b6470", linewidth=1, linestyle=":", label=label_once)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set(title=plain(title), xlabel="epoch", ylabel=plain(label))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if len(names) > 1 or (kept_epoch is not None and n == 0):
            axes.legend()
    return saved(figure, save_path)


def rows_of_trainings(history: Mapping[str, npt.ArrayLike]) -> list[npt.NDArray[np.intp]]:
    """Return the rows of a history that belong to each training, by its columns ``fold`` and ``member`` if any."""
    numbers = [np.asarray(history[name]) for name in TRAININGS if name in history]
    if not numbers:
        return [np.arange(len(np.asarray(history["epoch"])))]
    training = np.unique(np.stack(numbers, axis=1), axis=0, return_inverse=True)[1].ravel()
    return [np.flatnonzero(training == number) for number in range(training.max() + 1)]


def _history_panels(names: Sequence[str]) -> list[tuple[str, str, list[str]]]:
    """Sort columns into panels of (title, y label, columns)."""
    names = sorted(names, key=lambda name: not name.startswith("train_"))
    losses = [name for name in names if name.endswith("loss")]
    scores = [name for name in names if name.startswith(("train_", "val_")) and name not in losses]
    panels = [("Loss", "loss", [name for name in losses if _part(name) == "loss"]), ("Scores", "score", scores)]
    for part in dict.fromkeys(_part(name) for name in losses):
        if part != "loss":  # of a loss that is a sum
            title = readable(part)
            panels.append((title.capitalize(), title, [name for name in losses if _part(name) == part]))
    known = {*losses, *scores}
    for name in [name for name in names if name not in known]:
        title = "learning rate" if name == "lr" else readable(name)
        panels.append((title.capitalize(), title, [name]))
    return [panel for panel in panels if panel[2]]


def _part(column: str) -> str:
    """Return what a column tells, whichever rows it tells it of."""
    return column.removeprefix("whole_").removeprefix("train_").removeprefix("val_")


def readable(column: str) -> str:
    """Return the name of a history column in words: ``val_loss`` is the validation loss."""
    first, *rest = column.split("_")
    return " ".join([{"train": "training", "val": "validation"}.get(first, first), *rest])


def numeric(history: Table) -> dict[str, Any]:
    """Return the columns of numbers, NaN where there is none."""
    return {
        name: np.ma.filled(np.ma.asarray(history[name], dtype=float), np.nan)
        for name in history.colnames
        if history[name].dtype.kind in "iuf"
    }
