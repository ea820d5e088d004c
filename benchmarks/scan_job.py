"""A whole scan of four tiles of 3,240 px that overlap, against the time that its network takes.

The job is what a user runs: plain FITS with exposure and background maps are read, all levels of the pyramid are made
with the neighbors' photons in their margins, the network sees each, and what it finds is merged, measured and gathered
in a catalog. The network alone, with its normalization, is timed on the same levels in the same process, with as many
threads and with nothing beside it. Job and network take turns; the smallest time of each counts, for what else the
machine does only adds.

Seconds are those of the clock; those of the processor say what the job would take if nothing overlapped. Each row has a
process of its own, bound to so many cores: on one core nothing is gained by working on two tiles at once.

Run ``python benchmarks/scan_job.py`` for a table, with ``--json`` for one line of JSON.
"""

import gzip
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from outcome import show

from merkhet.scan import dense
from merkhet.scan.dense import DenseDetector
from merkhet.scan.field import Field
from merkhet.scan.images import list_tiles, read_tile
from merkhet.scan.neighbors import survey_neighbors
from merkhet.scan.survey import scan
from merkhet.simulate.halos import simulate_survey
from merkhet.tasks.apply import apply_task

MODEL = "halo-scan-lite"
TILES = 4
ROUNDS = 4
CLAIM = "a scan of plain FITS takes at most 1.5 times as long as its network, on one core too"


@dataclass
class Clock:
    """Seconds of the clock and of the processor."""

    wall: float = 0.0
    processor: float = 0.0

    def add(self, work: Callable[[], Any]) -> Any:
        """Return what ``work`` returns, and add the time that it takes."""
        wall, processor = time.perf_counter(), time.process_time()
        result = work()
        self.wall += time.perf_counter() - wall
        self.processor += time.process_time() - processor
        return result


def write_tiles(folder: Path) -> Path:
    """Simulate tiles and return a folder with them as plain FITS."""
    simulate_survey(folder / "sky", tiles=TILES, seed=7)
    plain = folder / "plain"
    plain.mkdir()
    for path in (folder / "sky").rglob("*.fits.gz"):
        with gzip.open(path) as packed, (plain / path.stem).open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
    return plain


def network_alone(tiles: Path) -> Clock:
    """Return what the network takes for all levels of all tiles; nothing runs beside it."""
    clock, detector, files = Clock(), DenseDetector(MODEL, device="cpu"), list_tiles([tiles])

    def timed(*args: Any, **options: Any) -> Iterator[Any]:
        return iter(clock.add(lambda: list(apply_task(*args, **options))))

    with tempfile.TemporaryDirectory() as scratch, patch.object(dense, "apply_task", timed):
        neighbors = survey_neighbors(files, folder=Path(scratch))
        for one in files:
            detector.detect(Field(read_tile(one), neighbors))
    return clock


def measure(cores: int, tiles: Path) -> dict[str, Any]:
    """Return the row of so many cores; the process is bound to them."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    torch.set_num_threads(cores)
    jobs, networks, peaks_mb, detections = [], [], [], 0
    for _ in range(ROUNDS):
        jobs.append(Clock())
        detections = len(jobs[-1].add(lambda: scan(MODEL, tiles, device="cpu")))
        peaks_mb.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        networks.append(network_alone(tiles))
    job, network = (min(clocks, key=lambda clock: clock.wall) for clocks in (jobs, networks))
    return {
        "cores": cores,
        "tiles": TILES,
        "detections": detections,
        "seconds of the job": round(job.wall, 2),
        "of its network alone": round(network.wall, 2),
        "ratio": round(job.wall / network.wall, 2),
        "processor seconds of the job": round(job.processor, 2),
        "of the network": round(network.processor, 2),
        "peak MB of one job": round(peaks_mb[0]),
    }


def in_process(cores: int, tiles: Path) -> dict[str, Any]:
    """Return :func:`measure` of a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        return executor.submit(measure, cores, tiles).result()


def main() -> dict[str, Any]:
    """Return claim and rows: all cores of this machine, and one."""
    with tempfile.TemporaryDirectory() as folder:
        tiles = write_tiles(Path(folder))
        rows = [in_process(cores, tiles) for cores in dict.fromkeys((torch.get_num_threads(), 1))]
    return {"claim": CLAIM, "rows": rows}


if __name__ == "__main__":
    show(main, description=__doc__)
