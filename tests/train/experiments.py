"""A tiny experiment on a tiny sky: an epoch takes a blink."""

from pathlib import Path
from typing import Any

from merkhet.config.experiment import Experiment
from merkhet.config.load import apply_overrides, validate

BASE: dict[str, Any] = {
    "name": "tiny",
    "seed": 7,
    "data": {"columns": {"id": "id", "label": "label", "group": "group"}},
    "augment": [{"kind": "dihedral"}, {"kind": "flux_scale", "sigma": 0.1}],
    "normalize": {"kind": "asinh", "softening": 2.0},
    "model": {"kind": "cnn", "widths": [4, 8], "dropout": 0.2},
    "task": {"kind": "classify", "mode": "binary", "classes": ["single", "double"]},
    "train": {
        "epochs": 3,
        "batch_size": 8,
        "accelerator": "cpu",
        "devices": 1,
        "optimizer": {"kind": "adamw", "lr": 0.01},
        "schedule": {"kind": "cosine", "warmup_epochs": 0.5},
    },
}


def make_experiment(table: Path, *overrides: str) -> Experiment:
    """Return the tiny experiment with overrides."""
    content = apply_overrides(BASE, [f"data.table={table}", *overrides])
    return validate(Experiment, content, source="tiny.yaml")
