"""What a run came to, in a line."""

import json
from typing import Any

from merkhet.io.tables import read_table
from merkhet.train.run import Run


def headline(run: Run) -> str:
    """Return the accuracy on test rows (validation rows where there are none) beside the majority class."""
    metrics: dict[str, Any] = json.loads(run.metrics.read_text(encoding="utf-8"))
    side = "test" if "test" in metrics else "val"
    scores, majority = metrics[side]["scores"], metrics[side]["baselines"]["majority"]
    mine, chance = scores["accuracy"], majority["accuracy"]
    return (
        f"{side} accuracy {mine['value']:.3f} [{mine['low']:.3f}, {mine['high']:.3f}] on {metrics[side]['n']} samples "
        f"in {metrics[side]['n_groups']} groups; always {majority['class']}: {chance['value']:.3f}"
    )


def reject_count(run: Run) -> int:
    """Return how many rows were rejected."""
    return len(read_table(run.rejects))
