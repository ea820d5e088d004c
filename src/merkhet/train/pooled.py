"""The test rows of all folds in one table, and its scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table, vstack

from merkhet.bundle.spec import read_spec
from merkhet.config.array_experiment import ArrayExperiment
from merkhet.config.bundle import BundleSpec
from merkhet.config.experiment import Experiment
from merkhet.config.tasks import need_classifier
from merkhet.data.duplicates import duplicate_pixels
from merkhet.data.measured import PREFIX
from merkhet.errors import InputError
from merkhet.io.tables import read_table, write_table
from merkhet.train.assess import Thresholds, score_tables, thresholds_of
from merkhet.train.event_baselines import TREES
from merkhet.train.event_scores import score_event_tables
from merkhet.train.gallery import pool_galleries
from merkhet.train.history import write_histories
from merkhet.train.run import Run


def pool(run: Run) -> dict[str, Any]:
    """Put the test rows of all folds into one table, score it, and write both into the run.

    Raises
    ------
    InputError
        A fold is not finished.
    """
    experiment = run.read_experiment()
    folds = [run.fold(number) for number in range(1, experiment.split.folds + 1)]
    for fold in folds:
        if not fold.metrics.is_file():
            raise InputError(
                fold.folder, "this fold is not finished", action="Go on with the same command and --resume"
            )
    samples, predictions = _pool_samples(folds), _pool_tables([fold.predictions("test") for fold in folds])
    baselines = {
        name: _pool_tables([fold.baseline(name, "test") for fold in folds]) for name in folds[0].baseline_names("test")
    }
    _write_pooled(run, folds, samples, predictions, baselines)
    if isinstance(experiment, ArrayExperiment):
        metrics = score_event_tables(predictions, baselines.get(TREES), task=experiment.task, seed=experiment.seed)
    else:
        metrics = _score_images(run, folds, samples, predictions, baselines, experiment=experiment)
    result = {"test": metrics, "folds": [_of_fold(n, fold) for n, fold in enumerate(folds, start=1)]}
    run.write_metrics(result)
    return result


def _write_pooled(
    run: Run, folds: list[Run], samples: Table, predictions: Table, baselines: Mapping[str, Table]
) -> None:
    for path, table in {
        run.samples: samples,
        run.predictions("test"): predictions,
        **{run.baseline(name, "test"): table for name, table in baselines.items()},
    }.items():
        write_table(table, path, overwrite=True)
    write_histories({n: fold.history for n, fold in enumerate(folds, start=1)}, run.history, by="fold")


def _score_images(
    run: Run,
    folds: list[Run],
    samples: Table,
    predictions: Table,
    baselines: Mapping[str, Table],
    *,
    experiment: Experiment,
) -> dict[str, Any]:
    """Score the images of all folds, and keep the most telling ones."""
    gallery = pool_galleries(
        predictions,
        [read_table(fold.gallery("test")) for fold in folds],
        task=need_classifier(experiment.task, to="be pooled"),
    )
    write_table(gallery, run.gallery("test"), overwrite=True)
    origin = [read_spec(fold.bundle, schema=BundleSpec).provenance for fold in folds]
    metrics = score_tables(
        predictions,
        baselines,
        experiment=experiment,
        origin=origin,
        thresholds=_thresholds(folds, np.asarray(predictions["fold"])),
    )
    metrics["duplicates"] = len(duplicate_pixels(np.asarray(samples[PREFIX + "crc"]), np.asarray(samples["fold"])))
    return metrics


def _thresholds(folds: list[Run], fold: npt.NDArray[np.int64]) -> Thresholds:
    """Return the thresholds that the validation rows of the folds chose, for each row that of its fold."""
    chosen = [thresholds_of(run.read_metrics()["val"]) for run in folds]
    return {
        name: {
            label: np.array([of_fold[name][label] for of_fold in chosen])[fold - 1]
            for label in labels
            if all(label in of_fold.get(name, {}) for of_fold in chosen)
        }
        for name, labels in chosen[0].items()
    }


def _pool_samples(folds: list[Run]) -> Table:
    """Return the samples with the fold that tests each of them, in place of its side in one fold."""
    tables = [read_table(fold.samples) for fold in folds]
    tested = np.stack([np.asarray(table["split"]).astype(str) == "test" for table in tables])
    if not (tested.sum(axis=0) == 1).all():
        raise InputError(
            folds[0].folder.parent, "a row is a test row in no fold or in several", action="Train them anew"
        )
    samples = tables[0]
    samples["split"] = tested.argmax(axis=0) + 1
    samples.rename_column("split", "fold")
    return samples


def _pool_tables(paths: list[Path]) -> Table:
    """Join tables of predictions; the column ``fold`` stands behind ``split``."""
    tables = [read_table(path) for path in paths]
    for number, table in enumerate(tables, start=1):
        table.add_column([number] * len(table), name="fold", index=table.colnames.index("split") + 1)
    joined: Table = vstack(tables, metadata_conflicts="silent")
    joined.meta = tables[0].meta  # lists in it were joined as well
    return joined


def _of_fold(number: int, fold: Run) -> dict[str, Any]:
    metrics = fold.read_metrics()["test"]
    return {"fold": number, **{name: metrics[name] for name in ("n", "n_groups", "scores")}}
