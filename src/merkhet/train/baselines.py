"""Baselines that read no more than the table, or a few numbers of each image."""

from astropy.table import Table, vstack

from merkhet.data.arrays import Rows
from merkhet.evaluate.pixel_statistics import pixel_statistics
from merkhet.train.prepare import Prepared

MAX_TRAIN_ROWS = 5000
"""Training rows that a baseline learns from at most, drawn by the experiment's seed: more would not change it much."""


def baseline_tables(prepared: Prepared, predictions: Table, *, side: str) -> dict[str, Table]:
    """Return what the baselines say of the rows of one side: ``pixels``, and ``metadata`` where declared."""
    train, rows = prepared.some_rows("train", most=MAX_TRAIN_ROWS, salt=0xBA5E), prepared.rows(side)
    if not len(train):
        return {}
    table, seed = prepared.samples.table, prepared.experiment.seed
    features = {}
    if prepared.experiment.input.dims == 2:
        features["pixels"] = (_pixel_features(prepared, train), _pixel_features(prepared, rows))
    metadata = list(prepared.experiment.data.columns.metadata)
    if metadata:
        features["metadata"] = (table[train][metadata], table[rows][metadata])
    said = {
        name: prepared.truth.baseline(predictions, seed=seed, train=table[train], features=pair)
        for name, pair in features.items()
    }
    return {name: answers for name, answers in said.items() if answers is not None}


def _pixel_features(prepared: Prepared, rows: Rows) -> Table:
    bands = [band.name for band in prepared.experiment.input.bands]
    parts = []
    for start in range(0, len(rows), 64):
        batch = prepared.dataset.fetch(rows[start : start + 64])
        image, valid, noise = (batch[key].numpy() for key in ("image", "valid", "noise"))
        parts.append(pixel_statistics(image, valid=valid, noise=noise, bands=bands))
    return vstack(parts)
