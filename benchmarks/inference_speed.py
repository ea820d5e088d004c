"""Images per second and memory of a trained network's answers: plain torch, torch as `predict` runs it, OpenVINO.

Two networks: that of the recipe ``mirabest`` on 75 x 75 px, and a plain CNN of 1.2 million parameters (widths 32 to
256, two convolutions a level) on 64 x 64 px. Each learned for a few steps to tell sources from noise, so that its batch
norms and its probabilities are those of a network at work. Batches of 64 images stand in memory; measured are
normalization, network and head on all cores.

All methods take turns in short rounds; images per second are medians, ratios are medians of the ratios within a round.
Peak memory is that of a process of its own, everything imported included.

Run ``python benchmarks/inference_speed.py`` for a table, with ``--json`` for one line of JSON.
"""

import multiprocessing
import os
import resource
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

# Threads that spin while they wait would slow the method whose turn it is. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from methods import measurable
from outcome import show

from merkhet.bundle.store import build_task
from merkhet.config.experiment import Experiment
from merkhet.config.inference import BackendName, Precision
from merkhet.config.inputs import InputSpec
from merkhet.config.load import validate
from merkhet.config.models import CNN, Model
from merkhet.config.normalize import AsinhNoise
from merkhet.config.tasks import Classify
from merkhet.data.sample import Batch, Target
from merkhet.infer.backends import choose_backend
from merkhet.recipes import load_recipe
from merkhet.tasks.base import Task

BATCH = 64
ROUNDS = 40
STEPS = 20
CLAIM = "answers come at least 1.5 times as fast as from plain torch by default, 2.4 times with OpenVINO in float32"
EAGER = "torch, eager"
METHODS: dict[str, tuple[BackendName, Precision] | None] = {
    EAGER: None,
    "torch, default": ("torch", "f32"),
    "OpenVINO f32": ("openvino", "f32"),
    "OpenVINO bf16": ("openvino", "bf16"),
}
SIDES = {"mirabest": 75, "CNN 32-256": 64}


def make_task(case: str) -> tuple[Task, InputSpec]:
    """Return an untrained task of a case, in evaluation mode."""
    model: Model = CNN(widths=(32, 64, 128, 256), convs_per_level=2)
    if case == "mirabest":
        model = validate(Experiment, load_recipe("mirabest", ["data.table=none"]), source="benchmark").model
    spec = InputSpec(shape=(SIDES[case], SIDES[case]))
    torch.manual_seed(0)
    labels = Classify(mode="binary", classes=("noise", "source"))
    task = build_task(task=labels, model=model, normalize=AsinhNoise(softening=2.0), spec=spec)
    return task.eval(), spec


def make_batch(side: int, *, seed: int, size: int = BATCH) -> Batch:
    """Return noise, with a faint source in every second image."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    label = np.arange(size) % 2
    centers = side * rng.uniform(0.3, 0.7, (2, size, 1, 1))
    image = rng.normal(size=(size, side, side))
    image += label[:, None, None] * 2 * np.exp(-((x - centers[0]) ** 2 + (y - centers[1]) ** 2) / 18)
    pixels = torch.from_numpy(image[:, None].astype(np.float32))
    return {
        "image": pixels,
        "valid": torch.ones_like(pixels, dtype=torch.bool),
        "noise": torch.ones(size, 1),
        "target": {"label": Target("label", torch.from_numpy(label))},
    }


def learn(task: Task, side: int) -> dict[str, torch.Tensor]:
    """Train for a few steps and return the weights."""
    for module in task.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            module.momentum = 0.5  # so few steps leave a slower mean behind the weights
    optimizer = torch.optim.AdamW(task.train().parameters(), lr=1e-3)
    for step in range(STEPS):
        batch = make_batch(side, seed=step)
        optimizer.zero_grad()
        task.loss(task(batch), batch).total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return task.state_dict()


def prepare(case: str, method: str, weights: dict[str, torch.Tensor] | None = None) -> Task:
    """Return the task of a case, arranged as a method says."""
    task, spec = make_task(case)
    if weights is not None:
        task.load_state_dict(weights)
    choice = METHODS[method]
    if choice is not None:
        choose_backend(task, spec=spec, name=choice[0], precision=choice[1], device="cpu")
    return task


def probabilities(task: Task, batch: Batch) -> np.ndarray:
    """Return the probability of a source in every image."""
    with torch.inference_mode():
        columns = task.decode(task(batch), batch).columns
        return np.asarray(columns["p_source"])


def peak_memory(case: str, method: str) -> float:
    """Return the peak memory of this process, in MB, after a few batches."""
    task, batch = prepare(case, method), make_batch(SIDES[case], seed=0)
    for _ in range(3):
        probabilities(task, batch)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_process(case: str, method: str) -> float:
    """Return :func:`peak_memory` of a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        return executor.submit(peak_memory, case, method).result()


def measure(case: str, peaks: dict[str, float]) -> list[dict[str, Any]]:
    """Return one row per method, of which the peak memory is known."""
    weights = learn(make_task(case)[0], SIDES[case])
    tasks = {method: prepare(case, method, weights) for method in peaks}
    batch = make_batch(SIDES[case], seed=STEPS)
    answers = {method: probabilities(task, batch) for method, task in tasks.items()}
    rounds: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        seconds = {}
        for method, task in tasks.items():
            began = time.perf_counter()
            probabilities(task, batch)
            seconds[method] = time.perf_counter() - began
        rounds.append(seconds)
    return [
        {
            "network": f"{case}, {SIDES[case]} px",
            "method": method,
            "images per second": round(BATCH / statistics.median(one[method] for one in rounds)),
            "ratio to eager": round(statistics.median(one[EAGER] / one[method] for one in rounds), 2),
            "peak MB": round(peaks[method]),
            "largest change of a probability": f"{np.abs(answers[method] - answers[EAGER]).max():.1e}",
        }
        for method in peaks
    ]


def main() -> dict[str, Any]:
    """Return claim and rows; without OpenVINO only those of torch."""
    methods, claim = measurable(METHODS, CLAIM)
    # Memory first, while this process is small: a process starts with the peak of the one that it comes from.
    peaks = {case: {method: in_process(case, method) for method in methods} for case in SIDES}
    return {"claim": claim, "rows": [row for case in SIDES for row in measure(case, peaks[case])]}


if __name__ == "__main__":
    show(main, description=__doc__)
