"""Scores of a catalog of detections against the truth, alone and beside another catalog of the same tiles."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from astropy.table import Table

from merkhet.evaluate.bootstrap import bootstrap, percentile_interval
from merkhet.evaluate.calibration import Calibration, calibration_errors, reliability, wilson
from merkhet.evaluate.matching import (
    LEAST_TOLERANCE_ARCSEC,
    SIZE_TOLERANCE,
    Outcome,
    match,
    read_detections,
    read_truth,
)
from merkhet.evaluate.operating import Matched, completeness, operate, thresholds_at
from merkhet.evaluate.paired import two_sided
from merkhet.evaluate.resampled import check_resampling, interval_row
from merkhet.evaluate.tiling import BoolArray, FloatArray, Tiling

POINTS = {"catalog": np.inf, "1 per tile": 1.0, "0.1 per tile": 0.1}
"""Where scores are given: for the whole catalog, and at the thresholds that leave so many false alarms a tile."""
CURVE_PER_TILE = tuple(np.geomspace(0.01, 100, 41).round(4).tolist())
CURVE_SAMPLES = ("all", "snr >= 10", "snr 5-20")
QUANTILES = {"p16": 0.16, "median": 0.5, "p68": 0.68, "p84": 0.84, "p90": 0.9}
Scores: TypeAlias = dict[str, FloatArray]


def match_catalog(catalog: Table, truth: Table, *, tiling: Tiling, source: str | Path, of: str | Path) -> Matched:
    """Match a catalog to the truth.

    Parameters
    ----------
    catalog, truth
        See :func:`~merkhet.evaluate.matching.read_detections` and :func:`~merkhet.evaluate.matching.read_truth`, which
        also say what they raise.
    tiling
        The tiles that were searched.
    source, of
        What messages call the catalog and the truth.
    """
    detections = read_detections(catalog, tiling, source=source)
    listed = read_truth(truth, tiling, source=of)
    return Matched(detections, listed, match(detections, listed, separate=tiling.separate), tiling.areas())


def evaluate_detections(
    matched: Matched, *, seed: int = 0, n_bootstrap: int = 1000, confidence: float = 0.95
) -> dict[str, Any]:
    """Return every score of a catalog as plain numbers, ready for JSON.

    Parameters
    ----------
    matched
        From :func:`match_catalog`.
    seed, n_bootstrap, confidence
        Seed and number of the resamplings of whole tiles, and the share of them that an interval holds. With 0
        resamplings, or with one tile, there are no intervals.

    Returns
    -------
    dict
        ``n_tiles, square_degrees``; ``truth``: number of sources by ``positive, negative, ignored``; ``detections``:
        number by ``hit, false, ignored, outside``;
        ``operating_points``: for ``catalog``, ``1 per tile`` and ``0.1 per tile``: ``{threshold, completeness:
        {sample: {value, low, high, n}}, purity, false_alarms_per_tile, false_alarms_per_square_degree,
        false_alarms_by: {cause: n}}``; a catalog with fewer false alarms counts as a whole, and the interval of a
        completeness is no narrower than that of a binomial (Wilson 1927);
        ``operating_curve``: ``[{false_alarms_per_tile, completeness: {sample: {value, low, high}}}]``;
        ``position_error_arcsec, position_error_of_size`` (over the true size), ``size_ratio`` (over the true size):
        quantiles ``{median, p16, p68, p84, p90}``, each ``{value, low, high}``, of the hits;
        ``calibration``: ``{ece, rmsce, bins}``: the debiased errors of the probabilities of all detections that
        are hits or false alarms, and their reliability diagram; null where there is no detection;
        ``matching``: the tolerance; ``bootstrap``: ``{n, seed, confidence, unit}``. What is undefined is null.

    Raises
    ------
    InputError
        The number of resamplings or the confidence cannot be.
    """
    check_resampling(n_bootstrap, confidence)
    once = np.ones((matched.tiles, 1))
    value = _scores(matched, once)
    drawn = _resampled([matched], draws=n_bootstrap, seed=seed)[0]
    rows = _intervals(value, drawn, confidence=confidence)
    outcomes, roles = matched.matches.outcome, matched.truth.role
    return {
        "n_tiles": matched.tiles,
        "square_degrees": float(matched.areas.sum()),
        "truth": dict(zip(("positive", "negative", "ignored"), np.bincount(roles, minlength=3).tolist(), strict=True)),
        "detections": {kind.name.lower(): int((outcomes == kind).sum()) for kind in Outcome},
        "operating_points": {name: _point(matched, name, rows, confidence) for name in POINTS},
        "operating_curve": [
            {
                "false_alarms_per_tile": rate,
                "completeness": {
                    sample: _widened(rows[f"curve {rate:g}: {sample}"], matched.samples[sample], confidence)
                    for sample in CURVE_SAMPLES
                },
            }
            for rate in CURVE_PER_TILE
        ],
        **{name: {q: rows[f"{name}: {q}"] for q in QUANTILES} for name in _errors(matched)},
        "calibration": _calibration(matched, draws=n_bootstrap, seed=seed, confidence=confidence),
        "matching": {"least_arcsec": LEAST_TOLERANCE_ARCSEC, "of_size": SIZE_TOLERANCE},
        "bootstrap": {"n": n_bootstrap, "seed": seed, "confidence": confidence, "unit": "tile"},
    }


def compare_detections(
    a: Matched, b: Matched, *, seed: int = 0, n_bootstrap: int = 1000, confidence: float = 0.95
) -> dict[str, Any]:
    """Compare two catalogs of the same tiles at equal rates of false alarms.

    Both are scored on the same resamplings of the tiles, so that what is hard about a tile cancels in the difference.

    Returns
    -------
    dict
        For each operating point (see :func:`evaluate_detections`), for each score ``{a, b, difference, low, high,
        p_value}`` as in :func:`merkhet.evaluate.paired.paired_bootstrap`.
    """
    check_resampling(n_bootstrap, confidence)
    once = np.ones((a.tiles, 1))
    first, second = _scores(a, once), _scores(b, once)
    drawn_a, drawn_b = _resampled([a, b], draws=n_bootstrap, seed=seed)
    compared: dict[str, Any] = {name: {} for name in POINTS}
    for key in first:
        point, _, score = key.partition(": ")
        if point not in POINTS:
            continue
        difference = (drawn_a[key] - drawn_b[key])[None]
        low, high = percentile_interval(difference, confidence=confidence)
        numbers = (first[key], second[key], first[key] - second[key], low, high, two_sided(difference))
        names = ("a", "b", "difference", "low", "high", "p_value")
        compared[point][score] = {name: _number(n[0]) for name, n in zip(names, numbers, strict=True)}
    return compared


def _scores(matched: Matched, weights: FloatArray) -> Scores:
    """Return every score ``(draws,)`` under weights ``(tiles, draws)`` of the tiles, by name."""
    scores: Scores = {}
    for name, threshold in zip(POINTS, _thresholds(matched, weights), strict=True):
        operated = operate(matched, threshold=threshold, weights=weights)
        scores |= {f"{name}: {score}": values for score, values in operated.items()}
    curve = thresholds_at(matched, per_tile=CURVE_PER_TILE, weights=weights)
    for rate, threshold in zip(CURVE_PER_TILE, curve, strict=True):
        shares = completeness(matched, threshold=threshold, weights=weights, samples=CURVE_SAMPLES)
        scores |= {f"curve {rate:g}: {name}": values for name, values in shares.items()}
    hit = matched.matches.outcome == Outcome.HIT
    weight = weights[matched.truth.tile[matched.matches.truth[hit]]]
    for name, errors in _errors(matched).items():
        quantiles = _weighted_quantiles(errors, weight, list(QUANTILES.values()))
        scores |= {f"{name}: {q}": row for q, row in zip(QUANTILES, quantiles, strict=True)}
    return scores


def _thresholds(matched: Matched, weights: FloatArray) -> FloatArray:
    """Return the threshold ``(points, draws)`` of each of the :data:`POINTS`."""
    return thresholds_at(matched, per_tile=list(POINTS.values()), weights=weights)


def _errors(matched: Matched) -> Scores:
    """Return the errors of position and size of each hit."""
    hit = matched.matches.outcome == Outcome.HIT
    size, away = matched.truth.size_arcsec[matched.matches.truth[hit]], matched.matches.separation_arcsec[hit]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = away / size, matched.detections.size_arcsec[hit] / size
    return {"position_error_arcsec": away, "position_error_of_size": ratios[0], "size_ratio": ratios[1]}


def _weighted_quantiles(values: FloatArray, weights: FloatArray, shares: Sequence[float]) -> FloatArray:
    """Return quantiles ``(shares, draws)`` of values that count as often as the weights ``(n, draws)`` say.

    The quantile is the first value at which that share of the weight is reached; values that are not finite are left
    out.
    """
    order = np.argsort(values, kind="stable")
    order = order[np.isfinite(values[order])]
    if not len(order):
        return np.full((len(shares), weights.shape[1]), np.nan)
    reached = weights[order].cumsum(axis=0)
    wanted = [values[order][(reached >= share * reached[-1]).argmax(axis=0)] for share in shares]
    return np.where(reached[-1] > 0, wanted, np.nan)


def _resampled(compared: Sequence[Matched], *, draws: int, seed: int) -> list[Scores]:
    """Return the scores ``(draws,)`` of each catalog under the same resamplings of the tiles."""
    tiles = compared[0].tiles
    rows = max(max(len(one.false_alarms[0]), len(one.truth.role)) for one in compared)
    draws = draws if tiles > 1 else 0
    names = list(_scores(compared[0], np.ones((tiles, 1))))

    def statistic(weights: FloatArray) -> FloatArray:
        return np.stack([values for one in compared for values in _scores(one, weights).values()])

    samples = np.empty((len(names) * len(compared), 0))
    if draws:
        samples = bootstrap(statistic, groups=tiles, rows=rows, draws=draws, seed=seed)
    return [dict(zip(names, part, strict=True)) for part in np.split(samples, len(compared))]


def _intervals(value: Scores, drawn: Mapping[str, FloatArray], *, confidence: float) -> dict[str, dict[str, Any]]:
    """Return ``{value, low, high}`` of each score."""
    low, high = percentile_interval(np.stack([drawn[name] for name in value]), confidence=confidence)
    numbers = zip(value, low, high, strict=True)
    return {name: interval_row(np.array([value[name][0], least, most])) for name, least, most in numbers}


def _point(matched: Matched, name: str, rows: Mapping[str, dict[str, Any]], confidence: float) -> dict[str, Any]:
    """Return what is said of one operating point."""
    threshold = float(_thresholds(matched, np.ones((matched.tiles, 1)))[list(POINTS).index(name), 0])
    counted = (matched.matches.outcome == Outcome.FALSE) & (matched.detections.probability > threshold)
    causes, numbers = np.unique(matched.matches.cause[counted], return_counts=True)
    return {
        "threshold": _number(threshold),
        "completeness": {
            sample: {**_widened(rows[f"{name}: completeness {sample}"], which, confidence), "n": int(which.sum())}
            for sample, which in matched.samples.items()
        },
        **{
            score: rows[f"{name}: {score}"]
            for score in ("purity", "false_alarms_per_tile", "false_alarms_per_square_degree")
        },
        "false_alarms_by": dict(sorted(zip(causes.tolist(), numbers.tolist(), strict=True), key=lambda row: -row[1])),
    }


def _widened(row: Mapping[str, Any], which: BoolArray, confidence: float) -> dict[str, Any]:
    """Return a share whose interval is no narrower than that of a binomial.

    However the tiles are drawn, a sample that was found whole stays so, and its interval would have no width.
    """
    if row["low"] is None or row["value"] is None:
        return dict(row)
    low, high = wilson(np.array([row["value"]]), rows=np.array([float(which.sum())]), level=confidence)
    return {"value": row["value"], "low": min(row["low"], float(low[0])), "high": max(row["high"], float(high[0]))}


def _calibration(matched: Matched, *, draws: int, seed: int, confidence: float) -> dict[str, Any] | None:
    """Return the calibration of all candidates that count, with intervals as those of a prediction table have them."""
    counted = np.isin(matched.matches.outcome, (Outcome.HIT, Outcome.FALSE))
    counted &= matched.detections.tile >= 0
    if not counted.any():
        return None
    probability, right = matched.detections.probability[counted], matched.matches.outcome[counted] == Outcome.HIT
    tile = matched.detections.tile[counted]
    calibration = Calibration(probability, right, groups=tile)
    groups = len(np.unique(tile))
    value = calibration_errors(calibration.debiased(np.ones((groups, 1))))
    samples = np.empty((2, 0))
    if draws and groups > 1:
        drawn = bootstrap(calibration.debiased, groups=groups, rows=len(tile), draws=draws, seed=seed)
        samples = calibration_errors(drawn - calibration.inflation()[:, None])
    low, high = percentile_interval(samples, confidence=confidence)
    errors = np.concatenate([value, low[:, None], high[:, None]], axis=1)
    return {
        "ece": interval_row(errors[0]),
        "rmsce": interval_row(errors[1]),
        "n": int(counted.sum()),
        **reliability(probability, right, groups=tile, level=confidence),
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
