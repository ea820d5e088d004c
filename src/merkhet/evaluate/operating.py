"""Completeness and purity of a catalog at a threshold, or at a rate of false alarms, under resampled tiles."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from merkhet.evaluate.matching import Detections, Matches, Outcome, Truth
from merkhet.evaluate.tiling import BoolArray, FloatArray, IntArray

SNR_EDGES = (5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0)
SIZE_EDGES_ARCSEC = (0.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0)


@dataclass(frozen=True, eq=False)
class Matched:
    """A catalog, the truth and their matches, on ``tiles`` tiles.

    Attributes
    ----------
    detections, truth, matches
        See :mod:`merkhet.evaluate.matching`.
    areas
        Square degrees ``(tiles,)`` that each tile owns.
    """

    detections: Detections
    truth: Truth
    matches: Matches
    areas: FloatArray

    @property
    def tiles(self) -> int:
        """Their number."""
        return len(self.areas)

    @cached_property
    def samples(self) -> dict[str, BoolArray]:
        """What completeness is given for: which sources to be found ``(positives,)`` each name stands for.

        All of them have a ratio of 5 or more where the truth is the simulator's.
        """
        truth, rows = self.truth, self.truth.positive
        snr, size, kind = truth.snr[rows], truth.size_arcsec[rows], truth.kind[rows]
        samples = {"all": np.ones(len(snr), dtype=bool), "snr >= 10": snr >= 10, "snr 5-20": (snr >= 5) & (snr < 20)}
        samples |= _intervals("snr", snr, SNR_EDGES) | _intervals("size", size, SIZE_EDGES_ARCSEC)
        return samples | {f"kind {name}": kind == name for name in np.unique(kind).tolist()}

    @cached_property
    def found(self) -> FloatArray:
        """Probability ``(positives,)`` with which each source was found; ``-inf`` for one that was missed."""
        detection = self.matches.detection[self.truth.positive]
        if not len(self.detections.probability):
            return np.full(len(detection), -np.inf)
        return np.where(detection >= 0, self.detections.probability[detection], -np.inf)

    @cached_property
    def false_alarms(self) -> tuple[FloatArray, IntArray]:
        """Probability of the false alarms, falling, and the tile of each."""
        rows = np.flatnonzero(self.matches.outcome == Outcome.FALSE)
        rows = rows[np.argsort(-self.detections.probability[rows], kind="stable")]
        return self.detections.probability[rows], self.detections.tile[rows]


def thresholds_at(matched: Matched, *, per_tile: npt.ArrayLike, weights: FloatArray) -> FloatArray:
    """Return the lowest thresholds ``(rates, draws)`` that leave at most so many false alarms a tile.

    What counts lies *above* a threshold. It is the probability of the first false alarm that is too many, or ``-inf``
    where the whole catalog has no more.

    Parameters
    ----------
    per_tile
        Mean numbers of false alarms ``(rates,)``.
    weights
        ``(tiles, draws)``: how often each tile counts.
    """
    probability, tile = matched.false_alarms
    summed = weights[tile].cumsum(axis=0)  # (false alarms, draws)
    allowed = np.outer(weights.sum(axis=0), np.asarray(per_tile))  # (draws, rates)
    first = [column.searchsorted(limits, side="right") for column, limits in zip(summed.T, allowed, strict=True)]
    return np.asarray(np.append(probability, -np.inf)[np.stack(first, axis=1)])


def completeness(
    matched: Matched, *, threshold: FloatArray, weights: FloatArray, samples: Iterable[str]
) -> dict[str, FloatArray]:
    """Return the share ``(draws,)`` of each of the :attr:`Matched.samples` that was found above a threshold.

    Parameters
    ----------
    threshold
        ``(draws,)``.
    weights
        ``(tiles, draws)``: how often each tile counts.
    samples
        Which are wanted.
    """
    weight = weights[matched.truth.tile[matched.truth.positive]]  # (positives, draws)
    found = weight * (matched.found[:, None] > threshold)
    rows = {name: matched.samples[name] for name in samples}
    with np.errstate(invalid="ignore"):  # 0 / 0: nothing to be found
        return {name: found[which].sum(axis=0) / weight[which].sum(axis=0) for name, which in rows.items()}


def operate(matched: Matched, *, threshold: FloatArray, weights: FloatArray) -> dict[str, FloatArray]:
    """Score the detections above a threshold.

    Parameters
    ----------
    threshold
        ``(draws,)``.
    weights
        ``(tiles, draws)``: how often each tile counts.

    Returns
    -------
    dict
        Scores ``(draws,)``, NaN where undefined: ``completeness <sample>``; ``purity``, the share of the detections
        that are hits, those that are ignored left out; ``false_alarms_per_tile`` and
        ``false_alarms_per_square_degree``, for which sky that tiles share counts once.
    """
    probability, tile = matched.false_alarms
    summed = np.concatenate([np.zeros((1, weights.shape[1])), weights[tile].cumsum(axis=0)])
    false = np.take_along_axis(summed, (-probability).searchsorted(-threshold)[None], axis=0)[0]
    weight = weights[matched.truth.tile[matched.truth.positive]]
    hits = (weight * (matched.found[:, None] > threshold)).sum(axis=0)
    shares = completeness(matched, threshold=threshold, weights=weights, samples=matched.samples)
    with np.errstate(invalid="ignore"):  # 0 / 0: nothing found
        return {
            **{f"completeness {name}": values for name, values in shares.items()},
            "purity": hits / (hits + false),
            "false_alarms_per_tile": false / weights.sum(axis=0),
            "false_alarms_per_square_degree": false / (matched.areas @ weights),
        }


def _intervals(name: str, values: FloatArray, edges: tuple[float, ...]) -> dict[str, BoolArray]:
    """Return which values lie between neighboring edges, the last of which is open."""
    samples = {}
    for low, high in zip(edges, (*edges[1:], np.inf), strict=True):
        text = f"{name} {low:g}-{high:g}" if np.isfinite(high) else f"{name} > {low:g}"
        samples[text] = (values >= low) & (values < high)
    return samples
