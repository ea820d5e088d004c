"""A scan of two small tiles with its files, as the page and the plots find it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table
from PIL import Image

from merkhet.io.rejects import Reject
from merkhet.io.tables import write_table
from merkhet.scan.catalog import as_catalog
from merkhet.scan.detections import Detections
from merkhet.scan.images import TileFiles, list_tiles
from tests.scan.fields import make_header, write_image

SIDE = 120


@dataclass(frozen=True)
class Scanned:
    """What a scan leaves behind."""

    folder: Path
    tiles: list[TileFiles]
    detections: Detections

    @property
    def catalog(self) -> Path:
        return self.folder / "found.ecsv"


def make_scan(folder: Path, *, empty: bool = False, sky: bool = True) -> Scanned:
    """Write two tiles; the first has a blob at its upper left, and a detection there, the second nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(4)
    for number in range(2):
        counts = rng.poisson(0.05, (SIDE, SIDE))
        if number == 0:
            x, y = rng.normal(((30,), (90,)), 6, (2, 600)).round().astype(int).clip(0, SIDE - 1)
            np.add.at(counts, (y, x), 1)
        header = make_header((SIDE, SIDE), ra=150 + 0.2 * number) if sky else make_header()[:0]
        write_image(folder / f"tile{number}.fits", counts.astype(np.int32), header=header)
    tiles = list_tiles([folder / "tile0.fits", folder / "tile1.fits"])
    table = as_catalog(_rows(folder, sky=sky)[: 0 if empty else None])
    rejects = (Reject(str(folder / "bad<b>.fits"), "read", "is truncated"),)
    found = Detections(table, rejects, rows=table, tiles=3, tiles_done=3)
    write_table(table, folder / "found.ecsv", overwrite=True)
    return Scanned(folder, tiles, found)


def _rows(folder: Path, *, sky: bool) -> Table:
    nan = np.nan
    return Table(
        {
            "id": ["tile0_0001", "tile0_0002"],
            "ra": [150.03, 149.98] if sky else [nan, nan],
            "dec": [10.03, 9.99] if sky else [nan, nan],
            "x": [30.0, 100.0],
            "y": [90.0, 20.0],
            "size_arcsec": [40.0, 60.0] if sky else [nan, nan],
            "probability": [0.97, 0.5],
            "label": ["halo", "ring"],
            "category": ["DEFINITE", "POSSIBLE"],
            "snr": [20.0, nan],
            "significance": [25.0, nan],
            "false_alarms_per_deg2": [0.01, 0.2],
            "flags": np.array([0, 32], dtype=np.int32),
            "image": [str(folder / "tile0.fits")] * 2,
            "model": ["boxes"] * 2,
        }
    )


def darkness(path: Path, *, left: float, right: float, bottom: float, top: float) -> float:
    """Return how dark a part of a drawing is, 0 to 255; the corners are shares of its width and height, y upwards."""
    drawn = 255 - np.asarray(Image.open(path).convert("L"), dtype=float)
    height, width = drawn.shape
    part = drawn[int((1 - top) * height) : int((1 - bottom) * height), int(left * width) : int(right * width)]
    return float(part.mean())
