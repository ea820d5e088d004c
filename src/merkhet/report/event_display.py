"""Pictures of events of an array: what each camera saw, and where the shower fell and came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Row
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import AsinhNorm
from matplotlib.figure import Figure

from merkhet.evaluate.cherenkov.images import ImageTable, images_of_event
from merkhet.evaluate.cherenkov.stereo import StereoGeometry, reconstruct
from merkhet.io.cherenkov.camera import CameraGeometry
from merkhet.io.cherenkov.cleaning import TailCuts, clean
from merkhet.io.cherenkov.direction import offset_to_camera, to_offset
from merkhet.io.cherenkov.events import EventSource
from merkhet.report.style import COLORS, plain, saved, styled

MOST_CAMERAS = 8
_TRUE, _FOUND = COLORS[2], COLORS[1]
_TICKS = (0, 3, *(lead * 10**power for power in range(1, 7) for lead in (1, 3)))


@dataclass(frozen=True)
class Answer:
    """What a model says of an event: direction in deg, energy in TeV and gammaness; None where it does not say."""

    alt: float | None = None
    az: float | None = None
    energy: float | None = None
    gammaness: float | None = None


@styled
def event_display(
    source: EventSource,
    event: int,
    *,
    answer: Answer | None = None,
    most_cameras: int = MOST_CAMERAS,
    save_path: Path | None = None,
) -> Figure:
    """Draw an event: its brightest cameras with charge and cleaning, and the array with core and direction.

    The core is where the planes of the images' axes meet (:mod:`merkhet.evaluate.cherenkov.stereo`). The direction is
    that of ``answer``, or of the axes where there is none: a cross in the cameras. The truth is an upright cross, where
    the file knows it.

    Parameters
    ----------
    source
        A file or pack of events.
    event
        Row of the event.
    answer
        What a model says.
    most_cameras
        How many cameras are drawn; the brightest where more have an image.
    save_path
        File to write, in the format of its suffix.

    Raises
    ------
    InputError
        The file holds no charges.
    """
    table, images = images_of_event(source, event)
    geometry = reconstruct(table)
    brightest = np.argsort(-np.nan_to_num(table["hillas_intensity"]), kind="stable")[:most_cameras]
    columns = min(4, len(brightest)) + 1
    rows = max(1, -(-len(brightest) // (columns - 1)))
    figure = Figure(figsize=(2.7 * columns + 1.2, 2.9 * rows + 0.9), layout="constrained")
    grid = figure.add_gridspec(rows, columns, width_ratios=[1] * (columns - 1) + [1.45])
    found, true = _directions(source, event, geometry=geometry, answer=answer)
    for place, image in enumerate(brightest.tolist()):
        axes = figure.add_subplot(grid[place // (columns - 1), place % (columns - 1)])
        _draw_camera(axes, table, image, images[image], found=found, true=true)
    _draw_array(figure.add_subplot(grid[:, -1]), source, event, table, geometry=geometry)
    figure.suptitle(_title(source, event, answer), ha="left", x=0.01, fontsize=10)
    return saved(figure, save_path)


def draw_answer(source: EventSource, event: int, answer: Row | None, path: Path) -> None:
    """Write the picture of an event with the row of its answer, where it has one."""
    event_display(source, event, answer=None if answer is None else answer_of(answer), save_path=path)


def answer_of(row: Row) -> Answer | None:
    """Return what a row of answers says, without what is not finite; None where nothing is left."""
    known = {name: float(row[name]) for name in ("alt", "az", "energy", "gammaness") if name in row.colnames}
    said = {name: value for name, value in known.items() if np.isfinite(value)}
    return Answer(**said) if said else None


def _directions(
    source: EventSource, event: int, *, geometry: StereoGeometry, answer: Answer | None
) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.float64] | None]:
    """Return the offsets, deg, of the direction that was found and of the true one; None where not known."""
    pointing = source.index.pointing_of(np.array([event]))[0]
    found = np.array([geometry.lon[0], geometry.lat[0]])
    if answer is not None and answer.alt is not None and answer.az is not None:
        found = to_offset(np.deg2rad(answer.alt), np.deg2rad(answer.az), pointing)
    labels = source.index.labels
    true = None
    if {"alt", "az"} <= set(labels):
        true = to_offset(labels["alt"][event], labels["az"][event], pointing)
    return (found if np.isfinite(found).all() else None), true


def _draw_camera(
    axes: Axes,
    table: ImageTable,
    image: int,
    charge: npt.NDArray[np.floating],
    *,
    found: npt.NDArray[np.float64] | None,
    true: npt.NDArray[np.float64] | None,
) -> None:
    kind = table.subarray.types[int(table.kind[image])]
    camera = kind.camera
    shapes = pixel_outlines(camera)
    neighbors = camera.neighbors(diagonal=False)
    kept = clean(charge[None], neighbors=neighbors, cuts=TailCuts())[0]
    high = max(float(np.nanmax(charge)), 10.0)
    norm = AsinhNorm(linear_width=5.0, vmin=-3.0, vmax=high)
    pixels = PolyCollection(list(shapes), array=charge, norm=norm, cmap="viridis", edgecolors="face", linewidths=0.1)
    axes.add_collection(pixels)
    axes.add_collection(PolyCollection(list(shapes[kept]), facecolors="none", edgecolors="white", linewidths=0.35))
    reach = float(np.abs(camera.positions).max()) * 1.04
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    for offset, color, marker in ((true, "white", "+"), (found, _FOUND, "x")):
        if offset is not None and np.isfinite(kind.focal_length_m):
            x, y = offset_to_camera(
                offset, focal_length_m=kind.focal_length_m, camera_rotation_deg=camera.camera_rotation_deg
            )
            if max(abs(x), abs(y)) < reach:
                axes.plot(x, y, marker=marker, color=color, markersize=9, markeredgewidth=1.8)
    tel_id = int(table.subarray.telescopes["tel_id"][table.slot[image]])
    axes.set_title(f"{plain(kind.name)} {tel_id}", fontsize=8)
    size = table["hillas_intensity"][image]
    text = f"{size:,.0f} p.e. after cleaning" if np.isfinite(size) else "nothing after cleaning"
    axes.set_xlabel(text, fontsize=7)
    ticks = [tick for tick in _TICKS if tick <= high]
    bar = axes.figure.colorbar(pixels, ax=axes, shrink=0.75, pad=0.02, ticks=ticks, format="{x:,.0f}")
    bar.ax.tick_params(labelsize=6)


def _draw_array(axes: Axes, source: EventSource, event: int, table: ImageTable, *, geometry: StereoGeometry) -> None:
    telescopes = table.subarray.telescopes
    # West is left on a map with north up: y points to the west.
    axes.scatter(-telescopes["y"], telescopes["x"], s=24, facecolors="none", edgecolors="#9aa5b1", label="telescopes")
    size = np.log10(np.maximum(np.nan_to_num(table["hillas_intensity"]), 1)) * 22 + 12
    mine = telescopes[table.slot]
    axes.scatter(-mine["y"], mine["x"], s=size, color=COLORS[0], label="with an image")
    labels = source.index.labels
    if {"core_x", "core_y"} <= set(labels):
        x, y = float(labels["core_x"][event]), float(labels["core_y"][event])
        axes.plot(-y, x, marker="+", color=_TRUE, markersize=12, markeredgewidth=2, linestyle="", label="true core")
    if np.isfinite(geometry.core_x[0]):
        x, y = float(geometry.core_x[0]), float(geometry.core_y[0])
        axes.plot(-y, x, marker="x", color=_FOUND, markersize=10, markeredgewidth=2, linestyle="", label="core")
    axes.set(xlabel="m east", ylabel="m north", aspect="equal")
    axes.margins(0.1)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=7)


def _title(source: EventSource, event: int, answer: Answer | None) -> str:
    index = source.index
    obs_id, event_id = int(index.obs_id_of(np.array([event]))[0]), int(index.event_id[event])
    parts = [f"observation {obs_id}, event {event_id}"]
    known: Mapping[str, Any] = index.labels
    if "energy" in known and "shower_primary_id" in known:
        primary = primary_name(int(known["shower_primary_id"][event]))
        parts.append(f"true: {primary} of {float(known['energy'][event]):.3g} TeV")
    if answer is not None:
        said = [f"gammaness {answer.gammaness:.2f}"] if answer.gammaness is not None else []
        said += [f"{answer.energy:.3g} TeV"] if answer.energy is not None else []
        parts += [f"found: {', '.join(said)}"] if said else []
    return "   ".join(parts)


def primary_name(number: int) -> str:
    """Return what a ``shower_primary_id`` is called."""
    return {0: "gamma", 1: "electron", 101: "proton"}.get(number, f"primary {number}")


def pixel_outlines(camera: CameraGeometry) -> npt.NDArray[np.float64]:
    """Return the corners ``(P, 6 or 4, 2)``, m, of the pixels of a camera."""
    hexagonal = camera.pixel_shape == "hexagonal"
    corners = 6 if hexagonal else 4
    width = np.sqrt(camera.pix_area * (2 / np.sqrt(3) if hexagonal else 1.0))
    radius = width / (2 * np.cos(np.pi / corners))
    # Corners lie half a turn of the lattice from the neighbors.
    angle = np.deg2rad(camera.pixel_rotation_deg) + (np.arange(corners) + 0.5) * 2 * np.pi / corners
    shape = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray(camera.positions[:, None] + radius[:, None, None] * shape[None])
