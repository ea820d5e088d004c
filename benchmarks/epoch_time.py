"""Wall time of a training epoch: from a pack, from FITS files, and the compute alone with the batches in memory.

The network is that of the recipe ``radio_galaxies`` on 150 x 150 px images, binned by 2 as there, dihedral and shift
augmentation. Every source runs in turn, three rounds after a warm-up; seconds are medians, ratios are medians of the
ratios within a round. Two more rows time the reading alone.

Run ``python benchmarks/epoch_time.py`` for a table, with ``--json`` for one line of JSON.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astropy.io import fits
from outcome import show

from merkhet.config.data import Columns, Data
from merkhet.config.experiment import Experiment
from merkhet.config.load import validate
from merkhet.data.augment import Augmenter
from merkhet.data.loader import TrainSampler, make_loader
from merkhet.data.pack import pack
from merkhet.data.sample import Batch
from merkhet.recipes import load_recipe
from merkhet.simulate.radio_galaxies import simulate
from merkhet.tasks.base import Task
from merkhet.train.prepare import Prepared, find_samples, prepare, starting_task

IMAGES = 640
BATCH = 32
ROUNDS = 3
CLAIM = "an epoch from a pack costs at most 1.05 times the compute alone"


def prepare_from(table: Path) -> Prepared:
    """Return the recipe's samples from a table or a pack."""
    experiment = validate(Experiment, load_recipe("radio_galaxies", [f"data.table={table}"]), source="benchmark")
    return prepare(*find_samples(experiment))


def batches_of(prepared: Prepared) -> Callable[[], Iterable[Batch]]:
    """Return a function that gives the batches of an epoch, augmented as in training."""
    experiment, rows = prepared.experiment, prepared.rows("train")
    sampler = TrainSampler(len(rows), batch_size=BATCH, seed=0)
    augment = Augmenter(experiment.augment, seed=0, bands=experiment.input.bands)
    return lambda: make_loader(prepared.dataset, rows, sampler, augment=augment)


def train_epoch(task: Task, optimizer: torch.optim.Optimizer, batches: Iterable[Batch]) -> float:
    """Return the seconds of an epoch of training."""
    began = time.perf_counter()
    for batch in batches:
        optimizer.zero_grad()
        task.loss(task(batch), batch).total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return time.perf_counter() - began


def read_epoch(batches: Iterable[Batch]) -> float:
    """Return the seconds of reading an epoch without training."""
    began = time.perf_counter()
    for _ in batches:
        pass
    return time.perf_counter() - began


def astropy_epoch(folder: Path, rows: np.ndarray) -> float:
    """Return the seconds of reading the same images file by file with astropy, with no augmentation."""
    files = sorted(folder.glob("*.fits"))
    began = time.perf_counter()
    for row in rows:
        np.asarray(fits.getdata(files[row]), dtype=np.float32)
    return time.perf_counter() - began


def measure(folder: Path) -> list[dict[str, Any]]:
    """Return one row per source of batches."""
    table = simulate(folder / "sky", n=IMAGES, seed=1)
    pack(Data(table=table, columns=Columns(id="source_id")), folder / "pack")
    packed, plain = prepare_from(folder / "pack"), prepare_from(table)
    sources = {"pack": batches_of(packed), "FITS files": batches_of(plain)}
    in_memory = list(sources["pack"]())
    rows = packed.rows("train")
    torch.manual_seed(0)
    task = starting_task(packed.experiment).train()
    optimizer = torch.optim.AdamW(task.parameters(), lr=1e-4)
    train_epoch(task, optimizer, in_memory)
    rounds: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        seconds = {"compute alone": train_epoch(task, optimizer, in_memory)}
        for name, batches in sources.items():
            seconds[f"training from {name}"] = train_epoch(task, optimizer, batches())
            seconds[f"reading {name}, augmented"] = read_epoch(batches())
        seconds["reading with astropy, file by file"] = astropy_epoch(folder / "sky" / "images", rows)
        rounds.append(seconds)
    return [summarize(name, rounds, images=len(rows)) for name in rounds[0]]


def summarize(name: str, rounds: list[dict[str, float]], *, images: int) -> dict[str, Any]:
    """Return medians over the rounds."""
    seconds = statistics.median(one[name] for one in rounds)
    return {
        "epoch": name,
        "seconds": round(seconds, 3),
        "images per second": round(images / seconds),
        "ratio to compute": round(statistics.median(one[name] / one["compute alone"] for one in rounds), 3),
    }


def main() -> dict[str, Any]:
    """Measure in a temporary folder and return claim and rows."""
    with tempfile.TemporaryDirectory() as folder:
        return {"claim": CLAIM, "rows": measure(Path(folder))}


if __name__ == "__main__":
    show(main, description=__doc__)
