"""Figures of a run. Each function returns a matplotlib Figure, drawn without pyplot, and saves it on request."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from merkhet.errors import OutputError
from merkhet.io.atomic import atomic_path

P = ParamSpec("P")
FloatArray = npt.NDArray[np.floating[Any]]

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe & Ito's palette for every kind of color vision, without its yellow, which fades on white."""
DASHES = ("-", "--", "-.", ":")

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#5b6470",
    "axes.labelcolor": "#1f2933",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.7,
    "xtick.color": "#5b6470",
    "ytick.color": "#5b6470",
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "savefig.dpi": 160,
    "svg.fonttype": "path",
    "svg.hashsalt": "merkhet",  # the same figure gives the same file
}

MAX_ANNOTATED_CLASSES = 12
MAX_LEGEND_CLASSES = 12
MAX_NAME_LENGTH = 24
ROUND_ANGLES = (
    *((m * 10.0**k, f"{m * 10.0**k:g} arcsec") for k in range(-4, 2) for m in (1, 2, 5)),
    *((60.0 * n, f"{n} arcmin") for n in (1, 2, 5, 10, 20, 30)),
    *((3600.0 * n, f"{n} deg") for n in (1, 2, 5, 10, 20, 50)),
)
"""Lengths of scale bars in arcseconds, and how they are written."""


def _styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


@_styled
def history_plot(
    history: Mapping[str, npt.ArrayLike], *, kept_epoch: int | None = None, save_path: Path | None = None
) -> Figure:
    """Draw a training history against ``epoch``: losses, scores, learning rate, and a panel for any other column.

    Parameters
    ----------
    history
        ``{column: (epochs,) numbers}`` with a column ``epoch``; NaN leaves a gap. ``seconds`` is not drawn.
    kept_epoch
        Epoch whose weights were kept, marked by a vertical line.
    save_path
        File to write, in the format of its suffix.
    """
    epoch = np.asarray(history["epoch"], dtype=float)
    panels = _history_panels([name for name in history if name not in ("epoch", "seconds")])
    columns = min(len(panels), 3)
    rows = -(-len(panels) // 3)
    figure = Figure(figsize=(3.3 * max(columns, 1), 2.7 * max(rows, 1)), layout="constrained")
    for n, (title, label, names) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, n + 1)
        first_color = 1 if names[0].startswith("val_") else 0  # validation alone keeps its color
        for k, name in enumerate(names, start=first_color):
            values = np.asarray(history[name], dtype=float)
            axes.plot(epoch, values, label=_plain(readable(name)), marker="o", markersize=2.5, **_line(k))
        if kept_epoch is not None:
            label_once = f"kept: epoch {kept_epoch}" if n == 0 else None
            axes.axvline(kept_epoch, color="#5b6470", linewidth=1, linestyle=":", label=label_once)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set(title=_plain(title), xlabel="epoch", ylabel=_plain(label))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if len(names) > 1 or (kept_epoch is not None and n == 0):
            axes.legend()
    return _saved(figure, save_path)


@_styled
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
        return _saved(figure, save_path)
    columns = min(len(matrices), 3)
    rows = -(-len(matrices) // columns)
    figure = Figure(figsize=(2.9 * columns + 0.4, 2.8 * rows), layout="constrained")
    for n, (matrix, name) in enumerate(zip(matrices, classes, strict=True)):
        axes = figure.add_subplot(rows, columns, n + 1)
        _draw_confusion(axes, matrix, names=("no", "yes"))
        axes.set_title(_plain(name))
    return _saved(figure, save_path)


@_styled
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
        label = f"{_plain(name)}  {(areas or {}).get(name, '')}".rstrip()
        axes.plot(np.asarray(curve["fpr"]), np.asarray(curve["tpr"]), label=label, **_line(k))
    axes.set(xlabel="false positive rate", ylabel="true positive rate (completeness)", aspect="equal")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    if len(roc) <= MAX_LEGEND_CLASSES:
        axes.legend(loc="lower right")
    return _saved(figure, save_path)


@_styled
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
    axes.errorbar(confidence, accuracy, yerr=spread, label="answers", marker="o", markersize=4, capsize=2, **_line(0))
    axes.set(xlabel="probability of the answer", ylabel="share of right answers", aspect="equal")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(loc="upper left")
    return _saved(figure, save_path)


@_styled
def gallery_plot(
    pixels: FloatArray, *, pixel_scale_arcsec: float | None = None, save_path: Path | None = None
) -> Figure:
    """Draw one image in an asinh stretch, first pixel at the lower left, with a bar that gives its size.

    Parameters
    ----------
    pixels
        ``(y, x)``; NaN is drawn grey.
    pixel_scale_arcsec
        Size of a pixel; the bar counts pixels where absent.
    save_path
        File to write, in the format of its suffix.
    """
    height, width = pixels.shape
    figure = Figure(figsize=(2.0, 2.0 * min(max(height / width, 0.4), 2.5)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    colors = mpl.colormaps["inferno"].with_extremes(bad="#8a929c")
    axes.imshow(asinh_stretch(pixels), origin="lower", cmap=colors, vmin=0, vmax=1, interpolation="nearest")
    length, text = scale_bar(width, pixel_scale_arcsec=pixel_scale_arcsec)
    outline = [withStroke(linewidth=3.5, foreground="black", alpha=0.7)]
    place: dict[str, Any] = {"transform": axes.transAxes, "color": "white", "path_effects": outline}
    axes.plot([0.06, 0.06 + length / width], [0.06, 0.06], linewidth=2, solid_capstyle="butt", **place)
    axes.text(0.06, 0.09, text, fontsize=9, **place)
    return _saved(figure, save_path)


def asinh_stretch(pixels: FloatArray) -> FloatArray:
    """Scale an image to 0..1 by ``asinh(signal / 3 sigma)``, NaN kept (Lupton et al. 1999, AJ 118, 1406).

    Zero lies at 2 sigma below the median, one at the 99.8th percentile or 6 sigma, whichever is higher; sigma is
    1.4826 times the median absolute deviation, or the standard deviation where most pixels are equal.
    """
    finite = pixels[np.isfinite(pixels)].astype(np.float64)
    if not finite.size:
        return np.full(pixels.shape, np.nan)
    median = np.median(finite)
    sigma = 1.4826 * np.median(np.abs(finite - median)) or finite.std() or 1.0
    low, high = np.arcsinh(np.array([-2, max(6.0, (np.percentile(finite, 99.8) - median) / sigma)]) / 3)
    stretched = np.arcsinh((np.where(np.isfinite(pixels), pixels, np.nan) - median) / (3 * sigma))
    return np.asarray(np.clip((stretched - low) / (high - low), 0, 1))


def scale_bar(width: int, *, pixel_scale_arcsec: float | None) -> tuple[float, str]:
    """Return the length in pixels, and the text, of a round bar that covers at most a third of ``width`` pixels."""
    if pixel_scale_arcsec is None:
        bars = [(float(n), f"{n} px") for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)]
    else:
        bars = [(arcsec / pixel_scale_arcsec, text) for arcsec, text in ROUND_ANGLES]
    return max((bar for bar in bars if bar[0] <= width / 3), default=bars[0])


def _history_panels(names: Sequence[str]) -> list[tuple[str, str, list[str]]]:
    """Sort columns into panels of (title, y label, columns)."""
    names = sorted(names, key=lambda name: not name.startswith("train_"))
    losses = [name for name in names if name.endswith("loss")]
    scores = [name for name in names if name.startswith(("train_", "val_")) and name not in losses]
    panels = [("Loss", "loss", losses), ("Scores", "score", scores)]
    known = {*losses, *scores}
    for name in [name for name in names if name not in known]:
        title = "learning rate" if name == "lr" else readable(name)
        panels.append((title.capitalize(), title, [name]))
    return [panel for panel in panels if panel[2]]


def _line(k: int) -> dict[str, Any]:
    """Return what tells the ``k``-th line of a panel from the others: colors first, then dashes."""
    return {"color": COLORS[k % len(COLORS)], "linestyle": DASHES[k // len(COLORS) % len(DASHES)]}


def readable(column: str) -> str:
    """Return the name of a history column in words: ``val_loss`` is the validation loss."""
    first, *rest = column.split("_")
    return " ".join([{"train": "training", "val": "validation"}.get(first, first), *rest])


def _draw_confusion(axes: Axes, matrix: npt.NDArray[Any], *, names: Sequence[str]) -> None:
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    ticks, labels = range(len(names)), [_plain(name) for name in names]
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


def _plain(text: str) -> str:
    """Shorten a user's text, and keep matplotlib from reading it as mathematics."""
    if len(text) > MAX_NAME_LENGTH:
        text = text[: MAX_NAME_LENGTH - 1] + "…"
    return text.replace("$", r"\$")


def _saved(figure: Figure, save_path: Path | None) -> Figure:
    if save_path is not None:
        kind = save_path.suffix.removeprefix(".").lower()
        known = sorted(figure.canvas.get_supported_filetypes())
        if kind not in known:
            raise OutputError(save_path, f"format {kind!r}", expected=f"a suffix among {', '.join(known)}")
        with atomic_path(save_path) as temporary:
            save(figure, temporary, kind=kind)
    return figure


def save(figure: Figure, target: Path | BinaryIO, *, kind: str) -> None:
    """Write a figure in the format ``kind``, without the date, so that equal figures give equal files."""
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # A class name in a script that the font lacks is drawn as boxes; the tables have it in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(target, format=kind, metadata=undated.get(kind))
