"""A small untrained bundle for tests."""

from pathlib import Path

import torch

from merkhet.bundle.store import build_task, save_bundle
from merkhet.config.bundle import BundleSpec, Provenance
from merkhet.config.data import ReadSpec
from merkhet.config.inputs import Band, InputSpec
from merkhet.config.models import CNN
from merkhet.config.normalize import AsinhNoise
from merkhet.config.tasks import Classify
from merkhet.tasks.base import Task

TASK = Classify(mode="binary", classes=("single", "double"))
INPUT = InputSpec(bands=(Band(name="image", unit="Jy/beam"),), shape=(24, 24), pixel_scale_arcsec=1.8)
PROVENANCE = Provenance(
    created="2026-01-01T00:00:00+00:00",
    merkhet="0",
    versions={},
    seed=0,
    data_fingerprint="0" * 64,
    rows={"train": 1},
    epochs=(0,),
    experiment={},
)


def make_task(spec: InputSpec = INPUT, *, seed: int = 0) -> Task:
    torch.manual_seed(seed)
    return build_task(task=TASK, model=CNN(widths=(4, 8)), normalize=AsinhNoise(), spec=spec)


def make_bundle(folder: Path, spec: InputSpec = INPUT, *, seed: int = 0) -> BundleSpec:
    """Write a bundle with random weights."""
    bundle = BundleSpec(
        input=spec,
        read=ReadSpec(),
        normalize=AsinhNoise(),
        model=CNN(widths=(4, 8)),
        task=TASK,
        provenance=PROVENANCE,
        weights_sha256="",
    )
    return save_bundle(folder, bundle, make_task(spec, seed=seed).state_dict())
