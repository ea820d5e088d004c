"""Seconds and peak memory per 4000 x 4000 image of the packaged model ``radio-quality`` and of CnnGleam.

CnnGleam, the published classifier of radio snapshots, stands here as published, layer by layer in plain eager torch,
with its standardization. Ours is what ``predict`` runs, with its normalization and, in a line of its own, with all that
``predict`` does for an array: noise, checks, the row of the catalog. The weights of CnnGleam are drawn.

All take turns in rounds; seconds are medians, ratios are medians of the ratios within a round. Peak memory is that of a
process of its own, Python, torch and the image included.

Run ``python benchmarks/radio_quality.py`` for a table, with ``--json`` for one line of JSON.
"""

import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

# Threads that spin while they wait would slow the method whose turn it is. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import numpy.typing as npt
import torch
from outcome import show
from torch import Tensor, nn

SIDE = 4000
LARGE = 8000
ROUNDS = 5
CLAIM = "a 4000 x 4000 image in a tenth of the seconds and a third of the memory that CnnGleam takes"
PUBLISHED = "CnnGleam, torch, eager"
OURS = "radio-quality"
WHOLE = "radio-quality, all that predict does"

Run = Callable[[], Any]


class CnnGleam(nn.Sequential):
    """The published classifier: 70,168,906 parameters for images of 4000 x 4000 px."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(1, 16, 15, padding=7), nn.ReLU(), nn.MaxPool2d(3)),
            *(nn.Conv2d(16, 32, 9, padding=4), nn.ReLU(), nn.MaxPool2d(3)),
            *(nn.Conv2d(32, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3)),
            *(nn.Flatten(), nn.Linear(700_928, 100), nn.Dropout(0.1), nn.Linear(100, 50), nn.Linear(50, 4)),
        )


def make_image(side: int) -> npt.NDArray[np.float32]:
    """Return noise with sources of all brightnesses."""
    rng = np.random.default_rng(0)
    image = rng.normal(size=(side, side)).astype(np.float32)
    image[rng.integers(0, side, 500), rng.integers(0, side, 500)] += 10 * rng.pareto(1, 500).astype(np.float32)
    return image


def published(image: npt.NDArray[np.float32]) -> Run:
    """Return what classifies the image as published."""
    network = CnnGleam().eval()

    def answer() -> Tensor:
        with torch.inference_mode():
            x = torch.from_numpy(image)[None, None]
            probabilities: Tensor = network((x - x.mean()) / x.std()).softmax(dim=1)
            return probabilities

    return answer


def ours(image: npt.NDArray[np.float32], *, whole: bool) -> Run:
    """Return what classifies the image by the packaged model: all that predict does, or normalization and network."""
    from merkhet.infer.model import load
    from merkhet.tasks.apply import apply_task

    model = load("radio-quality", device="cpu")
    if whole:
        return lambda: model.predict(image)
    batch = {
        "image": torch.from_numpy(image)[None, None],
        "valid": torch.ones(1, 1, *image.shape, dtype=torch.bool),
        "noise": torch.ones(1, 1),
        "scale": torch.ones(1),
        "index": torch.zeros(1, dtype=torch.int64),
    }
    return lambda: list(apply_task(model._task, [batch], device=model.backend.device))


def make(method: str, image: npt.NDArray[np.float32]) -> Run:
    """Return what classifies the image by a method."""
    return published(image) if method == PUBLISHED else ours(image, whole=method == WHOLE)


def peak_mb(method: str, side: int) -> float:
    """Classify one image in this process and return its peak memory."""
    make(method, make_image(side))()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def seconds_by_round(methods: tuple[str, ...]) -> dict[str, list[float]]:
    """Let the methods take turns and return the seconds of each in every round."""
    image = make_image(SIDE)
    runs = {method: make(method, image) for method in methods}
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {method: [] for method in methods}
    for _ in range(ROUNDS):
        for method, run in runs.items():
            began = time.perf_counter()
            run()
            seconds[method].append(time.perf_counter() - began)
    return seconds


def main() -> dict[str, Any]:
    """Measure, each peak in a process of its own, and return claim and rows."""
    methods = (PUBLISHED, OURS, WHOLE)
    context = multiprocessing.get_context("spawn")
    cases = [*((method, SIDE) for method in methods), (OURS, LARGE), (WHOLE, LARGE)]
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        peaks = {case: pool.submit(peak_mb, *case).result() for case in cases}
    seconds = seconds_by_round(methods)
    rows: list[dict[str, Any]] = []
    for method, side in cases:
        taken, first = seconds[method], peaks[PUBLISHED, SIDE]
        faster = statistics.median(a / b for a, b in zip(seconds[PUBLISHED], taken, strict=True))
        timed = side == SIDE
        rows.append(
            {
                "method": method,
                "image": f"{side} x {side}",
                "seconds": round(statistics.median(taken), 2) if timed else "",
                "times as fast": round(faster, 1) if timed else "",
                "peak MB": round(peaks[method, side]),
                "memory, published over this": round(first / peaks[method, side], 1) if timed else "",
            }
        )
    return {"claim": CLAIM, "rows": rows}


if __name__ == "__main__":
    show(main, description=__doc__)
