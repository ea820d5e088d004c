"""Small synthetic run folders on events: answers that know something, every table that a run leaves behind."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml
from astropy.table import Table

from merkhet.bundle.spec import seal
from merkhet.config.array_experiment import ArrayBundleSpec, ArrayExperiment
from merkhet.config.arrays import CameraPixels, TelescopeInput, pack_pixels
from merkhet.evaluate.cherenkov.scores import compare_events, evaluate_events
from merkhet.io.cherenkov.array_spec import describe_array
from merkhet.io.cherenkov.dl1_writer import Dl1Writer
from merkhet.io.cherenkov.reading import open_events
from merkhet.io.tables import read_table, write_table
from tests.io.cherenkov.test_dl1_writer import RUNS
from tests.report.runs import history
from tests.showers import array, events, predictions

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
    table["file_number"], table["obs_id"], table["event_id"] = 0, 1, np.arange(n)
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
        area = {"value": 2e4, "low": 1e4, "high": 3e4}
        metrics[side]["effective_area"] = {
            "all that were recorded": [{"low_tev": 0.1, "high_tev": 1.0, "selected": 4, "area_m2": area}]
        }
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


FEW = 30


def run_on_file(folder: Path, *, slots: str = "triggered") -> Path:
    """Write a file of simulated events, and a run whose ``FEW`` test rows are the first of its events or images."""
    path = folder / "showers.h5"
    with h5py.File(path, "w") as file:
        writer = Dl1Writer(file, subarray=array().subarray)
        writer.write(events(60).take(np.arange(FEW)))
        writer.close(RUNS)
    source = open_events(path)
    cameras = [camera.model_dump() for camera in describe_array(source.subarray)]
    spec = {"kind": "telescopes", "types": source.subarray.type_names, "slots": slots, "cameras": cameras}
    task = {"kind": "array_events", "particles": {"proton": (1, 101), "gamma": (0,)}}
    run = write_event_run(folder / "run", data={"files": [str(path)]}, input=spec, task=task, trees=False)
    table = read_table(run / "predictions_test.parquet")[:FEW]
    index, row = source.index, np.arange(FEW)
    if slots == "mono":
        table["tel_id"] = source.subarray.telescopes["tel_id"][index.slot[:FEW]]
        row = index.events_of(row)
    table["obs_id"], table["event_id"] = index.obs_id_of(row), index.event_id[row]
    table["true_energy"] = index.labels["energy"][row].astype(float)
    for name in ("alt", "az"):
        table[f"true_{name}"] = np.rad2deg(index.labels[name][row].astype(float))
    table["true_particle"] = np.where(index.labels["shower_primary_id"][row] == 0, "gamma", "proton")
    write_table(table, run / "predictions_test.parquet", overwrite=True)
    return run
