"""What a run came to, in a line."""

import json
from typing import Any

from merkhet.io.tables import read_table
from merkhet.train.prepare import make_truth
from merkhet.train.run import Run


def headline(run: Run) -> str:
    """Return the score on test rows (validation rows where there are none)."""
    metrics: dict[str, Any] = json.loads(run.metrics.read_text(encoding="utf-8"))
    side = "test" if "test" in metrics else "val"
    return f"{side}: {make_truth(run.read_experiment()).headline(metrics[side])}"


def reject_count(run: Run) -> int:
    """Return how many rows were rejected."""
    return len(read_table(run.rejects))
