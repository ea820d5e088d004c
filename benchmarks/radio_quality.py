"""Seconds and peak memory per 4000 x 4000 image of the packaged model ``radio-quality`` and of CnnGleam.

CnnGleam, the published classifier of radio snapshots, stands here as published, layer by layer in plain eager torch;
its weights are drawn. Like is compared with like: network with network, each with its normalization, of an image in
memory; and from the FITS file to the probabilities. There CnnGleam reads by astropy and standardizes, and ours does all
that ``predict`` does: checks, noise, flags, world coordinates, the row of the catalog.

All take turns in rounds; seconds are medians, ratios are medians of the ratios within a round. Peak memory is that of a
process of its own, Python, torch and the image included.

Run ``python benchmarks/radio_quality.py`` for a table, with ``--json`` for one line of JSON.
"""

import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

# Threads that spin while they wait would slow the method whose turn it is. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import numpy.typing as npt
import torch
from astropy.io import fits
from outcome import show
from torch import Tensor, nn

SIDE = 4000
LARGE = 8000
ROUNDS = 5
CLAIM = "a 4000 x 4000 image in a tenth of the seconds and a third of the memory that CnnGleam takes"
NETWORK, FILE = "network", "from file to answer"
PUBLISHED, OURS = "CnnGleam, torch, eager", "radio-quality"

Run = Callable[[], Any]
Case = tuple[str, str, int]
"""What is done, by which model, side of the image."""


class CnnGleam(nn.Sequential):
    """The published classifier: 70,168,906 parameters for images of 4000 x 4000 px."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(1, 16, 15, padding=7), nn.ReLU(), nn.MaxPool2d(3)),
            *(nn.Conv2d(16, 32, 9, padding=4), nn.ReLU(), nn.MaxPool2d(3)),
            *(nn.Conv2d(32, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3)),
            *(nn.Flatten(), nn.Linear(700_928, 100), nn.Dropout(0.1), nn.Linear(100, 50), nn.Linear(50, 4)),
        )


def write_image(folder: Path, side: int) -> None:
    """Write noise with sources of all brightnesses, in Jy/beam."""
    rng = np.random.default_rng(0)
    image = rng.normal(size=(side, side)).astype(np.float32)
    image[rng.integers(0, side, 500), rng.integers(0, side, 500)] += 10 * rng.pareto(1, 500).astype(np.float32)
    header = fits.Header({"BUNIT": "Jy/beam", "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN"})
    header.update(CRPIX1=side / 2, CRPIX2=side / 2, CDELT1=-0.01, CDELT2=0.01, CRVAL1=30.0, CRVAL2=-27.0)
    fits.writeto(image_path(folder, side), image, header)


def image_path(folder: Path, side: int) -> Path:
    """Return where the image of a size is."""
    return folder / f"{side}.fits"


def read_image(path: Path) -> npt.NDArray[np.float32]:
    """Read an image as a script does, by astropy."""
    return np.asarray(fits.getdata(path), dtype=np.float32)


def published(path: Path, *, what: str) -> Run:
    """Return what classifies the image as published."""
    network = CnnGleam().eval()
    kept = read_image(path) if what == NETWORK else None

    def answer() -> Tensor:
        with torch.inference_mode():
            x = torch.from_numpy(read_image(path) if kept is None else kept)[None, None]
            probabilities: Tensor = network((x - x.mean()) / x.std()).softmax(dim=1)
            return probabilities

    return answer


def ours(path: Path, *, what: str) -> Run:
    """Return what classifies the image by the packaged model."""
    from merkhet.infer.model import load
    from merkhet.tasks.apply import apply_task

    model = load("radio-quality", device="cpu")
    if what == FILE:
        return lambda: model.predict(path)
    image = read_image(path)
    batch = {
        "image": torch.from_numpy(image)[None, None],
        "valid": torch.ones(1, 1, *image.shape, dtype=torch.bool),
        "noise": torch.ones(1, 1),
        "scale": torch.ones(1),
        "index": torch.zeros(1, dtype=torch.int64),
    }
    return lambda: list(apply_task(model._task, [batch], device=model.backend.device))


def make(case: Case, folder: Path) -> Run:
    """Return what does a case."""
    what, method, side = case
    return (published if method == PUBLISHED else ours)(image_path(folder, side), what=what)


def peak_mb(case: Case, folder: Path) -> float:
    """Do a case once in this process and return its peak memory."""
    make(case, folder)()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def seconds_by_round(cases: list[Case], folder: Path) -> dict[Case, list[float]]:
    """Let the cases take turns and return the seconds of each in every round."""
    runs = {case: make(case, folder) for case in cases}
    for run in runs.values():
        run()
    seconds: dict[Case, list[float]] = {case: [] for case in cases}
    for _ in range(ROUNDS):
        for case, run in runs.items():
            began = time.perf_counter()
            run()
            seconds[case].append(time.perf_counter() - began)
    return seconds


def row(case: Case, *, seconds: dict[Case, list[float]], peaks: dict[Case, float]) -> dict[str, Any]:
    """Return a row of the table: a case beside CnnGleam doing the same, where that takes such images."""
    what, method, side = case
    there = (what, PUBLISHED, side)
    cells: dict[str, Any] = {"method": method, "what": what, "image": f"{side} x {side}"}
    cells |= dict.fromkeys(("seconds", "times as fast"), "") | {"peak MB": round(peaks[case])}
    if there not in seconds:
        return cells | {"memory, published over this": ""}
    faster = statistics.median(a / b for a, b in zip(seconds[there], seconds[case], strict=True))
    return cells | {
        "seconds": round(statistics.median(seconds[case]), 3),
        "times as fast": round(faster, 1),
        "memory, published over this": round(peaks[there] / peaks[case], 1),
    }


def main() -> dict[str, Any]:
    """Measure, each peak in a process of its own, and return claim and rows."""
    timed = [(what, method, SIDE) for what in (NETWORK, FILE) for method in (PUBLISHED, OURS)]
    cases = [*timed, (NETWORK, OURS, LARGE), (FILE, OURS, LARGE)]
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
            for side in (SIDE, LARGE):  # not here: a process inherits the peak of the one that starts it
                pool.submit(write_image, folder, side).result()
            peaks = {case: pool.submit(peak_mb, case, folder).result() for case in cases}
        seconds = seconds_by_round(timed, folder)
    return {"claim": CLAIM, "rows": [row(case, seconds=seconds, peaks=peaks) for case in cases]}


if __name__ == "__main__":
    show(main, description=__doc__)
