"""Detections as the published halo detector writes them: ``{num_detections, detections: [...]}``."""

import json
from pathlib import Path

import numpy as np
from astropy.table import Table

from merkhet.io.atomic import write_text


def write_published(detections: Table, path: str | Path) -> None:
    """Write detections as JSON, atomically; none are written too.

    Each has ``x`` and ``y``, the 0-based pixel at the lower corner of its window, ``probability``, ``category`` and
    ``window_size``; and ``image`` where there are several images, which the published form has no place for.

    Parameters
    ----------
    detections
        Columns ``x``, ``y``, ``probability``, ``category``, ``image``, ``scale_px`` (side of the window) and, of models
        that look at windows, ``cell_x`` and ``cell_y``, the window's center. Where they are NaN the window is the one
        around the position.
    """
    side = np.rint(np.asarray(detections["scale_px"], dtype=np.float64)).astype(int)
    corners = [
        np.rint(np.where(np.isfinite(cell), cell, position) - (side - 1) / 2).astype(int)
        for cell, position in (
            (np.asarray(detections[f"cell_{axis}"]), np.asarray(detections[axis], dtype=np.float64)) for axis in "xy"
        )
    ]
    rows = [
        {"x": int(x), "y": int(y), "probability": float(p), "category": str(category), "window_size": int(window)}
        for x, y, p, category, window in zip(
            *corners, detections["probability"], detections["category"], side, strict=True
        )
    ]
    if len(set(detections["image"])) > 1:
        rows = [{**row, "image": str(image)} for row, image in zip(rows, detections["image"], strict=True)]
    write_text(path, json.dumps({"num_detections": len(rows), "detections": rows}, indent=2))
