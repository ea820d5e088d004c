"""Detections against a table of what is truly there: which are hits, which are false alarms, and of what."""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from scipy.spatial import cKDTree

from merkhet.errors import InputError
from merkhet.evaluate.tiling import BoolArray, FloatArray, IntArray, Tiling, sky_vectors
from merkhet.io.tables import require_columns

StrArray = npt.NDArray[np.str_]

ARCSEC = np.pi / 180 / 3600
LEAST_TOLERANCE_ARCSEC = 60.0
SIZE_TOLERANCE = 0.5
"""A match lies within this share of the true radius, or :data:`LEAST_TOLERANCE_ARCSEC` where that is larger."""
CAUSE_REACH_ARCSEC = 180.0
"""A false alarm that matches nothing is laid to what is listed within this distance, or within its own size."""
NEGATIVE_LABEL, UNCLEAR_LABEL = "none", "unclear"


class Outcome(IntEnum):
    """What a detection came to."""

    HIT = 0
    """The best detection of something true."""
    FALSE = 1
    """A false alarm."""
    IGNORED = 2
    """Matches what is neither to be found nor to be avoided: unclear, or cut by the edge of the survey."""
    OUTSIDE = 3
    """On none of the tiles."""


class Role(IntEnum):
    """What a row of the truth is to a score."""

    POSITIVE = 0
    NEGATIVE = 1
    IGNORED = 2


@dataclass(frozen=True, eq=False)
class Truth:
    """What is truly there; every array has a row per source.

    Attributes
    ----------
    name, kind
        Of the source.
    vectors
        Unit vectors ``(n, 3)``.
    size_arcsec
        True radius, NaN where there is none.
    snr
        True signal to noise ratio.
    role
        :class:`Role`.
    tile
        Number of the tile that owns the position, -1 where there is none.
    """

    name: StrArray
    kind: StrArray
    vectors: FloatArray
    size_arcsec: FloatArray
    snr: FloatArray
    role: IntArray
    tile: IntArray

    @property
    def tolerance_arcsec(self) -> FloatArray:
        """How far a detection may lie from it."""
        return np.fmax(LEAST_TOLERANCE_ARCSEC, SIZE_TOLERANCE * self.size_arcsec)  # NaN gives way

    @property
    def positive(self) -> BoolArray:
        """Which rows are to be found."""
        return np.asarray(self.role == Role.POSITIVE)


@dataclass(frozen=True, eq=False)
class Detections:
    """A catalog of detections; every array has a row per detection.

    Attributes
    ----------
    vectors
        Unit vectors ``(n, 3)``.
    probability
        In 0..1.
    size_arcsec
        Radius, NaN where not known.
    tile
        Number of the tile that owns the position, -1 where there is none.
    """

    vectors: FloatArray
    probability: FloatArray
    size_arcsec: FloatArray
    tile: IntArray


@dataclass(frozen=True, eq=False)
class Matches:
    """Which detection is what.

    Attributes
    ----------
    outcome
        :class:`Outcome` of each detection.
    truth
        Row of the truth that each detection hits; -1 for all others.
    separation_arcsec
        Distance of each hit from its truth; NaN for all others.
    cause
        What each false alarm is: the kind of a source that is no halo, ``faint halo`` or ``faint ring`` for one that
        is too faint to count, ``duplicate`` for a further detection of a source, ``part of a halo`` or of a ring, or
        ``nothing listed``. Empty for all others.
    detection
        Row of the detection that hits each row of the truth; -1 where it is missed.
    """

    outcome: IntArray
    truth: IntArray
    separation_arcsec: FloatArray
    cause: StrArray
    detection: IntArray


def read_truth(table: Table, tiling: Tiling, *, source: str | Path) -> Truth:
    """Take the truth from a table such as the simulator's ``truth.ecsv``.

    Parameters
    ----------
    table
        ``ra, dec, kind, label, snr, size`` (radius in arcsec). The label is ``none`` for what is not to be found and
        ``unclear`` for what is neither hit nor false alarm; any other is to be found. ``id`` and ``whole`` if there
        are any: what is not whole is ignored, as is what lies on no tile.
    source
        What messages call the table.

    Raises
    ------
    InputError
        A column is absent, or a position is not finite.
    """
    require_columns(table, ["ra", "dec", "kind", "label", "snr", "size"], source=source)
    vectors = sky_vectors(table, source=source)
    tile, label = tiling.owner(vectors, images=_images(table), source=source), np.asarray(table["label"]).astype(str)
    whole = np.asarray(table["whole"], dtype=bool) if "whole" in table.colnames else np.ones(len(table), dtype=bool)
    role = np.where((label == UNCLEAR_LABEL) | ~whole | (tile < 0), Role.IGNORED, Role.POSITIVE)
    role[label == NEGATIVE_LABEL] = Role.NEGATIVE
    names = np.asarray(table["id"]) if "id" in table.colnames else np.arange(len(table))
    return Truth(
        name=names.astype(str),
        kind=np.asarray(table["kind"]).astype(str),
        vectors=vectors,
        size_arcsec=np.asarray(table["size"], dtype=np.float64),
        snr=np.asarray(table["snr"], dtype=np.float64),
        role=role.astype(np.int64),
        tile=tile,
    )


def read_detections(table: Table, tiling: Tiling, *, source: str | Path) -> Detections:
    """Take the detections from a catalog: ``ra, dec, probability`` and, if there is one, ``size_arcsec``.

    Raises
    ------
    InputError
        A column is absent, a position is not finite, or a probability is not between 0 and 1.
    """
    require_columns(table, ["ra", "dec", "probability"], source=source)
    probability = np.asarray(table["probability"], dtype=np.float64)
    wrong = ~((probability >= 0) & (probability <= 1))  # NaN as well
    if wrong.any():
        raise InputError(source, f"probability {probability[wrong][0]:g}", expected="probabilities between 0 and 1")
    sized = "size_arcsec" in table.colnames
    size = np.asarray(table["size_arcsec"], dtype=np.float64) if sized else np.full(len(table), np.nan)
    vectors = sky_vectors(table, source=source)
    return Detections(vectors, probability, size, tiling.owner(vectors, images=_images(table), source=source))


def _images(table: Table) -> npt.NDArray[Any] | None:
    return np.asarray(table["image"]) if "image" in table.colnames else None


def match(detections: Detections, truth: Truth, *, separate: bool = False) -> Matches:
    """Match detections to the truth on the sky, one to one, the most probable first.

    A detection matches a source that lies within 1 arcmin, or within half the source's true radius where that is
    larger. In the order of their probability, each takes the nearest source that it matches and that is not yet
    taken. What is not to be found, or ignored, can be taken any number of times. So the matches of the detections
    above a threshold are the same, whatever lies below.

    Parameters
    ----------
    detections, truth
        On the same tiles.
    separate
        What lies on different tiles has nothing to do with each other.
    """
    outcome = np.where(detections.tile < 0, Outcome.OUTSIDE, Outcome.FALSE).astype(np.int64)
    taken, separation = np.full(len(outcome), -1), np.full(len(outcome), np.nan)
    detection, again = np.full(len(truth.role), -1), np.zeros(len(outcome), dtype=bool)
    for d, t, distance in zip(*_pairs(detections, truth, separate=separate), strict=True):
        if taken[d] >= 0:
            continue
        if truth.role[t] == Role.POSITIVE:
            if detection[t] >= 0:
                again[d] = True
                continue
            detection[t], outcome[d], separation[d] = d, Outcome.HIT, distance
        elif truth.role[t] == Role.IGNORED:
            outcome[d] = Outcome.IGNORED
        taken[d] = t
    cause = _causes(detections, truth, taken=taken, again=again)
    hit = outcome == Outcome.HIT
    return Matches(
        outcome=outcome,
        truth=np.where(hit, taken, -1),
        separation_arcsec=separation,
        cause=np.where(outcome == Outcome.FALSE, cause, ""),
        detection=detection,
    )


def _pairs(detections: Detections, truth: Truth, *, separate: bool) -> tuple[list[int], list[int], list[float]]:
    """Return detections, sources and distances of all pairs that match, in the order in which they are looked at."""
    reach = truth.tolerance_arcsec
    found = _neighbors(truth.vectors, detections.vectors, reach_arcsec=reach)
    source = np.repeat(np.arange(len(reach)), [len(row) for row in found])
    row = np.concatenate([np.asarray(row, dtype=np.int64) for row in found]) if len(source) else source
    if separate:
        same = detections.tile[row] == truth.tile[source]
        row, source = row[same], source[same]
    chord = np.linalg.norm(detections.vectors[row] - truth.vectors[source], axis=-1)
    distance = 2 * np.arcsin(np.minimum(chord / 2, 1)) / ARCSEC
    order = np.lexsort((source, distance, row, -detections.probability[row]))
    return row[order].tolist(), source[order].tolist(), distance[order].tolist()


def _neighbors(centers: FloatArray, points: FloatArray, *, reach_arcsec: FloatArray) -> list[list[int]]:
    """Return the rows of ``points`` within reach of each center."""
    if not len(points) or not len(centers):
        return [[] for _ in centers]
    chord = 2 * np.sin(0.5 * ARCSEC * reach_arcsec)
    return list(cKDTree(points).query_ball_point(centers, chord))


def _causes(detections: Detections, truth: Truth, *, taken: IntArray, again: BoolArray) -> npt.NDArray[Any]:
    """Name what each detection would be a false alarm of."""
    cause = np.full(len(taken), "nothing listed", dtype=object)
    near = cKDTree(truth.vectors) if len(truth.vectors) else None
    if near is not None and len(taken):
        chord, nearest = near.query(detections.vectors)
        within = chord < ARCSEC * np.fmax(CAUSE_REACH_ARCSEC, detections.size_arcsec)
        cause[within] = _names(truth)[nearest[within]]
    cause[again] = "duplicate"
    cause[taken >= 0] = _names(truth)[taken[taken >= 0]]
    return cause.astype(str)


def _names(truth: Truth) -> npt.NDArray[Any]:
    """Return what a false alarm at each source is called."""
    faint = np.isin(truth.kind, ("halo", "ring"))
    words = np.where(truth.role == Role.NEGATIVE, np.where(faint, "faint ", ""), "part of a ")
    return np.strings.add(words, truth.kind).astype(object)
