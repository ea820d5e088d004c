"""The schema of ensembles: several networks, and several orientations of each image, that answer together."""

from typing import Literal

from pydantic import PositiveInt

from merkhet.config.base import Config

Orientations = Literal["none", "c4", "d4"]


class Ensemble(Config):
    """Whose probabilities are averaged; the temperature is fitted to the average.

    Attributes
    ----------
    members
        Networks trained on the same rows from different seeds: that of the experiment, and those that follow it.
    orientations
        Each image is shown in its four quarter turns (`c4`), or in these and their mirror images (`d4`), whenever the
        model answers. An equivariant network of that group gives the same answer to all of them: leave it at `none`.
    """

    members: PositiveInt = 1
    orientations: Orientations = "none"
