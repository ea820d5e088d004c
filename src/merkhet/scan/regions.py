"""Detections as DS9 regions, on the sky and in pixels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.coordinates import SkyCoord
from astropy.table import Table

from merkhet.io.atomic import write_text

_COLORS = ("red", "orange", "yellow", "cyan", "green")


def write_sky_regions(catalog: Table, path: str | Path) -> None:
    """Write a DS9 region file in FK5: a circle for each detection that has a place on the sky."""
    placed = catalog[np.isfinite(np.asarray(catalog["ra"], dtype=float))]
    sky = SkyCoord(placed["ra"], placed["dec"], unit="deg").fk5 if len(placed) else None
    centers = [] if sky is None else [f"{ra:.7f},{dec:.7f}" for ra, dec in zip(sky.ra.deg, sky.dec.deg, strict=True)]
    radii = [f'{size:.2f}"' for size in np.asarray(placed["size_arcsec"], dtype=float)]
    _write_regions(path, "fk5", placed, centers, radii)


def write_image_regions(catalog: Table, radius_px: npt.ArrayLike, path: str | Path) -> None:
    """Write a DS9 region file in pixels of one image, which DS9 counts from 1."""
    centers = [f"{x + 1:.3f},{y + 1:.3f}" for x, y in zip(catalog["x"], catalog["y"], strict=True)]
    radii = [f"{radius:.3f}" for radius in np.asarray(radius_px, dtype=float)]
    _write_regions(path, "image", catalog, centers, radii)


def _write_regions(path: str | Path, system: str, catalog: Table, centers: Sequence[str], radii: Sequence[str]) -> None:
    categories = list(dict.fromkeys(catalog["category"]))  # the most probable first, as the rows are
    colors = {name: _COLORS[min(place, len(_COLORS) - 1)] for place, name in enumerate(categories)}
    lines = ["# Region file format: DS9 version 4.1", "global color=green width=1", system]
    for row, center, radius in zip(catalog, centers, radii, strict=True):
        text = f"{row['id']} {row['label']} {row['probability']:.2f}"
        lines.append(f"circle({center},{radius}) # color={colors[row['category']]} text={{{text}}}")
    write_text(path, "\n".join(lines) + "\n")
