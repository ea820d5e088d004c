"""Heat maps of scored images beside the artifacts that they should show."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.config.experiment import Experiment
from merkhet.data.samples import read_rows, row_paths, sample_groups
from merkhet.errors import ConfigError, InputError
from merkhet.evaluate.localization import Localization, localization, score_localization
from merkhet.evaluate.questions import STRENGTH
from merkhet.evaluate.strengths import Resampling
from merkhet.infer.heatmap import image_stem
from merkhet.io.fits import read_image
from merkhet.io.tables import read_table, require_columns
from merkhet.train.prepare import make_truth
from merkhet.train.run import Run

TRUE = "true_"


def localize(run: Run, folder: Path) -> dict[str, Any]:
    """Score the heat maps of the test rows of a run, or of the table that it was scored on; add that to its metrics.

    Parameters
    ----------
    run
        A run, or what ``merkhet evaluate --table`` made. ``data.columns.truth_map`` of its experiment names the
        column of the files that hold the artifacts alone: one plane for each label, in their order, or one image for
        a single label; relative paths start where those of the images do.
    folder
        Heat maps as ``merkhet predict --heatmap`` names them: ``<stem of the image>_<label>.fits``.

    Returns
    -------
    dict
        For each label, over the images that have it: what
        :func:`merkhet.evaluate.localization.score_localization` gives, and ``missing``: images without a heat map or
        a truth.

    Raises
    ------
    ConfigError
        The experiment names no column of truths, or its task has not several labels.
    InputError
        The table has no such column, a file cannot be used, or there is no heat map at all.
    """
    experiment, table = _table(run)
    truth = make_truth(experiment)
    known = truth.truth_columns(table) | truth.strength_columns(table)
    labels = [name.removeprefix(TRUE) for name in known if name.startswith(TRUE)]
    if not labels:
        raise ConfigError("--heatmaps needs a task of several labels (task.mode=multilabel)")
    pairs = _files(experiment, table, folder, labels)
    group = np.unique(sample_groups(table, experiment.data.columns), return_inverse=True)[1].astype(np.int64)
    scores = {}
    for plane, label in enumerate(labels):
        rows = np.flatnonzero(known[TRUE + label])
        of_row = {row: _compare(*pairs[label][row], plane=plane if len(labels) > 1 else None) for row in rows}
        found = {row: one for row, one in of_row.items() if one is not None}
        there, strength = np.array(list(found), dtype=np.int64), known.get(STRENGTH + label)
        scores[label] = {
            "missing": len(of_row) - len(found),
            **score_localization(
                list(found.values()),
                strength=None if strength is None else strength[there],
                group=group[there],
                resampling=Resampling(seed=experiment.seed),
            ),
        }
    if not any(row["n"] for row in scores.values()):
        one = pairs[labels[0]][0][0].name
        raise InputError(folder, f"no heat map of the images, such as {one}", action="Run merkhet predict --heatmap")
    metrics = run.read_metrics()
    metrics.setdefault("test", {})["localization"] = scores
    run.write_metrics(metrics)
    return scores


def localization_lines(scores: Mapping[str, Any]) -> list[str]:
    """Return a line for each label of :func:`localize`."""
    return [_line(label, row) for label, row in scores.items()]


def _table(run: Run) -> tuple[Experiment, Table]:
    """Return the rows that were scored as test rows."""
    experiment = run.read_experiment()
    column = experiment.data.columns.truth_map
    if column is None:
        raise ConfigError("--heatmaps needs data.columns.truth_map, the column of the files with the artifacts alone")
    if run.samples.is_file():
        table = read_table(run.samples)
        if "split" in table.colnames:  # of folds, every row was a test row
            table = table[np.asarray(table["split"]).astype(str) == "test"]
    else:
        table = read_rows(experiment.data)
        table = table[~make_truth(experiment).unusable(table)[0]]
    require_columns(table, [column], source=experiment.data.table)
    return experiment, table


def _files(
    experiment: Experiment, table: Table, folder: Path, labels: list[str]
) -> dict[str, list[tuple[Path, Path | None]]]:
    """Return, for each label, the heat map and the truth of each row."""
    data = experiment.data
    root = (data.root or data.table.parent).absolute()
    stems = [image_stem(paths[0]) if paths else "" for paths in row_paths(table, data.columns, root=root)]
    names: npt.NDArray[np.str_] = np.asarray(table[data.columns.truth_map]).astype(str)
    truths = [root / str(name) if name else None for name in names]
    return {
        label: [(folder / f"{stem}_{label}.fits", truth) for stem, truth in zip(stems, truths, strict=True)]
        for label in labels
    }


def _compare(heat: Path, truth: Path | None, *, plane: int | None) -> Localization | None:
    """Compare two files; None where one of them is not there."""
    if truth is None or not heat.is_file() or not truth.is_file():
        return None
    artifact, _ = read_image(truth, plane=plane)
    found, _ = read_image(heat)
    if found.shape != artifact.shape:
        raise InputError(heat, f"shape {found.shape}", expected=f"that of {truth.name}, {artifact.shape}")
    return localization(found, artifact)


def _line(label: str, row: Mapping[str, Any]) -> str:
    if not row["n"]:
        return f"{label}: no heat map of an image that has it"
    auc, correlation, share, area = (row[name]["value"] for name in ("auc", "correlation", "share", "area"))
    titles = {"AUC": auc, "rank correlation": correlation, "share of the heat on it": share, "of the area": area}
    said = ", ".join(f"{title} {value:.3f}" for title, value in titles.items() if value is not None)
    return f"{label}: heat maps of {row['n']} images against the artifact: {said}"
