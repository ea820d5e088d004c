"""Figures of scores. Each function returns a matplotlib Figure and saves it on request."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from merkhet.report.style import line, plain, saved, styled

MAX_ANNOTATED_CLASSES = 12
MAX_LEGEND_CLASSES = 12


@styled
def confusion_plot(confusion: npt.ArrayLike, *, classes: Sequence[str], save_path: Path | None = None) -> Figure:
    """Draw counts and shares of each true class by prediction.

    Parameters
    ----------
    confusion
        Rows by truth, then by prediction: ``(classes, classes)``, or ``(labels, 2, 2)`` for several labels per row,
        which gives one panel per label.
    classes
        Names of the classes or labels.
    save_path
        File to write, in the format of its suffix.
    """
    matrices = np.asarray(confusion)
    if matrices.ndim == 2:
        side = 3.6 + 0.3 * min(len(classes), 2 * MAX_ANNOTATED_CLASSES)
        figure = Figure(figsize=(side + 0.3, side), layout="constrained")
        _draw_confusion(figure.add_subplot(), matrices, names=classes)
        return saved(figure, save_path)
    columns = min(len(matrices), 2 if len(matrices) < 5 else 3)
    rows = -(-len(matrices) // columns)
    figure = Figure(figsize=(2.9 * columns + 0.4, 2.8 * rows), layout="constrained")
    for n, (matrix, name) in enumerate(zip(matrices, classes, strict=True)):
        axes = figure.add_subplot(rows, columns, n + 1)
        _draw_confusion(axes, matrix, names=("no", "yes"))
        axes.set_title(plain(name))
    return saved(figure, save_path)


@styled
def roc_plot(
    roc: Mapping[str, Mapping[str, npt.ArrayLike]],
    *,
    areas: Mapping[str, str] | None = None,
    save_path: Path | None = None,
) -> Figure:
    """Draw a receiver operating characteristic for each class against all others.

    Parameters
    ----------
    roc
        ``{class: {"fpr": (points,), "tpr": (points,)}}``.
    areas
        Text that follows a class in the legend, such as its area with the interval.
    save_path
        File to write, in the format of its suffix.
    """
    figure = Figure(figsize=(4.5, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#9aa5b1", linewidth=1, linestyle=":", label="chance")
    for k, (name, curve) in enumerate(roc.items()):
        label = f"{plain(name)}  {(areas or {}).get(name, '')}".rstrip()
        axes.plot(np.asarray(curve["fpr"]), np.asarray(curve["tpr"]), label=label, **line(k))
    axes.set(xlabel="false positive rate", ylabel="true positive rate (completeness)", aspect="equal")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    if len(roc) <= MAX_LEGEND_CLASSES:
        axes.legend(loc="lower right")
    return saved(figure, save_path)


@styled
def precision_recall_plot(
    curves: Mapping[str, Mapping[str, npt.ArrayLike]],
    *,
    prevalence: Mapping[str, float],
    areas: Mapping[str, str] | None = None,
    save_path: Path | None = None,
) -> Figure:
    """Draw precision against recall for each class against all others, as steps.

    Parameters
    ----------
    curves
        ``{class: {"recall": (points,), "precision": (points,)}}`` by rising recall.
    prevalence
        Share of each class among the rows, a dashed line: the precision of answers that know nothing.
    areas
        Text that follows a class in the legend, such as its average precision with the interval.
    save_path
        File to write, in the format of its suffix.
    """
    lines = len(curves) + 1 if len(curves) <= MAX_LEGEND_CLASSES else 0
    figure = Figure(figsize=(4.5, 4.2 + 0.18 * lines), layout="constrained")
    axes = figure.add_subplot()
    for k, (name, curve) in enumerate(curves.items()):
        style, label = line(k), f"{plain(name)}  {(areas or {}).get(name, '')}".rstrip()
        recall, precision = np.asarray(curve["recall"]), np.asarray(curve["precision"])
        whole = np.append(0, recall), np.append(precision[:1], precision)  # the first step begins at no recall
        axes.plot(*whole, drawstyle="steps-pre", label=label, **style)
        axes.axhline(prevalence[name], color=style["color"], linewidth=1, linestyle="--")
    axes.plot([], [], color="#9aa5b1", linewidth=1, linestyle="--", label="prevalence")
    axes.set(xlabel="recall (completeness)", ylabel="precision (purity)", aspect="equal")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    if lines:
        figure.legend(loc="outside lower center")  # inside, it would hide the prevalence of a rare class
    return saved(figure, save_path)


@styled
def reliability_plot(bins: Sequence[Mapping[str, float]], *, save_path: Path | None = None) -> Figure:
    """Draw how often answers are right against how sure they are; on the diagonal, probabilities can be believed.

    Parameters
    ----------
    bins
        ``{confidence, accuracy, low, high, count}`` of each bin; see :func:`merkhet.evaluate.calibration.reliability`.
    save_path
        File to write, in the format of its suffix.
    """
    confidence, accuracy, low, high = (
        np.array([row[name] for row in bins], dtype=float) for name in ("confidence", "accuracy", "low", "high")
    )
    figure = Figure(figsize=(4.5, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#9aa5b1", linewidth=1, linestyle=":", label="calibrated")
    spread = [np.maximum(accuracy - low, 0), np.maximum(high - accuracy, 0)]
    axes.errorbar(confidence, accuracy, yerr=spread, label="answers", marker="o", markersize=4, capsize=2, **line(0))
    axes.set(xlabel="probability of the answer", ylabel="share of right answers", aspect="equal")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(loc="upper left")
    return saved(figure, save_path)


def _draw_confusion(axes: Axes, matrix: npt.NDArray[Any], *, names: Sequence[str]) -> None:
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    ticks, labels = range(len(names)), [plain(name) for name in names]
    long = max(len(label) for label in labels) * len(names) > 45
    axes.set_xticks(ticks, labels, rotation=45 if long else 0, ha="right" if long else "center")
    axes.set_yticks(ticks, labels)
    axes.set(xlabel="predicted", ylabel="true")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    if len(names) > MAX_ANNOTATED_CLASSES:  # no room for numbers: the shades must speak
        axes.figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
        return
    for (row, column), count in np.ndenumerate(matrix):
        color = "white" if share[row, column] > 0.55 else "#1f2933"
        text = f"{count:,}\n{share[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=9 if len(names) < 7 else 7)
