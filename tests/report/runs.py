"""Small synthetic run folders: toy radio galaxies, plausible predictions, every table that a run leaves behind."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from astropy.io import fits
from astropy.table import Table

from merkhet.bundle.spec import seal
from merkhet.config.bundle import BundleSpec
from merkhet.config.experiment import Experiment
from merkhet.evaluate.scores import evaluate_table
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


def write_image(path: Path, image: npt.NDArray[np.float32], *, ra: float = 180.0, dec: float = 0.0) -> None:
    header = fits.Header({"BUNIT": "Jy/beam", "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg"})
    header.update(CUNIT2="deg", CDELT1=-1.8 / 3600, CDELT2=1.8 / 3600, CRVAL1=ra, CRVAL2=dec)
    header.update(CRPIX1=(SIZE + 1) / 2, CRPIX2=(SIZE + 1) / 2)
    fits.writeto(path, image, header)


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


def bundle(spec: Experiment, *, rows: dict[str, int]) -> BundleSpec:
    provenance = {
        "created": "2026-01-02T03:04:05Z",
        "merkhet": "0.1.0",
        "versions": {"python": "3.13.1", "torch": "2.13.0", "numpy": "2.4.0"},
        "seed": 42,
        "data_fingerprint": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "rows": rows,
        "epoch": 7,
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


def predictions(
    rng: np.random.Generator, folder: Path, *, split: str, mode: str, classes: tuple[str, ...], rows: int, images: int
) -> Table:
    """A prediction table; the first ``images`` rows have a file, the others' files are gone."""
    make: Any = multilabel_table if mode == "multilabel" else single_label_table
    names = {"labels": classes} if mode == "multilabel" else {"classes": classes}
    table = make(rng, rows=rows, groups=max(rows // 3, 1), **names)
    table["id"] = [f"{split}_{row:04d}" for row in range(rows)]
    table["image"] = [str(folder / "images" / f"{name}.fits") for name in table["id"]]
    table["ra"], table["dec"] = rng.uniform(0, 360, rows), rng.uniform(-90, 90, rows)
    (folder / "images").mkdir(exist_ok=True)
    for row in range(images):
        write_image(Path(table["image"][row]), radio_galaxy(rng, separation=rng.uniform(5, 18)))
    return table


def write_run(
    folder: Path,
    *,
    mode: Any = "multiclass",
    classes: tuple[str, ...] = ("FRI", "FRII", "hybrid"),
    name: str = "Toy radio galaxies",
    rows: int = 60,
    images: int = 60,
    rejects: int = 3,
    splits: tuple[str, ...] = ("val", "test"),
) -> Path:
    """Write a complete run folder and return it."""
    rng = np.random.default_rng(1)
    spec = experiment(folder, mode=mode, classes=classes, name=name)
    (folder / "bundle").mkdir(parents=True)
    (folder / "experiment.yaml").write_text(yaml.safe_dump(spec.model_dump(mode="json")))
    counts = {name: 100 * (k + 1) for k, name in enumerate(classes)}
    train_rows = 400 if mode == "multilabel" else sum(counts.values())
    metrics = {}
    for split in splits:
        table = predictions(rng, folder, split=split, mode=mode, classes=classes, rows=rows, images=images)
        write_table(table, folder / f"predictions_{split}.parquet")
        task: dict[str, Any] = {"mode": mode, "classes": classes, "threshold": 0.5, "n_bootstrap": 200}
        metrics[split] = evaluate_table(table, **task, train_counts=counts, train_rows=train_rows)
    counted = {"train": train_rows, **dict.fromkeys(splits, rows)}
    (folder / "bundle" / "bundle.json").write_text(seal(bundle(spec, rows=counted)).model_dump_json())
    (folder / "metrics.json").write_text(json.dumps(metrics))
    sides = np.repeat(list(counted), list(counted.values()))
    fields = [f"field {n // 3}" for n in range(len(sides))]
    write_table(Table({"field": fields, "split": sides}), folder / "samples.parquet")
    write_table(history(rng), folder / "history.csv")
    files = [f"images/bad_{n:03d}.fits" for n in range(rejects)]
    reasons = ["every pixel is NaN or infinite; expected some valid pixels"] * rejects
    write_table(
        Table([files, ["read"] * rejects, reasons], names=("file", "stage", "reason"), dtype=(str,) * 3),
        folder / "rejects.csv",
    )
    return folder
