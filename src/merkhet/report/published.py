"""The plots of the published halo detector by their names: from a run, a catalog of detections, or its own JSON."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from merkhet.config.tasks import need_classifier
from merkhet.errors import InputError
from merkhet.evaluate.answers import read_answers
from merkhet.io.tables import read_table, require_columns
from merkhet.report.found import Source, cut_out, detections_on, read_detections
from merkhet.report.gallery import read_gallery
from merkhet.report.history import history_plot, numeric
from merkhet.report.images import asinh_stretch
from merkhet.report.plots import confusion_plot
from merkhet.report.run import RunTables, read_run
from merkhet.report.sky_plots import NOT_OBSERVED, Picture, category_colors, survey_map
from merkhet.report.style import COLORS, FloatArray, plain, saved, styled
from merkhet.scan.images import SkyTile, list_tiles, read_tile
from merkhet.train.run import Run

HISTOGRAM_BINS = 20
COLUMNS = 4


@dataclass(frozen=True, eq=False)
class Panel:
    """One image of several: pixels ``(y, x)``, what stands above, and ``(x, y, radius)`` of a circle."""

    pixels: FloatArray
    title: str
    circle: tuple[float, float, float] | None = None


def plot_training_history(history: str | Path, *, save_path: str | Path | None = None) -> Figure:
    """Draw losses, scores and learning rate by epoch.

    Parameters
    ----------
    history
        A run folder, or its ``history.csv``.
    save_path
        File to write, in the format of its suffix.

    Raises
    ------
    InputError
        There is no history, or it cannot be read.
    OutputError
        The figure cannot be written.
    """
    path = Path(history)
    path = Run(path).history if path.is_dir() else path
    table = read_table(path)
    require_columns(table, ["epoch"], source=path)
    return history_plot(numeric(table), save_path=_path(save_path))


def plot_confusion(run: str | Path, *, split: str | None = None, save_path: str | Path | None = None) -> Figure:
    """Draw the confusion matrix of a run.

    Parameters
    ----------
    run
        A run folder.
    split
        ``test`` or ``val``; test where absent, val if there is no test.
    save_path
        File to write, in the format of its suffix.

    Raises
    ------
    InputError
        This is no run, or that split was not scored.
    OutputError
        The figure cannot be written.
    """
    tables = read_run(Path(run))
    result = tables.metrics[_scored(tables, split)]
    return confusion_plot(result["confusion"], classes=result["classes"], save_path=_path(save_path))


def plot_survey_map(image: str | Path | SkyTile, detections: Source, *, save_path: str | Path | None = None) -> Figure:
    """Draw an image of a survey, y upwards, with a circle around each of its detections.

    Parameters
    ----------
    image
        File of the counts, or the tile itself.
    detections
        Those on this image are drawn.
    save_path
        File to write, in the format of its suffix.

    Raises
    ------
    InputError
        The image or the detections cannot be read.
    OutputError
        The figure cannot be written.
    """
    tile = image if isinstance(image, SkyTile) else read_tile(list_tiles([image])[0])
    known = np.isfinite(tile.pixel_arcsec)
    return survey_map(
        Picture.of(tile.counts, valid=tile.valid),
        detections=detections_on(tile, read_detections(detections)),
        wcs=tile.wcs,
        pixel_arcsec=tile.pixel_arcsec if known else None,
        save_path=_path(save_path),
    )


@styled
def plot_confidence_histogram(source: Source, *, save_path: str | Path | None = None) -> Figure:
    """Draw how many answers were given with which probability.

    Parameters
    ----------
    source
        Detections, stacked by category; or a run folder, whose answers are stacked by right and wrong.
    save_path
        File to write, in the format of its suffix.

    Raises
    ------
    InputError
        It cannot be read, or holds no scored answers.
    OutputError
        The figure cannot be written.
    """
    if isinstance(source, str | Path) and Path(source).is_dir():
        groups, colors = _answers_of_run(Path(source))
        what = "images"
    else:
        table = read_detections(source)
        palette = category_colors(list(dict.fromkeys(np.asarray(table["category"]).tolist())))
        groups = {name: np.asarray(table["probability"])[table["category"] == name] for name in palette}
        colors, what = list(palette.values()), "detections"
    figure = Figure(figsize=(5.4, 3.4), layout="constrained")
    axes = figure.add_subplot()
    if groups:
        names = [plain(f"{name} ({len(values):,})") for name, values in groups.items()]
        edges = np.linspace(0, 1, HISTOGRAM_BINS + 1).tolist()
        axes.hist(list(groups.values()), edges, stacked=True, color=colors, label=names, edgecolor="white")
        axes.legend(loc="best")
    axes.set(xlabel="probability", ylabel=f"number of {what}", xlim=(0, 1))
    return saved(figure, _path(save_path))


@styled
def plot_sample_predictions(
    source: str | Path | SkyTile,
    *,
    detections: Source | None = None,
    n: int = 12,
    save_path: str | Path | None = None,
) -> Figure:
    """Draw images with what was said of them.

    Parameters
    ----------
    source
        A run folder: its surest right and wrong answers, and the least certain. Or an image of a survey, whose most
        probable detections are cut out.
    detections
        Those of the image; not used with a run.
    n
        How many at most.
    save_path
        File to write, in the format of its suffix.

    Raises
    ------
    InputError
        A file cannot be read, the run holds no images, or an image comes without detections.
    OutputError
        The figure cannot be written.
    """
    if isinstance(source, str | Path) and Path(source).is_dir():
        panels = _panels_of_run(Path(source), n)
    elif detections is None:
        raise InputError(str(source), "is no run folder", action="Give the detections on this image as well")
    else:
        tile = source if isinstance(source, SkyTile) else read_tile(list_tiles([source])[0])
        panels = _panels_of_tile(tile, detections_on(tile, read_detections(detections))[:n])
    rows, columns = max(-(-len(panels) // COLUMNS), 1), min(max(len(panels), 1), COLUMNS)
    figure = Figure(figsize=(2.3 * columns, 2.7 * rows), layout="constrained")
    for number, panel in enumerate(panels):
        _draw_panel(figure.add_subplot(rows, columns, number + 1), panel)
    return saved(figure, _path(save_path))


def _scored(tables: RunTables, split: str | None) -> str:
    chosen = split or tables.split
    if chosen is None or chosen not in tables.metrics:
        known = ", ".join(tables.metrics) or "nothing"
        raise InputError(
            tables.folder, f"has no scores of {chosen or 'any split'}; {known} was scored", action="Evaluate the run"
        )
    return chosen


def _answers_of_run(folder: Path) -> tuple[dict[str, FloatArray], list[str]]:
    """Return the probabilities of the right and of the wrong answers, and their colors."""
    tables = read_run(folder)
    split = _scored(tables, None)
    task = need_classifier(tables.experiment.task, to="draw its answers")
    answers = read_answers(tables.predictions[split], mode=task.mode, classes=task.classes, threshold=task.threshold)
    probability = np.where(answers.predicted, answers.probability, 0).max(axis=1)
    groups = {"right": probability[answers.right], "wrong": probability[~answers.right]}
    return groups, [COLORS[0], COLORS[1]]


def _panels_of_run(folder: Path, n: int) -> list[Panel]:
    tables = read_run(folder)
    split = _scored(tables, None)
    if split not in tables.galleries:
        raise InputError(folder, "holds no images", action="Train or evaluate it again")
    task = need_classifier(tables.experiment.task, to="draw its answers")
    source = Run(folder).gallery(split)
    chapters = read_gallery(tables.galleries[split], predictions=tables.predictions[split], task=task, source=source)
    each = -(-n // len(chapters))
    cutouts = [cutout for chapter in chapters for cutout in chapter.cutouts[:each]][:n]
    return [
        Panel(cutout.pixels.astype(np.float64), f"{said.predicted} {said.probability}\ntrue: {said.true}")
        for cutout in cutouts
        for said in (cutout.caption,)
    ]


def _panels_of_tile(tile: SkyTile, detections: Table) -> list[Panel]:
    surroundings = [cut_out(tile, float(row["x"]), float(row["y"]), radius_px=row["radius_px"]) for row in detections]
    return [
        Panel(cutout.picture.pixels, f"{row['category']}\n{row['probability']:.3f}", cutout.circle)
        for cutout, row in zip(surroundings, detections, strict=True)
    ]


def _draw_panel(axes: Axes, panel: Panel) -> None:
    colors = mpl.colormaps["gray_r"].with_extremes(bad=NOT_OBSERVED)
    axes.imshow(asinh_stretch(panel.pixels), origin="lower", cmap=colors, vmin=0, vmax=1, interpolation="nearest")
    if panel.circle is not None:
        x, y, radius = panel.circle
        axes.add_patch(Circle((x, y), radius, fill=False, edgecolor=COLORS[0], linewidth=1.4))
    axes.set_axis_off()
    axes.set_title("\n".join(plain(text) for text in panel.title.split("\n")), fontsize=8, weight="normal")


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)
