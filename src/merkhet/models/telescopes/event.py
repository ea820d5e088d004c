"""What a network over telescopes says of an event."""

from typing import NamedTuple

from torch import Tensor


class EventVector(NamedTuple):
    """The answer of a network over telescopes.

    Attributes
    ----------
    features
        ``(B, F)``: the vector of each event.
    direction
        ``(B, 2)``: where it came from, deg from the pointing, as far as the network itself works that out; what the
        task measures is added. Zero of networks that leave it to the task.
    """

    features: Tensor
    direction: Tensor


def leave_direction(features: Tensor) -> EventVector:
    """Return the answer of a network that leaves the direction to the task."""
    return EventVector(features, features.new_zeros(len(features), 2))
