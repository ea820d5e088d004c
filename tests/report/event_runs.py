"""Small synthetic run folders on events: answers that know something, every table that a run leaves behind."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.table import Table

from merkhet.bundle.spec import seal
from merkhet.config.array_experiment import ArrayBundleSpec, ArrayExperiment
from merkhet.config.arrays import CameraPixels, TelescopeInput, pack_pixels
from merkhet.evaluate.cherenkov.scores import compare_events, evaluate_events
from merkhet.io.tables import write_table
from tests.report.runs import history
from tests.showers import predictions

CAMERA = CameraPixels(
    type="LST", camera="LSTCam", pixel_shape="square", pixels=pack_pixels(np.eye(2)), tel_ids=(1, 2)
)  # fmt: skip


def experiment(folder: Path, *, slots: Any = "triggered", **changes: Any) -> ArrayExperiment:
    spec = TelescopeInput(types=("LST",), slots=slots, cameras=(CAMERA,))
    model = {"kind": "telescope_array", "combination": {"kind": "mean"}, "backbone": {"kind": "cnn", "widths": [4]}}
    content = {
        "name": "Toy <showers>",
        "data": {"files": [str(folder / "gamma.h5")], "select": {"energy": {"min": 0.1}, "multiplicity": 2}},
        "input": spec.model_dump(),
        "model": model,
        "task": {"kind": "array_events", "particles": {"proton": [101], "gamma": [0]}},
        **changes,
    }
    return ArrayExperiment.model_validate(content)


def answers(n: int, *, seed: int, groups: int) -> Table:
    table = Table(predictions(n, seed=seed))
    table["id"] = np.arange(n).astype(str)
    table["group"], table["split"], table["is_valid"] = np.arange(n) % groups, "test", True
    table["energy_uncertainty"], table["direction_uncertainty_deg"] = 0.2 * table["energy"], 0.15
    return table


def write_event_run(
    folder: Path, *, sides: tuple[str, ...] = ("val", "test"), trees: bool = True, groups: int = 200, **changes: Any
) -> Path:
    """Write a complete run folder and return it."""
    spec, rng, n = experiment(folder, **changes), np.random.default_rng(2), 400
    (folder / "bundle").mkdir(parents=True)
    (folder / "baselines").mkdir()
    (folder / "experiment.yaml").write_text(yaml.safe_dump(spec.model_dump(mode="json")))
    metrics: dict[str, Any] = {}
    for seed, side in enumerate(sides):
        table = answers(n, seed=seed, groups=groups)
        metrics[side] = evaluate_events(table, n_bootstrap=50)
        counts = {name: int((table["true_particle"] == name).sum()) for name in ("proton", "gamma")}
        metrics[side] |= {"classes": counts, "baselines": {}, "against": {}}
        if trees:
            other = table.copy()
            other["gammaness"] = 0.5 * other["gammaness"] + 0.5 * rng.random(n)
            write_table(other, folder / "baselines" / f"trees_{side}.parquet")
            metrics[side]["baselines"]["trees"] = evaluate_events(other, n_bootstrap=50)
            metrics[side]["against"]["trees"] = compare_events(table, other, n_bootstrap=50)["scores"]
        write_table(table, folder / f"predictions_{side}.parquet")
    (folder / "metrics.json").write_text(json.dumps(metrics))
    provenance = {
        "created": "2026-01-02T03:04:05Z",
        "merkhet": "0.1.0",
        "versions": {"torch": "2.13.0"},
        "seed": 42,
        "data_fingerprint": "9f86d081884c7d65",
        "rows": {"train": 900, "val": n, "test": n},
        "train_counts": {"proton": 500, "gamma": 400},
        "epochs": (7,),
        "experiment": {},
    }
    parts = {name: getattr(spec, name).model_dump() for name in ("input", "normalize", "model", "task")}
    bundle = ArrayBundleSpec.model_validate({**parts, "provenance": provenance, "weights_sha256": "ab" * 32})
    (folder / "bundle" / "bundle.json").write_text(seal(bundle).model_dump_json())
    side_of = np.repeat(["train", "val", "test"], [900, n, n])
    samples = {"group": np.arange(len(side_of)) // 2, "shower_primary_id": np.arange(len(side_of)) % 2 * 101}
    write_table(Table({**samples, "split": side_of}), folder / "samples.parquet")
    write_table(history(rng), folder / "history.csv")
    write_table(Table([["a.h5"], ["label"], ["no class"]], names=("file", "stage", "reason")), folder / "rejects.csv")
    return folder
