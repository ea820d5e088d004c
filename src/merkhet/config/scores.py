"""Schemas of the scores: what is measured of a model beyond the scores that every model gets."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from merkhet.config.base import Config

Rate = Annotated[float, Field(gt=0, lt=1)]


class Scores(Config):
    """How the answers to each label, or class, are scored as a search for something rare.

    Attributes
    ----------
    false_alarm_rate
        Share of the images without the label that may be called to have it, where recall is given.
    prevalence
        Shares of images with the label on the sky for which precision is given.
    strength_edges
        Rising edges of the bins of ``data.columns.strength`` in which recall is given: each holds its lower edge, the
        last one is open. Empty: four bins that hold equally many images.
    statistics
        Sets of image statistics from which a baseline of boosted trees learns, a baseline for each: ``pixels``
        (noise, flux, size, power), ``radio`` (these and what is known to betray interference and sidelobes).
    """

    false_alarm_rate: Rate = 0.005
    prevalence: tuple[Rate, ...] = (0.01, 0.02, 0.03)
    strength_edges: tuple[float, ...] = ()
    statistics: tuple[Literal["pixels", "radio"], ...] = ("pixels",)

    @model_validator(mode="after")
    def _edges_rise(self) -> Self:
        if any(a >= b for a, b in zip(self.strength_edges, self.strength_edges[1:], strict=False)):
            raise ValueError(f"strength_edges {list(self.strength_edges)} do not rise")
        return self


class EventScores(Config):
    """How the answers for events of an array are scored.

    Attributes
    ----------
    trees
        Set the scores beside those of gradient-boosted trees on Hillas parameters: of single images where samples are
        images (`input.slots` `mono`), else with the geometry of the event.
    tree_events
        Training samples that the trees learn from at most, drawn by the seed.
    """

    trees: bool = True
    tree_events: PositiveInt = 200_000
