"""What a task reads from the sample table, and how its answers are scored against that."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.config.data import Columns
from merkhet.config.scores import Scores
from merkhet.data.dataset import TargetSource


class Truth:
    """The truth of a task that has none in the table: every hook has a neutral answer.

    ``by_sample`` says whether the answers for the rows of the table are what is scored after training.

    Parameters
    ----------
    config
        The task's schema.
    columns
        Which column holds what.
    """

    by_sample: ClassVar[bool] = True

    def __init__(self, config: Any, columns: Columns) -> None:
        self.config = config
        self.columns = columns

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that the table must have."""
        return ()

    def unusable(self, table: Table) -> tuple[npt.NDArray[np.bool_], list[str]]:
        """Return which rows cannot be learned from, and the reason for each of those."""
        return np.zeros(len(table), dtype=bool), []

    def targets(self, table: Table) -> dict[str, TargetSource]:
        """Return what is to be learned, by name; row numbers are those of the table."""
        return {}

    def strata(self, table: Table) -> npt.NDArray[np.str_] | None:
        """Return the class of each row, for stratified splits and balanced sampling, if there are classes."""
        return None

    def truth_columns(self, table: Table) -> dict[str, npt.NDArray[Any]]:
        """Return the columns that stand for the truth in a table of predictions."""
        return {}

    def strength_columns(self, table: Table) -> dict[str, npt.NDArray[Any]]:
        """Return the columns of a table of predictions that say how strong what is to be found is, if that is known."""
        return {}

    def resolve(self, table: Table) -> Any:
        """Return the task's schema with what the training rows decide filled in."""
        return self.config

    def train_counts(self, table: Table) -> dict[str, int]:
        """Return how often each answer stands in the training rows: what the majority baseline needs."""
        return {}

    def score(self, predictions: Table, *, seed: int, train_counts: dict[str, int], train_rows: int) -> dict[str, Any]:
        """Score a table of predictions that holds the truth columns."""
        return {}

    def baseline(self, predictions: Table, *, seed: int, train: Table, features: tuple[Table, Table]) -> Table | None:
        """Return what a classical method says of the rows of ``predictions``, as a table of predictions like that.

        Parameters
        ----------
        train
            The training rows.
        features
            What the method sees of the training rows, and of the predicted ones.
        """
        return None

    def score_baseline(self, predictions: Table, *, seed: int) -> dict[str, Any]:
        """Score a table that :meth:`baseline` gave, on the resamplings of :meth:`score`."""
        return {}

    def score_labels(
        self,
        predictions: Table,
        *,
        settings: Scores,
        thresholds: Mapping[str, Any] | None,
        seed: int,
        baseline: bool = False,
    ) -> dict[str, Any]:
        """Score each thing that is searched for by itself.

        ``thresholds`` were chosen on other rows; ``baseline`` says whose predictions these are.
        """
        return {}

    def compare(self, predictions: Table, baselines: Mapping[str, Table], *, seed: int) -> dict[str, Any]:
        """Set the predictions beside the best of the tables that :meth:`baseline` gave."""
        return {}

    def headline(self, scores: dict[str, Any]) -> str:
        """Say in a line what :meth:`score` found."""
        return ""
