"""Draw one shower on every camera under every mapping: ``python docs/images/cameras.py FOLDER``.

FOLDER holds tables of pixel positions, ``*.camgeom.fits``. The figure stands in docs/cherenkov.md.
"""

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from PIL import Image

from merkhet.config.array_models import Mapping
from merkhet.io.cherenkov.camera import CameraGeometry, read_camera
from merkhet.models.cameras.lattice import find_lattice
from merkhet.models.cameras.mapping import map_camera

OUT = Path(__file__).with_name("cameras.png")
METHODS = ("oversampling", "shifting", "axial", "nearest", "bilinear", "bicubic", "rebinning")
FloatArray = npt.NDArray[np.float64]


def shower(camera: CameraGeometry) -> FloatArray:
    """Return a bright elliptical image on the noise of the night sky, photo-electrons per pixel."""
    rng = np.random.default_rng(7)
    middle = (camera.positions.max(axis=0) + camera.positions.min(axis=0)) / 2
    radius = np.ptp(camera.pix_x) / 2
    x, y = ((camera.positions - middle) / radius - np.array([0.15, 0.2])).T
    along, across = x * np.cos(0.6) + y * np.sin(0.6), y * np.cos(0.6) - x * np.sin(0.6)
    light = 60 * np.exp(-0.5 * ((along / 0.25) ** 2 + (across / 0.08) ** 2))
    return np.asarray(rng.poisson(light + 1.0) - 1.0 + rng.normal(0, 0.3, camera.n_pixels))


def draw_pixels(axes: Axes, camera: CameraGeometry, charge: FloatArray) -> None:
    """Draw the pixels as they stand in the focal plane."""
    outline = find_lattice(camera.positions, camera.pixel_shape).outline()
    axes.add_collection(
        PolyCollection(list(camera.positions[:, None] + outline), array=charge, cmap="inferno", clim=(-2, 60))
    )
    axes.autoscale_view()


def draw(folder: Path) -> Figure:
    """Return the figure: a row for each camera, the pixels first."""
    cameras = [read_camera(path) for path in sorted(folder.glob("*.camgeom.fits"))]
    figure = Figure(figsize=(12, 1.55 * len(cameras)), layout="constrained")
    grid = figure.subplots(len(cameras), 1 + len(METHODS), squeeze=False)
    for row, camera in zip(grid, cameras, strict=True):
        charge = shower(camera)
        draw_pixels(row[0], camera, charge)
        row[0].set_ylabel(f"{camera.name}\n{camera.n_pixels:,} px", fontsize=8)
        for axes, method in zip(row[1:], METHODS, strict=True):
            mapping = map_camera(camera.positions, camera.pixel_shape, Mapping(method=method))
            image = (mapping.matrix @ charge).reshape(mapping.shape)
            # The brightness of a pixel, however many cells it was shared among; white where no pixel is.
            seen = np.asarray(np.abs(mapping.matrix).sum(axis=1)).reshape(mapping.shape) > 1e-9
            share = camera.n_pixels / seen.sum()
            axes.imshow(np.where(seen, image / share, np.nan), origin="lower", cmap="inferno", vmin=-2, vmax=60)
            axes.set_xlabel(f"{mapping.shape[0]} x {mapping.shape[1]}", fontsize=7, labelpad=1)
    for axes, title in zip(grid[0], ("pixels", *METHODS), strict=True):
        axes.set_title(title, fontsize=9)
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[], aspect="equal")
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure


if __name__ == "__main__":
    picture = BytesIO()
    draw(Path(sys.argv[1])).savefig(picture, dpi=110)
    Image.open(picture).convert("RGB").quantize(64).save(OUT, optimize=True)
