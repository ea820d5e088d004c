"""A tile of 3,240 px scanned on its base scale, stride 16, context included: windows one by one, or all at once.

The reference is the published algorithm with the same network: a Python loop that cuts each of the 39,601 windows of
64 x 64 px, in batches of 64, plain torch in float32. It is timed on the first windows of them and scaled. Its windows
carry no context: it does less work than the scan, and gives other answers. A second loop cuts windows with the context
that the network asks for, and gives those of the scan.

Each method has a process of its own, so that its peak memory is its own; the reference is timed in each of them, just
before, and the ratio is to that. The share of the ceiling counts the multiplications and additions of the network:
computed, on blocks with as much of their context as lies on the tile; useful, on the pixels of the tile. The ceiling is
what one convolution of 64 channels reaches here in that precision. Memory is measured on one tile and on eight. As in a
scan, freed memory is kept, for both.

Run ``python benchmarks/scan_speed.py`` for a table, with ``--json`` for one line of JSON.
"""

import multiprocessing
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from methods import METHODS, measurable
from outcome import show
from torch.utils.flop_counter import FlopCounterMode

from merkhet.bundle.store import load_bundle
from merkhet.config.inference import Precision
from merkhet.config.tasks import Detect
from merkhet.scan.dense import BLOCK_PX, DenseDetector
from merkhet.scan.field import Field
from merkhet.scan.images import SkyTile, list_tiles, read_tile
from merkhet.scan.memory import keep_freed
from merkhet.scan.tiles import plan_blocks
from merkhet.simulate.halos import simulate_survey
from merkhet.tasks.base import ScanSpec, Task

MODEL = "halo-scan-lite"
WINDOW, STRIDE, BATCH = 64, 16, 64
LOOPED = 30 * BATCH
ROUNDS = 3
TILES = 8
CLAIM = (
    "a tile is scanned at least 10 times as fast as by windows without context, and 100 times as fast as by windows "
    "that give the same answers"
)


@dataclass(frozen=True)
class Measured:
    """What one process measured: seconds of a tile and of the loops, logits, FLOP/s of the ceiling, memory in MB."""

    seconds: float
    loop_seconds: float
    context_seconds: float
    logit: np.ndarray
    ceiling: float
    peak_mb: tuple[float, float]


def loop(task: Task, tile: SkyTile, *, windows: int, context: int = 0) -> float:
    """Return the seconds that the published algorithm takes for so many windows, each with so much context."""
    bands = [np.pad(band, context) for band in (tile.counts, tile.exposure, tile.background)]
    side = WINDOW + 2 * context
    began, answers = time.perf_counter(), []
    places = [
        (y, x)
        for y in range(0, tile.shape[0] - WINDOW + 1, STRIDE)
        for x in range(0, tile.shape[1] - WINDOW + 1, STRIDE)
    ]
    with torch.inference_mode():
        for start in range(0, windows, BATCH):
            cut = []
            for y, x in places[start : start + BATCH]:
                cut.append(np.stack([band[y : y + side, x : x + side] for band in bands]))
            image = torch.from_numpy(np.stack(cut))
            out = task(
                {
                    "image": image,
                    "valid": image[:, 1:2].gt(0).expand_as(image),
                    "noise": torch.ones(len(cut), 3),
                    "scale": torch.full((len(cut),), tile.pixel_arcsec),
                }
            )
            answers.append(out["cells"][:, 0].amax(dim=(1, 2)).numpy())
    return time.perf_counter() - began


def windows_of(tile: SkyTile) -> int:
    """Return the number of windows of a tile."""
    return int(np.prod([(n - WINDOW) // STRIDE + 1 for n in tile.shape]))


def ceiling(precision: Precision) -> float:
    """Return the FLOP/s of a convolution of 64 channels, channels last, the best of several."""
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    layer = torch.nn.Conv2d(64, 64, 3, padding=1, dtype=kind)
    layer = layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = torch.rand(8, 64, 64, 64).to(kind).contiguous(memory_format=torch.channels_last)
    best = np.inf
    with torch.inference_mode():
        for _ in range(20):
            began = time.perf_counter()
            layer(image)
            best = min(best, time.perf_counter() - began)
    return 2 * 9 * 64 * image.numel() / best


def peak_mb() -> float:
    """Return the peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(method: str, folder: str) -> Measured:
    """Measure one method in this process."""
    keep_freed()
    backend, precision = METHODS[method]
    files = list_tiles([Path(folder, "tiles.csv")])
    detector = DenseDetector(MODEL, backend=backend, precision=precision, device="cpu")
    peaks = []
    for files_of_one in (files[:1], files):
        for one in files_of_one:
            detector.grid(Field(read_tile(one)), 0)
        peaks.append(peak_mb())
    tile = read_tile(files[0])
    plain = load_bundle(MODEL).task
    loop(plain, tile, windows=2 * BATCH)
    seconds, looped = [], []
    for _ in range(ROUNDS):
        looped.append(loop(plain, tile, windows=LOOPED))
        began = time.perf_counter()
        grid = detector.grid(Field(tile), 0)
        seconds.append(time.perf_counter() - began)
    scaled = float(np.median(looped)) * windows_of(tile) / LOOPED
    assert plain.scan is not None
    same = loop(plain, tile, windows=2 * BATCH, context=plain.scan.context) * windows_of(tile) / (2 * BATCH)
    return Measured(
        float(np.median(seconds)), scaled, same, grid.maps["logit"], ceiling(precision), (peaks[0], peaks[1])
    )


def in_process(method: str, folder: str) -> Measured:
    """Return :func:`run` of a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        return executor.submit(run, method, folder).result()


def flop(rows: int, columns: int) -> float:
    """Return the floating-point operations of the network on so many pixels."""
    task = load_bundle(MODEL).task
    with torch.device("meta"):
        image = torch.empty(1, 3, rows, columns)
    network = task.network.to("meta")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(image)
    return float(counter.get_total_flops())


def computed_flop(side: int, scan: ScanSpec) -> float:
    """Return those on all blocks of a square tile."""
    plan = plan_blocks((side, side), side=BLOCK_PX, context=scan.context, align=scan.stride)
    shapes = [[min(part.stop, side) - max(part.start, 0) for part in block.outer] for block in plan.blocks()]
    return sum(flop(rows, columns) for rows, columns in shapes)


def row(method: str, found: Measured, exact: Measured, *, side: int) -> dict[str, Any]:
    """Return the row of a method beside that of torch in float32."""
    bundle = load_bundle(MODEL)
    task, scan = bundle.spec.task, bundle.task.scan
    assert isinstance(task, Detect)
    assert scan is not None
    ours, theirs = (1 / (1 + np.exp(-m.logit)) for m in (found, exact))
    names = [task.category(p[np.isfinite(p)]) for p in (ours, theirs)]
    computed = computed_flop(side, scan)
    return {
        "method": method,
        "seconds per tile": round(found.seconds, 2),
        "ratio to the loop": round(found.loop_seconds / found.seconds, 1),
        "to that with context": round(found.context_seconds / found.seconds, 1),
        "largest change of a probability": f"{np.nanmax(np.abs(ours - theirs)):.1e}",
        "categories changed": f"{np.mean(names[0] != names[1]):.2%}",
        "computed, of the ceiling": f"{computed / found.seconds / found.ceiling:.0%}",
        "useful, of the ceiling": f"{flop(side, side) / found.seconds / found.ceiling:.0%}",
        "peak MB, 1 tile": round(found.peak_mb[0]),
        "peak MB, 8 tiles": round(found.peak_mb[1]),
    }


def main() -> dict[str, Any]:
    """Return claim and rows; without OpenVINO only those of torch."""
    methods, claim = measurable(METHODS, CLAIM)
    with tempfile.TemporaryDirectory() as folder:
        simulate_survey(Path(folder, "sky"), tiles=TILES, seed=7)
        found = {method: in_process(method, str(Path(folder, "sky"))) for method in methods}
        side = read_tile(list_tiles([Path(folder, "sky", "tiles.csv")])[0]).shape[0]
    exact = found["torch f32"]
    loops, same = (
        float(np.median([getattr(one, name) for one in found.values()])) for name in ("loop_seconds", "context_seconds")
    )
    blank = dict.fromkeys(row("torch f32", exact, exact, side=side), "")
    references = [
        blank
        | {"method": "loop over windows, torch f32", "seconds per tile": f"{loops:.0f}", "ratio to the loop": "1.0"},
        blank | {"method": "the same with context", "seconds per tile": f"{same:.0f}", "to that with context": "1.0"},
    ]
    return {"claim": claim, "rows": [*references, *(row(name, one, exact, side=side) for name, one in found.items())]}


if __name__ == "__main__":
    show(main, description=__doc__)
