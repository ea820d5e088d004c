"""Whether a run may be resumed: the same experiment on the same data, or a line that says what differs."""

from collections.abc import Iterator
from typing import Any

from merkhet.config.experiment import Experiment
from merkhet.errors import InputError
from merkhet.io.tables import read_table
from merkhet.train.prepare import Prepared, data_paths
from merkhet.train.run import Run

FREE = {
    f"train.{name}"
    for name in ("epochs", "workers", "devices", "num_nodes", "strategy", "accelerator", "tensorboard", "stats")
} | {"name", "description", "data.table", "data.root", "data.files", "data.max_reject_fraction"}
"""Keys that may change: how long and where a run goes on, and where its data lie."""


def check_resumable(prepared: Prepared, run: Run, saved: Experiment) -> None:
    """Compare the experiment and the data with those that the run was started with.

    Raises
    ------
    InputError
        Names the first key that differs and both its values, or says that the data differ.
    """
    old, new = saved.model_dump(mode="json"), prepared.experiment.model_dump(mode="json")
    for key, before, now in _differences(old, new):
        if key not in FREE:
            raise InputError(
                run.experiment_file,
                f"the run was started with {key}={before}, not {now}",
                action="Resume it with the same recipe and overrides, or train into a new folder",
            )
    if read_table(run.samples).meta.get("fingerprint") != prepared.fingerprint():
        raise InputError(
            data_paths(prepared.experiment)[0] or run.folder,
            "rows, pixels, labels or sides are not those that the run was started with",
            action="Restore the data, or train into a new folder",
        )


def _differences(old: Any, new: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _differences(old.get(name), new.get(name), f"{key}.{name}" if key else name)
    elif old != new:
        yield key, old, new
