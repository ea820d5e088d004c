"""Pictures of counts on the sky: maps with circles around what was found, cutouts, and radial profiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from astropy.table import Table
from astropy.wcs import WCS
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke
from scipy.ndimage import gaussian_filter

from merkhet.io.reading import quiet_astropy
from merkhet.report.images import asinh_stretch, scale_bar
from merkhet.report.style import COLORS, FloatArray, plain, saved, styled
from merkhet.scan.measure import Profile
from merkhet.scan.pyramid import block_sum

PICTURE_PX = 800  # a map is no wider than this
SMOOTH_PX = 1.2  # pixels of the picture
LEAST_RADIUS_SHARE = 0.008  # smaller circles would not be seen
MAX_NUMBERED = 50
NOT_OBSERVED = "#c6d3df"


@dataclass(frozen=True, eq=False)
class Picture:
    """Counts as they are looked at: summed in blocks and smoothed.

    Attributes
    ----------
    pixels
        ``(y, x)``; NaN where nothing was observed.
    block
        Side of a block in pixels of the image.
    """

    pixels: FloatArray
    block: int

    @classmethod
    def of(cls, counts: npt.NDArray[Any], *, valid: npt.NDArray[np.bool_], side: int = PICTURE_PX) -> "Picture":
        """Make the picture of an image ``(y, x)``, at most ``side`` pixels wide and high."""
        block = max(1, -(-max(counts.shape) // side))
        observed = block_sum(valid.astype(np.float64), block)
        smooth = gaussian_filter(block_sum(np.where(valid, counts, 0).astype(np.float64), block), SMOOTH_PX)
        # What was observed counts for the mean; a gap does not darken what is beside it.
        seen = gaussian_filter(observed, SMOOTH_PX) / block**2
        return cls(np.where(observed > 0, smooth / np.maximum(seen, 1e-3), np.nan), block)

    def at(self, pixel: npt.ArrayLike) -> FloatArray:
        """Return where a coordinate of the image, 0 at the middle of its first pixel, lies in the picture."""
        return np.asarray((np.asarray(pixel, dtype=np.float64) + 0.5) / self.block - 0.5)


@styled
def survey_map(
    picture: Picture,
    *,
    detections: Table,
    wcs: WCS | None = None,
    pixel_arcsec: float | None = None,
    categories: Sequence[str] = (),
    save_path: Path | None = None,
) -> Figure:
    """Draw an image with a circle around each detection, y upwards, and its coordinates where it has any.

    Parameters
    ----------
    picture
        What to draw, in an asinh stretch.
    detections
        Columns ``x``, ``y`` (pixels of the image), ``radius_px`` (NaN where not known) and ``category``; ``number``
        is written beside the circle if there is such a column.
    wcs
        World coordinates of the image.
    pixel_arcsec
        Side of a pixel of the image, for the bar that gives the size.
    categories
        All categories in the order of their colors; those of the detections, the most probable first, where absent.
    save_path
        File to write, in the format of its suffix.
    """
    rows, columns = picture.pixels.shape
    figure = Figure(figsize=(8.0, 8.0 * min(max(rows / columns, 0.3), 1.5) + 0.4), layout="constrained")
    axes = _sky_axes(figure, wcs, block=picture.block)
    colors = mpl.colormaps["gray_r"].with_extremes(bad=NOT_OBSERVED)
    axes.imshow(asinh_stretch(picture.pixels), origin="lower", cmap=colors, vmin=0, vmax=1.1, interpolation="nearest")
    palette = category_colors(categories or list(dict.fromkeys(np.asarray(detections["category"]).tolist())))
    _draw_circles(axes, detections, picture=picture, palette=palette)
    _draw_scale(axes, columns, None if pixel_arcsec is None else pixel_arcsec * picture.block)
    shown = [name for name in palette if name in set(detections["category"])]
    if shown:
        lines = [Line2D([], [], color=palette[name], linewidth=2, label=plain(_words(name))) for name in shown]
        axes.legend(handles=lines, loc="upper right", framealpha=0.9)
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(-0.5, rows - 0.5))
    return saved(figure, save_path)


@styled
def cutout_plot(
    picture: Picture,
    *,
    circle: tuple[float, float, float] | None,
    pixel_arcsec: float | None = None,
    color: str = COLORS[0],
    save_path: Path | None = None,
) -> Figure:
    """Draw the surroundings of a detection with its circle, y upwards.

    Parameters
    ----------
    picture
        What to draw.
    circle
        ``(x, y, radius)`` in pixels of the picture.
    pixel_arcsec
        Side of a pixel of the image that the picture was made of, for the bar that gives the size.
    color
        Of the circle.
    save_path
        File to write, in the format of its suffix.
    """
    rows, columns = picture.pixels.shape
    figure = Figure(figsize=(2.6, 2.6 * min(max(rows / columns, 0.4), 2.5)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    colors = mpl.colormaps["gray_r"].with_extremes(bad=NOT_OBSERVED)
    axes.imshow(asinh_stretch(picture.pixels), origin="lower", cmap=colors, vmin=0, vmax=1, interpolation="nearest")
    if circle is not None:
        x, y, radius = circle
        axes.add_patch(Circle((x, y), radius, fill=False, edgecolor=color, linewidth=1.6))
    _draw_scale(axes, columns, None if pixel_arcsec is None else pixel_arcsec * picture.block)
    return saved(figure, save_path)


@styled
def profile_plot(profile: Profile, *, size_arcsec: float, save_path: Path | None = None) -> Figure:
    """Draw counts per square arcminute by distance, with Poisson errors, and what is expected without a halo.

    Parameters
    ----------
    profile
        What was counted, and what point source and background account for.
    size_arcsec
        Radius of the detection, a vertical line; NaN draws none.
    save_path
        File to write, in the format of its suffix.
    """
    figure = Figure(figsize=(3.6, 2.6), layout="constrained")
    axes = figure.add_subplot()
    seen = profile.area_arcmin2 > 0
    area = np.where(seen, profile.area_arcmin2, np.nan)
    middle = np.sqrt(np.maximum(profile.edges_arcsec[:-1], 3.0) * profile.edges_arcsec[1:]) / 60
    counted, low, high = (values / area for values in (profile.counts, profile.low, profile.high))
    expected = (profile.psf + profile.background) / area
    axes.plot(middle, profile.background / area, color="#7b8794", linestyle="--", linewidth=1.2, label="background")
    axes.plot(middle, expected, color=COLORS[1], linewidth=1.4, label="+ point source")
    axes.errorbar(
        middle,
        np.where(profile.counts > 0, counted, np.nan),
        yerr=[np.nan_to_num(counted - low), np.nan_to_num(high - counted)],
        fmt="o",
        markersize=2.8,
        linewidth=1,
        color=COLORS[0],
        label="counts",
    )
    if np.isfinite(size_arcsec):
        axes.axvline(size_arcsec / 60, color="#1f2933", linewidth=1, linestyle=":", label="size")
    floor = np.nanmin(np.where(profile.background > 0, profile.background, np.nan) / area, initial=np.inf)
    axes.set(xscale="log", yscale="log", xlabel="radius (arcmin)", ylabel="counts / arcmin²")
    if np.isfinite(floor):
        axes.set_ylim(bottom=0.3 * floor)
    axes.xaxis.set_major_formatter("{x:g}")
    figure.legend(loc="outside upper center", ncols=4, fontsize=6.5, handlelength=1.4, columnspacing=1.0)
    return saved(figure, save_path)


def category_colors(categories: Sequence[str]) -> dict[str, str]:
    """Return a color for each category, in their order."""
    return {name: COLORS[number % len(COLORS)] for number, name in enumerate(categories)}


def _sky_axes(figure: Figure, wcs: WCS | None, *, block: int) -> Any:
    if wcs is None:
        axes = figure.add_subplot()
        axes.set(xlabel="x (blocks of pixels)" if block > 1 else "x (pixels)", ylabel="y")
        axes.grid(visible=False)
        return axes
    with quiet_astropy:
        axes = figure.add_subplot(projection=wcs[::block, ::block] if block > 1 else wcs)
        axes.coords.grid(color="#3e4c59", alpha=0.35, linestyle="-", linewidth=0.5)
        for coordinate, name in zip(axes.coords, ("right ascension", "declination"), strict=False):
            coordinate.set_axislabel(name)
    return axes


def _draw_circles(axes: Any, detections: Table, *, picture: Picture, palette: dict[str, str]) -> None:
    least = LEAST_RADIUS_SHARE * picture.pixels.shape[1]
    outline = [withStroke(linewidth=2.5, foreground="white", alpha=0.8)]
    for row in detections:
        x, y = float(picture.at(row["x"])), float(picture.at(row["y"]))
        radius = max(float(np.nan_to_num(row["radius_px"])) / picture.block, least)
        color = palette[str(row["category"])]
        circle = Circle((x, y), radius, fill=False, edgecolor=color, linewidth=1.4, path_effects=outline)
        axes.add_patch(circle)
        if "number" in detections.colnames and row["number"] <= MAX_NUMBERED:
            place = x + 0.72 * radius, y + 0.72 * radius
            text = axes.text(*place, f"{row['number']}", color=color, fontsize=8, weight="bold", path_effects=outline)
            text.set_clip_on(True)


def _draw_scale(axes: Axes, width: int, pixel_arcsec: float | None) -> None:
    """Draw a bar that gives the size at the lower left."""
    length, text = scale_bar(width, pixel_scale_arcsec=pixel_arcsec)
    outline = [withStroke(linewidth=3, foreground="white", alpha=0.9)]
    place: dict[str, Any] = {"transform": axes.transAxes, "color": "black", "path_effects": outline}
    axes.plot([0.04, 0.04 + length / width], [0.04, 0.04], linewidth=2, solid_capstyle="butt", **place)
    axes.text(0.04, 0.06, text, fontsize=9, **place)


def _words(category: str) -> str:
    return category.replace("_", " ").lower() if category.isupper() else category
