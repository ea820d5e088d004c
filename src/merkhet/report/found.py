"""Detections in one form, wherever they come from, and their surroundings on the image."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.errors import InputError
from merkhet.io.tables import read_table, require_columns
from merkhet.report.sky_plots import Picture
from merkhet.scan.detections import Detections
from merkhet.scan.images import SkyTile

Source: TypeAlias = str | Path | Table | Detections
"""A catalog of detections: the result of a scan, a table, or the file of either; or the published JSON."""

CUTOUT_RADII = 2.5  # half the side of a cutout, in radii of the detection
CUTOUT_PX = 32  # half the side where that is more, or the radius is not known
CUTOUT_PICTURE_PX = 150


@dataclass(frozen=True, eq=False)
class Cutout:
    """The surroundings of a detection, and its circle ``(x, y, radius)`` there; None where no radius is known."""

    picture: Picture
    circle: tuple[float, float, float] | None


def cut_out(tile: SkyTile, x: float, y: float, *, radius_px: float) -> Cutout:
    """Return the part of a tile around a detection, with what lies beyond the tile as not observed."""
    half = max(CUTOUT_PX, round(CUTOUT_RADII * float(np.nan_to_num(radius_px))))
    left, bottom = round(x) - half, round(y) - half
    side = 2 * half + 1
    counts, valid = np.zeros((side, side), dtype=np.float32), np.zeros((side, side), dtype=np.bool_)
    height, width = tile.counts.shape
    rows = slice(max(bottom, 0), max(min(bottom + side, height), 0))
    columns = slice(max(left, 0), max(min(left + side, width), 0))
    inside = slice(rows.start - bottom, rows.stop - bottom), slice(columns.start - left, columns.stop - left)
    if rows.start < rows.stop and columns.start < columns.stop:
        counts[inside], valid[inside] = tile.counts[rows, columns], tile.valid[rows, columns]
    picture = Picture.of(counts, valid=valid, side=CUTOUT_PICTURE_PX)
    place = float(picture.at(x - left)), float(picture.at(y - bottom))
    return Cutout(picture, (*place, float(radius_px) / picture.block) if np.isfinite(radius_px) else None)


def read_detections(source: Source) -> Table:
    """Return detections in one form, the most probable first.

    Returns
    -------
    Table
        Columns ``x``, ``y`` (0-based pixel of the middle), ``radius_px`` (of the window in the published JSON; NaN in
        a catalog), ``size_arcsec`` (NaN in the JSON), ``probability``, ``category`` and ``image`` (empty where there
        is none).

    Raises
    ------
    InputError
        It cannot be read, or lacks a column.
    """
    if isinstance(source, str | Path) and Path(source).suffix == ".json":
        return _in_order(_read_published(Path(source)))
    if isinstance(source, str | Path):
        table, where = read_table(source), Path(source)
    else:
        table, where = (source.table if isinstance(source, Detections) else source), Path("detections")
    require_columns(table, ["x", "y", "probability", "category"], source=where)
    nothing = np.full(len(table), np.nan)
    has_image = "image" in table.colnames
    columns: dict[str, npt.ArrayLike] = {
        name: np.asarray(table[name], dtype=np.float64) for name in ("x", "y", "probability")
    }
    columns["size_arcsec"] = table["size_arcsec"] if "size_arcsec" in table.colnames else nothing
    columns["radius_px"] = nothing
    for name, there in (("category", True), ("image", has_image)):
        columns[name] = np.asarray(table[name]).astype(str) if there else np.full(len(table), "")
    return _in_order(Table(columns))


def detections_on(tile: SkyTile, detections: Table) -> Table:
    """Return those of :func:`read_detections` that lie on a tile, with the radius in its pixels.

    Those without the name of an image are taken to be of this one.
    """
    names = [Path(name).name for name in detections["image"]]
    here = detections[np.array([name in ("", tile.path.name) for name in names], dtype=bool)]
    from_size = np.asarray(here["size_arcsec"], dtype=np.float64) / tile.pixel_arcsec
    here["radius_px"] = np.where(np.isfinite(here["radius_px"]), here["radius_px"], from_size)
    return here


def _read_published(path: Path) -> Table:
    """Read the published JSON; there ``x`` and ``y`` are the lower corner of a window, here its middle."""
    action = "Scan again with --format dsh-json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["detections"]
        side = np.array([row["window_size"] for row in rows], dtype=np.float64)
        corners = {axis: np.array([row[axis] for row in rows], dtype=np.float64) for axis in "xy"}
        return Table(
            {
                **{axis: corner + (side - 1) / 2 for axis, corner in corners.items()},
                "probability": np.array([row["probability"] for row in rows], dtype=np.float64),
                "size_arcsec": np.full(len(rows), np.nan),
                "radius_px": side / 2,
                "category": np.array([str(row["category"]) for row in rows], dtype=str),
                "image": np.array([str(row.get("image", "")) for row in rows], dtype=str),
            }
        )
    except OSError as error:
        raise InputError(path, str(error.strerror), action=action) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        keys = "num_detections and detections with x, y, probability, category and window_size"
        raise InputError(path, f"is not the published JSON ({error!r})", expected=keys, action=action) from error


def _in_order(table: Table) -> Table:
    return table[np.argsort(-np.asarray(table["probability"]), kind="stable")]
