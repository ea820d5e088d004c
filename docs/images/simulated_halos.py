"""Draw the pictures of halos in docs/simulators.md: ``python docs/images/simulated_halos.py``."""

from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import AsinhNorm, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from PIL import Image
from scipy.ndimage import gaussian_filter

from merkhet.simulate.halos import Survey, observe_cutouts
from merkhet.simulate.halos.cutouts import Cutout
from merkhet.simulate.halos.dust import Dust
from merkhet.simulate.halos.exposure import Coverage
from merkhet.simulate.halos.layers import Layer, absorbed, ring
from merkhet.simulate.halos.psf import King
from merkhet.simulate.halos.rings import Echo
from merkhet.simulate.halos.sky import Placed
from merkhet.simulate.halos.spectrum import Spectrum
from merkhet.simulate.halos.sphere import FloatArray
from merkhet.simulate.halos.tiles import Tile
from merkhet.simulate.halos.truth import measure

SEED, COLUMNS = 16, 6
HERE = Path(__file__).parent
BOX = {"facecolor": "black", "alpha": 0.6, "edgecolor": "none", "pad": 1}


def draw_tile() -> None:
    """Draw a tile, smoothed and divided by its exposure, and its exposure map."""
    tile = Tile(0, Coverage(Survey(), SEED))
    photons, sources = tile.observe()
    exposure, _ = tile.frame.maps(tile.coverage)
    smooth = gaussian_filter(tile.frame.count(photons).astype(np.float32), 6)
    figure, axes = plt.subplots(1, 2, figsize=(12, 6.1), layout="compressed")
    rate = smooth[::4, ::4] / np.maximum(exposure[::4, ::4], 5)
    extent = (-0.5, 3239.5, -0.5, 3239.5)
    norm = AsinhNorm(linear_width=3e-5, vmin=0, vmax=2e-2)
    axes[0].imshow(rate, origin="lower", cmap="inferno", norm=norm, extent=extent)
    for placed in sources:
        _mark(axes[0], placed, tile)
    axes[0].set_title("counts over exposure, smoothed with 24″")
    shown = axes[1].imshow(exposure[::4, ::4], origin="lower", cmap="viridis", extent=extent, vmin=0)
    axes[1].set_title("vignetted exposure, s")
    figure.colorbar(shown, ax=axes[1], shrink=0.8)
    for panel in axes:
        panel.set(xticks=[], yticks=[], xlim=extent[:2], ylim=extent[2:])
    _save(figure, "simulated_halo_tile.png")


def _mark(axes: Axes, placed: Placed, tile: Tile) -> None:
    if placed.source.kind == "point":
        return
    x, y = tile.frame.pixels(placed.position[None])
    color = {"halo": "cyan", "ring": "lime"}.get(placed.source.kind, "white")
    signal = measure(
        placed.source.layers,
        center=placed.position,
        exposure=tile.coverage.exposure,
        background=tile.coverage.background,
        pixel_arcsec2=16,
    )
    radius = max(np.nan_to_num(placed.source.size_arcsec) / 4, 60)
    style = "-" if signal.label == "halo" else ":"
    axes.add_patch(Circle((float(x[0]), float(y[0])), radius, fill=False, color=color, lw=0.9, ls=style))
    text = f"{placed.source.kind}" + (f" {signal.snr:.1f}" if placed.source.kind in ("halo", "ring") else "")
    axes.text(float(x[0]), float(y[0]) + radius + 20, text, color=color, fontsize=7, ha="center", clip_on=True)


def draw_profiles() -> None:
    """Draw surface brightness against radius: photons as drawn, and the formulas."""
    rng, radius = np.random.default_rng(SEED), np.geomspace(2, 3000, 40)
    spectrum, psf = Spectrum(2.0, 1e22), King()
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="compressed", sharey=True)
    cases = {
        "uniform dust": Dust.uniform(),
        "screen at x = 0.5": Dust.screen(0.5),
        "screen at x = 0.9": Dust.screen(0.9),
    }
    for panel, (name, dust) in zip(axes, cases.items(), strict=True):
        layers: tuple[Layer, ...] = absorbed(1.0, spectrum=spectrum, dust=dust, psf=psf)
        if name == "uniform dust":
            layers = (*layers, _example_ring(psf))
        for layer, color in zip(layers, ("gray", "tab:red", "tab:green"), strict=False):
            _profile(panel, layer, radius, rng, color=color)
        intrinsic = np.diff(spectrum.halo_enclosed(radius, dust=dust)) / _area(radius) * spectrum.halo_fraction
        panel.loglog(_middle(radius), intrinsic, color="tab:red", ls=":", lw=1)
        panel.set(title=f"{name}: halo {100 * spectrum.halo_fraction:.0f} % of the counts", xlabel="radius, arcsec")
    axes[0].set(ylabel="share of the counts per arcsec²", ylim=(1e-11, 1e-2))
    axes[0].plot([], [], "k.", label="photons drawn")
    axes[0].plot([], [], "k-", label="formula, with PSF")
    axes[0].plot([], [], "k:", label="without")
    axes[0].legend(frameon=False, fontsize=8)
    _save(figure, "simulated_halo_profiles.png")


def _example_ring(psf: King) -> Layer:
    echo = Echo(Spectrum(2.0, 1e22), 5e21, 3390.0, 0.6, 0.61, delay_days=30.0, flare_days=3.0)
    return ring(0.2 / echo.rate, echo=echo, psf=psf)


def _profile(axes: Axes, layer: Layer, radius: FloatArray, rng: np.random.Generator, *, color: str) -> None:
    drawn, _ = np.histogram(np.hypot(*layer.draw(rng, 300_000).T), radius)
    axes.loglog(_middle(radius), drawn / 3e5 * layer.rate / _area(radius), ".", color=color, ms=4)
    if layer.enclosed is not None:
        formula = np.diff(layer.enclosed(radius)) * layer.rate / _area(radius)
        axes.loglog(_middle(radius), formula, color=color, lw=1)


def _middle(radius: FloatArray) -> FloatArray:
    return np.sqrt(radius[1:] * radius[:-1])


def _area(radius: FloatArray) -> FloatArray:
    return np.asarray(np.pi * np.diff(radius**2))


def draw_cutouts() -> None:
    """Draw cutouts in three rows: seen halos and rings, halos that cannot be seen, confusers."""
    rows: dict[str, list[Cutout]] = {"halo: S/N ≥ 5": [], "S/N < 5": [], "confusers": []}
    seen: set[str] = set()
    for cutout in observe_cutouts(400, seed=SEED, survey=Survey(size_px=64)):
        name = "confusers" if cutout.dust is None else "halo: S/N ≥ 5" if cutout.signal.label == "halo" else "S/N < 5"
        fresh = name != "confusers" or cutout.kind not in seen
        if fresh and len(rows[name]) < COLUMNS and cutout.counts.sum() > 150:
            seen.add(cutout.kind)
            rows[name].append(cutout)
    figure, axes = plt.subplots(3, COLUMNS, figsize=(12, 6.2), layout="compressed")
    for line, (name, cutouts) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(name, fontsize=12)
        for panel, cutout in zip(line, cutouts, strict=True):
            norm = LogNorm(vmin=0.7, vmax=max(float(cutout.counts.max()) / 2, 3), clip=True)
            panel.imshow(np.maximum(cutout.counts, 0.7), origin="lower", cmap="inferno", norm=norm)
            caption = f"{cutout.kind} {cutout.signal.snr:.1f}  {cutout.counts.sum():.0f} ct"
            panel.text(0.04, 0.04, caption, color="white", fontsize=8, transform=panel.transAxes, bbox=BOX)
            panel.set(xticks=[], yticks=[])
    _save(figure, "simulated_halo_cutouts.png")


def _save(figure: Figure, name: str) -> None:
    buffer = BytesIO()
    figure.savefig(buffer, dpi=110)
    plt.close(figure)
    colors = (
        Image.open(buffer).convert("RGB").quantize(128, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    )
    colors.save(HERE / name, optimize=True)


if __name__ == "__main__":
    draw_tile()
    draw_profiles()
    draw_cutouts()
