"""Small synthetic run folders: toy radio galaxies, plausible predictions, every table that a run leaves behind."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from astropy.table import Table, vstack

from merkhet.bundle.spec import seal
from merkhet.config.bundle import BundleSpec
from merkhet.config.experiment import Experiment
from merkhet.config.scores import Scores
from merkhet.evaluate.answers import read_answers
from merkhet.evaluate.examples import choose_examples
from merkhet.evaluate.labels import label_scores
from merkhet.evaluate.questions import as_labels
from merkhet.evaluate.rivals import against_baselines
from merkhet.evaluate.scores import evaluate_table
from merkhet.evaluate.strengths import Resampling
from merkhet.io.tables import write_table
from tests.evaluate.tables import multilabel_table, single_label_table

SIZE = 48


def radio_galaxy(rng: np.random.Generator, *, separation: float) -> npt.NDArray[np.float32]:
    """Two lobes and a core on noise, in Jy/beam."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    angle = rng.uniform(0, np.pi)
    image = 1e-4 * rng.normal(size=(SIZE, SIZE))
    for place, flux in ((-1, 2e-3), (0, 1e-3), (1, 3e-3)):
        dx, dy = place * separation * np.cos(angle), place * separation * np.sin(angle)
        image += flux * np.exp(-((x - dx) ** 2 + (y - dy) ** 2) / (2 * 2.5**2))
    return image.astype(np.float32)


def experiment(folder: Path, *, mode: str, classes: tuple[str, ...], name: str) -> Experiment:
    columns = {"group": "field", "label": [f"is_{c}" for c in classes] if mode == "multilabel" else "label"}
    content = {
        "name": name,
        "description": "Toy radio galaxies, told apart by the distance of their lobes.",
        "data": {"table": folder / "images" / "catalogue.csv", "columns": columns, "where": {"confident": 1}},
        "input": {"bands": [{"name": "I", "unit": "Jy/beam"}], "shape": [SIZE, SIZE], "pixel_scale_arcsec": 1.8},
        "task": {"kind": "classify", "mode": mode, "classes": classes},
        "augment": [{"kind": "dihedral"}],
    }
    return Experiment.model_validate(content)


def bundle(
    spec: Experiment, *, rows: dict[str, int], train_counts: dict[str, int], epochs: Iterable[int] = (7,)
) -> BundleSpec:
    provenance = {
        "created": "2026-01-02T03:04:05Z",
        "merkhet": "0.1.0",
        "versions": {"python": "3.13.1", "torch": "2.13.0", "numpy": "2.4.0"},
        "seed": 42,
        "data_fingerprint": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "rows": rows,
        "train_counts": train_counts,
        "epochs": tuple(epochs),
        "experiment": spec.model_dump(mode="json"),
    }
    content = {"input": spec.input, "read": spec.data.read, "normalize": spec.normalize, "model": spec.model}
    return BundleSpec.model_validate(
        {**content, "task": spec.task, "provenance": provenance, "weights_sha256": "ab" * 32}
    )


def history(rng: np.random.Generator, *, epochs: int = 12) -> Table:
    epoch = np.arange(epochs)
    loss = 0.9 * np.exp(-epoch / 4) + 0.15 + 0.01 * rng.normal(size=epochs)
    columns = {"epoch": epoch, "lr": 1e-3 * (0.5 + 0.5 * np.cos(np.pi * epoch / epochs)), "train_loss": loss}
    columns |= {"val_loss": loss + 0.08 + 0.002 * epoch, "val_accuracy": 1 - 0.5 * loss, "seconds": 30.0 + 0 * epoch}
    return Table(columns)


def predictions(rng: np.random.Generator, *, split: str, mode: str, classes: tuple[str, ...], rows: int) -> Table:
    make: Any = multilabel_table if mode == "multilabel" else single_label_table
    names = {"labels": classes} if mode == "multilabel" else {"classes": classes}
    table = make(rng, rows=rows, groups=max(rows // 3, 1), **names)
    table["id"] = [f"{split}_{row:04d}" for row in range(rows)]
    table["image"] = [f"gone/{name}.fits" for name in table["id"]]
    table["ra"], table["dec"] = rng.uniform(0, 360, rows), rng.uniform(-90, 90, rows)
    return table


def gallery(rng: np.random.Generator, table: Table, **task: Any) -> Table:
    """The images worth a look, as scoring leaves them in the run."""
    chosen = choose_examples(table, **task)
    chosen.remove_column("row")
    chosen["pixel_scale_arcsec"] = 1.8
    chosen["pixels"] = np.stack([radio_galaxy(rng, separation=rng.uniform(5, 18)) for _ in chosen])
    return chosen


def write_run(
    folder: Path,
    *,
    mode: Any = "multiclass",
    classes: tuple[str, ...] = ("FRI", "FRII", "hybrid"),
    name: str = "Toy radio galaxies",
    rows: int = 60,
    folds: int = 0,
    members: int = 1,
    rejects: int = 3,
    splits: tuple[str, ...] = ("val", "test"),
) -> Path:
    """Write a complete run folder and return it; with folds, that of the pooled rows and the bundles of the folds."""
    rng = np.random.default_rng(1)
    spec = experiment(folder, mode=mode, classes=classes, name=name)
    folder.mkdir(parents=True)
    (folder / "experiment.yaml").write_text(yaml.safe_dump(spec.model_dump(mode="json")))
    counts = {name: 100 * (k + 1) for k, name in enumerate(classes)}
    train_rows = 400 if mode == "multilabel" else sum(counts.values())
    task: dict[str, Any] = {"mode": mode, "classes": classes, "threshold": 0.5}
    learned: dict[str, Any] = {"train_counts": counts, "train_rows": train_rows}
    metrics: dict[str, Any] = {}
    for split in ("test",) if folds else splits:
        table = predictions(rng, split=split, mode=mode, classes=classes, rows=rows)
        metrics[split] = evaluate_table(table, **task, **learned, n_bootstrap=200)
        labels = as_labels(read_answers(table, **task))
        resampling = Resampling(draws=100)
        metrics[split]["labels"] = label_scores(labels, table, settings=Scores(), resampling=resampling)
        metrics[split]["against"] = against_baselines(labels, {"pixels": labels}, resampling=resampling)
        write_table(gallery(rng, table, **task), folder / f"gallery_{split}.parquet")
        if folds:
            table["fold"] = np.arange(rows) % folds + 1
            metrics["folds"] = [score_fold(table, number, **task) for number in range(1, folds + 1)]
        write_table(table, folder / f"predictions_{split}.parquet")
    (folder / "metrics.json").write_text(json.dumps(metrics))
    counted = {"train": train_rows, **dict.fromkeys(splits, rows)}
    if folds:
        counted = {"train": rows // 2, "val": rows - rows // 2 - rows // folds, "test": rows // folds}
        counts = {name: metrics["test"]["per_class"][name]["support"] // 2 for name in classes}
    for place in [folder / "folds" / str(n) for n in range(1, folds + 1)] or [folder]:
        (place / "bundle").mkdir(parents=True)
        found = bundle(spec, rows=counted, train_counts=counts, epochs=range(7, 7 + members))
        (place / "bundle" / "bundle.json").write_text(seal(found).model_dump_json())
    sides = np.repeat(list(counted), list(counted.values()))
    fields = [f"field {n // 3}" for n in range(len(sides))]
    tested = {"fold": np.arange(len(sides)) % folds + 1} if folds else {"split": sides}
    write_table(Table({"field": fields, **tested}), folder / "samples.parquet")
    write_table(histories(rng, folds=folds, members=members), folder / "history.csv")
    files = [f"images/bad_{n:03d}.fits" for n in range(rejects)]
    reasons = ["every pixel is NaN or infinite; expected some valid pixels"] * rejects
    write_table(
        Table([files, ["read"] * rejects, reasons], names=("file", "stage", "reason"), dtype=(str,) * 3),
        folder / "rejects.csv",
    )
    return folder


def score_fold(table: Table, number: int, **task: Any) -> dict[str, Any]:
    result = evaluate_table(table[table["fold"] == number], **task, n_bootstrap=50)
    return {"fold": number, **{name: result[name] for name in ("n", "n_groups", "scores")}}


def histories(rng: np.random.Generator, *, folds: int, members: int) -> Table:
    """One training, or one for each fold and each of several members."""
    tables = []
    for fold in range(1, max(folds, 1) + 1):
        for member in range(1, members + 1):
            table = history(rng)
            if members > 1:
                table.add_column([member] * len(table), name="member", index=0)
            if folds:
                table.add_column([fold] * len(table), name="fold", index=0)
            tables.append(table)
    joined: Table = vstack(tables)
    return joined
