"""What a run came to, in a line."""

from merkhet.io.tables import read_table
from merkhet.train.prepare import make_truth
from merkhet.train.run import Run


def headline(run: Run) -> str:
    """Return the score on test rows (validation rows where there are none)."""
    metrics = run.read_metrics()
    side, truth = "test" if "test" in metrics else "val", make_truth(run.read_experiment())
    return f"{side}: {truth.headline(metrics[side])}" if truth.by_sample else truth.headline({})


def reject_count(run: Run) -> int:
    """Return how many rows were rejected."""
    return len(read_table(run.rejects))
