"""The figure of what a network said of single images while it learned: by class, by certainty, by time."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from merkhet.report.style import line, plain, saved, styled

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@styled
def statistics_plot(stats: Table, *, save_path: Path | None = None) -> Figure:
    """Draw statistics of images against the epoch, from the validation rows (training rows where there are none).

    Accuracy and loss of each true class, the certainty of right and of wrong answers, and the seconds that an image
    takes: of the answer, and of the training step. Members of an ensemble are averaged.

    Parameters
    ----------
    stats
        Table of :func:`merkhet.tasks.statistics.image_statistics`.
    save_path
        File to write, in the format of its suffix.
    """
    split = "val" if (np.asarray(stats["split"]) == "val").any() else "train"
    judged = stats[(np.asarray(stats["split"]) == split) & (np.asarray(stats["true"]).astype(str) != "")]
    true, predicted = (np.asarray(judged[name]).astype(str) for name in ("true", "predicted"))
    right, classes = true == predicted, sorted(set(true))
    of_class = {name: true == name for name in classes}
    figure = Figure(figsize=(6.6, 5.4), layout="constrained")
    panels = figure.subplots(2, 2)
    _curves(panels[0, 0], "Accuracy by class", judged, right.astype(float), of_class)
    _curves(panels[0, 1], "Loss by class", judged, np.asarray(judged["loss"], dtype=float), of_class)
    certainty = np.asarray(judged["certainty"], dtype=float)
    _curves(panels[1, 0], "Certainty", judged, certainty, {"right answers": right, "wrong answers": ~right})
    for number, name in enumerate(("seconds_prediction", "seconds_training")):
        seconds = np.asarray(stats[name], dtype=float)
        word = name.removeprefix("seconds_")
        _curves(panels[1, 1], "Seconds per image", stats, seconds, {word: np.isfinite(seconds)}, first=number)
    return saved(figure, save_path)


def _curves(
    axes: Axes, title: str, stats: Table, values: FloatArray, groups: dict[str, BoolArray], *, first: int = 0
) -> None:
    """Draw the mean of the values of each group against the epoch."""
    for number, (name, members) in enumerate(groups.items(), start=first):
        epochs, place = np.unique(np.asarray(stats["epoch"], dtype=int)[members], return_inverse=True)
        means = np.bincount(place, weights=values[members]) / np.bincount(place)
        axes.plot(epochs, means, label=plain(name), marker="o", markersize=2.5, **line(number))
    axes.set(title=plain(title), xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend()
