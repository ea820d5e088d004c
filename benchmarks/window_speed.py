"""Windows of a tile by the published full halo model: a Python loop over windows, or the exact windowed scan.

The loop is the published algorithm: each window of 64 x 64 px is cut and preprocessed by itself, batches of 64 go
through plain torch in float32. The scan answers for the same windows (stride 16 on a tile of 512 px) as if each had
been cut out; finding and centering its candidates is part of its time. The network has the published architecture and
weights that were drawn, with batch norms as after training: the speed is that of any weights.

The methods take turns in rounds; ratios are medians of the ratios within a round.

Run ``python benchmarks/window_speed.py`` for a table, with ``--json`` for one line of JSON.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from methods import METHODS, measurable
from outcome import show

from merkhet.bundle.foreign import FOREIGN
from merkhet.bundle.store import build_task, load_bundle, save_bundle
from merkhet.config.bundle import BundleSpec, Provenance
from merkhet.scan.field import Field
from merkhet.scan.images import SkyTile, list_tiles, read_tile
from merkhet.scan.windows import WindowDetector
from merkhet.simulate.halos import Survey, simulate_survey
from merkhet.tasks.base import Task

WINDOW, STRIDE, BATCH, SIDE = 64, 16, 64, 512
ROUNDS = 3
CLAIM = (
    "the exact windowed scan is at least 1.8 times as fast as a loop over windows in torch float32, 2.2 times with "
    "OpenVINO in float32, 4.5 times in bf16"
)


def write_bundle(folder: Path) -> Path:
    """Write a bundle of the published full model with drawn weights."""
    torch.manual_seed(0)
    experiment = FOREIGN["halo_full"].experiment
    parts: dict[str, Any] = {name: getattr(experiment, name) for name in ("task", "model", "normalize")}
    task = build_task(**parts, spec=experiment.input).train()
    with torch.no_grad():
        for _ in range(30):  # moves the statistics of the norms
            image = torch.rand(16, 1, WINDOW, WINDOW)
            task({"image": image, "valid": torch.ones_like(image, dtype=torch.bool), "noise": torch.ones(16, 1)})
    origin = Provenance(
        created="", merkhet="", versions={}, seed=0, data_fingerprint="", rows={}, epochs=(), experiment={}
    )
    spec = BundleSpec(**parts, input=experiment.input, read=experiment.data.read, provenance=origin, weights_sha256="")
    save_bundle(folder, spec, task.state_dict())
    return folder


def loop(task: Task, tile: SkyTile) -> tuple[float, np.ndarray]:
    """Return the seconds of the published algorithm, and its probabilities."""
    began, answers = time.perf_counter(), []
    last = SIDE - WINDOW
    places = [(y, x) for y in range(0, last + 1, STRIDE) for x in range(0, last + 1, STRIDE)]
    with torch.inference_mode():
        for start in range(0, len(places), BATCH):
            cut = []
            for y, x in places[start : start + BATCH]:
                window = np.log1p(np.maximum(np.nan_to_num(tile.counts[y : y + WINDOW, x : x + WINDOW]), 0))
                span = window.max() - window.min()
                cut.append((window - window.min()) / span if span > 0 else np.zeros_like(window))
            x_in = torch.from_numpy(np.stack(cut)[:, None].astype(np.float32))
            answers.append(torch.sigmoid(task.head(task.network(x_in)))[:, 0].numpy())  # type: ignore[operator]
    return time.perf_counter() - began, np.concatenate(answers)


def scan(detector: WindowDetector, tile: SkyTile) -> tuple[float, np.ndarray]:
    """Return the seconds of the scan, and its probabilities."""
    began = time.perf_counter()
    (grid,) = detector.detect(Field(tile)).grids
    seconds = time.perf_counter() - began
    return seconds, 1 / (1 + np.exp(-grid.maps["logit"].ravel()))


def main() -> dict[str, Any]:
    """Return claim and rows; without OpenVINO only those of torch."""
    methods, claim = measurable(METHODS, CLAIM)
    with tempfile.TemporaryDirectory() as folder:
        bundle = write_bundle(Path(folder, "bundle"))
        simulate_survey(Path(folder, "sky"), tiles=1, seed=7, survey=Survey(size_px=SIDE))
        tile = read_tile(list_tiles([Path(folder, "sky", "tiles.csv")])[0])
        task = load_bundle(bundle).task
        detectors = {
            name: WindowDetector(
                str(bundle), stride=STRIDE, device="cpu", backend=METHODS[name][0], precision=METHODS[name][1]
            )
            for name in methods
        }
    rounds: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        seconds, expected = loop(task, tile)
        found = {name: scan(detector, tile) for name, detector in detectors.items()}
        rounds.append({"loop": seconds, **{name: one[0] for name, one in found.items()}})
    windows = len(expected)
    rows: list[dict[str, Any]] = []
    for name in rounds[0]:
        change = "" if name == "loop" else f"{np.nanmax(np.abs(found[name][1] - expected)):.1e}"
        rows.append(
            {
                "method": "loop over windows, torch f32" if name == "loop" else f"scan, {name}",
                "windows per second": round(windows / statistics.median(one[name] for one in rounds)),
                "ratio to the loop": round(statistics.median(one["loop"] / one[name] for one in rounds), 2),
                "largest change of a probability": change,
            }
        )
    return {"claim": claim, "rows": rows}


if __name__ == "__main__":
    show(main, description=__doc__)
