"""A whole scan of four tiles of 3,240 px that overlap, against the time that its network takes.

The job is what a user runs: plain FITS with exposure and background maps are read, all levels of the pyramid are made
with the neighbors' photons in their margins, the network sees each, and what it finds is merged, measured and gathered
in a catalog. The network's time, with its normalization, is taken within the job; nothing else runs meanwhile. The
network may use every core, the rest uses one. The ratio is the median of the rounds.

Run ``python benchmarks/scan_job.py`` for a table, with ``--json`` for one line of JSON.
"""

import gzip
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from outcome import show

from merkhet.scan import dense
from merkhet.scan.survey import scan
from merkhet.simulate.halos import simulate_survey
from merkhet.tasks.apply import apply_task

MODEL = "halo-scan-lite"
TILES = 4
ROUNDS = 3
CLAIM = "a scan of plain FITS on one core takes at most twice as long as its network"


def write_tiles(folder: Path) -> Path:
    """Simulate tiles and return a folder with them as plain FITS."""
    simulate_survey(folder / "sky", tiles=TILES, seed=7)
    plain = folder / "plain"
    plain.mkdir()
    for path in (folder / "sky").rglob("*.fits.gz"):
        with gzip.open(path) as packed, (plain / path.stem).open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
    return plain


def job(tiles: Path) -> tuple[float, float, int]:
    """Return the seconds of a scan, those of its network, and the number of detections."""
    network = 0.0

    def timed(*args: Any, **options: Any) -> Iterator[Any]:
        nonlocal network
        began = time.perf_counter()
        answers = list(apply_task(*args, **options))
        network += time.perf_counter() - began
        return iter(answers)

    with patch.object(dense, "apply_task", timed):
        began = time.perf_counter()
        found = scan(MODEL, tiles, device="cpu")
        return time.perf_counter() - began, network, len(found)


def main() -> dict[str, Any]:
    """Return claim and rows: the network on all cores of this machine, and on one."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        tiles = write_tiles(Path(folder))
        for threads in dict.fromkeys((torch.get_num_threads(), 1)):
            torch.set_num_threads(threads)
            rounds = [job(tiles) for _ in range(ROUNDS)]
            rows.append(
                {
                    "cores of the network": threads,
                    "tiles": TILES,
                    "detections": rounds[0][2],
                    "seconds of the job": round(statistics.median(whole for whole, _, _ in rounds), 1),
                    "of its network": round(statistics.median(network for _, network, _ in rounds), 1),
                    "ratio": round(statistics.median(whole / network for whole, network, _ in rounds), 2),
                }
            )
    return {"claim": CLAIM, "rows": rows}


if __name__ == "__main__":
    show(main, description=__doc__)
