"""The picture of an image: a stretch that shows noise and source alike, and a bar that gives its size."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from merkhet.report.style import FloatArray, saved, styled

ROUND_ANGLES = (
    *((m * 10.0**k, f"{m * 10.0**k:g} arcsec") for k in range(-4, 2) for m in (1, 2, 5)),
    *((60.0 * n, f"{n} arcmin") for n in (1, 2, 5, 10, 20, 30)),
    *((3600.0 * n, f"{n} deg") for n in (1, 2, 5, 10, 20, 50)),
)
"""Lengths of scale bars in arcseconds, and how they are written."""


@styled
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
    return saved(figure, save_path)


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
