"""Several networks, and several orientations of each image, that answer together."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from merkhet.config.ensemble import Orientations
from merkhet.data.sample import Batch
from merkhet.models.group_convolution import ORDER, transform
from merkhet.tasks.base import Loss, Outputs, Prediction, Task


class Ensemble(Task):
    """Networks of one architecture whose answers to every orientation of an image are averaged.

    Averaging the probabilities of networks that differ in their seed alone makes them better and less sure of
    themselves (Lakshminarayanan et al. 2017, arXiv:1612.01474); a temperature fitted to the average cures what it
    overshoots (Rahaman & Thiery 2021, arXiv:2007.08792). How outputs are averaged is the task's
    :meth:`~merkhet.tasks.base.Task.combine`. An ensemble answers; its members learn one by one.

    Parameters
    ----------
    members
        Tasks of equal schemas.
    orientations
        Elements of the group of quarter turns (``c4``) or of these and reflections (``d4``) that each image is shown
        in. Turning exchanges the axes of an image that is not square.
    """

    def __init__(self, members: Sequence[Task], *, orientations: Orientations = "none") -> None:
        nn.Module.__init__(self)  # the networks are those of the members
        self.members = nn.ModuleList(members)
        self._elements = range(1 if orientations == "none" else ORDER[orientations])

    def leaves(self) -> list[Task]:
        """Return the members."""
        return list(self.members)  # type: ignore[arg-type]

    def forward(self, batch: Batch) -> Outputs:
        """Return the combined outputs of all members for all orientations."""
        turned = (_turn(batch, element) for element in self._elements)
        return self._first.combine([member(view) for view in turned for member in self.members])

    def loss(self, out: Outputs, batch: Batch) -> Loss:
        """Compare the combined outputs with the truth."""
        return self._first.loss(out, batch)

    def decode(self, out: Outputs, batch: Batch) -> Prediction:
        """Turn the combined outputs into answers."""
        return self._first.decode(out, batch)

    def calibrated(self, out: Outputs, batch: Batch) -> Any:
        """Return the schema fitted to the combined outputs."""
        return self._first.calibrated(out, batch)

    def parameter_groups(self) -> Iterator[dict[str, Any]]:
        """Yield those of every member."""
        for member in self.leaves():
            yield from member.parameter_groups()

    @property
    def _first(self) -> Task:
        return self.leaves()[0]


def _turn(batch: Batch, element: int) -> Batch:
    """Show the images of a batch in another orientation; the first one is theirs."""
    if element == 0:
        return batch
    return {**batch, **{name: transform(batch[name], element) for name in ("image", "valid")}}
