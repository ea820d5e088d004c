"""The picture of an image with its heat maps: one panel for each label."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from merkhet.report.images import asinh_stretch
from merkhet.report.style import COLORS, FloatArray, plain, saved, styled

PANEL_PX = 600
MOST_OPAQUE = 0.6


@styled
def heat_map_plot(pixels: FloatArray, maps: Mapping[str, FloatArray], save_path: Path | None = None) -> Figure:
    """Draw an image in an asinh stretch, once for each label, with the evidence for the label over it in color.

    Parameters
    ----------
    pixels
        ``(y, x)``; NaN is drawn grey. What is larger than 600 px is drawn in mean values of blocks.
    maps
        ``{label: (y, x)}`` of :func:`merkhet.infer.heatmap.heat_maps`; the probability of the label, which is the peak,
        stands in the title. Color is opaque in proportion to the evidence over its peak.
    save_path
        File to write, in the format of its suffix.
    """
    block = max(1, -(-max(pixels.shape) // PANEL_PX))
    shown = asinh_stretch(_block_mean(pixels, block))
    height, width = shown.shape
    figure = Figure(figsize=(4.0 * len(maps), 4.0 * min(max(height / width, 0.4), 2.5) + 0.3), layout="constrained")
    for number, (label, heat) in enumerate(maps.items()):
        axes = figure.add_subplot(1, len(maps), number + 1)
        axes.set_axis_off()
        axes.set_facecolor("#8a929c")
        axes.imshow(shown, origin="lower", cmap="gray_r", vmin=0, vmax=1.1, interpolation="nearest")
        peak = float(np.nanmax(heat, initial=0.0))
        color = to_rgb(COLORS[(number + 1) % len(COLORS)])
        ramp = LinearSegmentedColormap.from_list("heat", [(*color, 0.0), (*color, MOST_OPAQUE)])
        colors = ramp.with_extremes(bad=(0, 0, 0, 0))
        axes.imshow(_block_mean(heat, block), origin="lower", cmap=colors, vmin=0, vmax=max(peak, 1e-9))
        axes.set_title(f"{plain(label)}  p = {peak:.2f}")
    return saved(figure, save_path)


def _block_mean(pixels: FloatArray, block: int) -> FloatArray:
    """Return the mean of the valid pixels of whole blocks; NaN where none is."""
    rows, columns = (n // block for n in pixels.shape)
    blocks = pixels[: rows * block, : columns * block].reshape(rows, block, columns, block)
    valid = np.isfinite(blocks)
    count = valid.sum(axis=(1, 3))
    total = np.where(valid, blocks, 0).sum(axis=(1, 3), dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
