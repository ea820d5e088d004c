"""Does a heat map lie where the artifact is: without a threshold, and against what chance gives."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.stats import rankdata

from merkhet.errors import InputError
from merkhet.evaluate.answers import FloatArray, IntArray
from merkhet.evaluate.bootstrap import bootstrap
from merkhet.evaluate.shares import interval
from merkhet.evaluate.strengths import Resampling

SCALE_PX = 12.0
"""Standard deviation of the Gaussian over which the rms of an artifact is taken, in pixels of the image."""

PEAK_SHARE = 0.5
"""An artifact is where its local rms is above this share of its peak."""


@dataclass(frozen=True)
class Localization:
    """How a heat map and the artifact in an image agree; NaN where a number is not defined.

    Attributes
    ----------
    auc
        Chance that a place with the artifact is hotter than one without: 0.5 for any map that knows nothing.
    correlation
        Spearman's, of heat and local rms: the heat has no unit.
    share
        Share of the heat where the artifact is; what lies below zero counts as no heat.
    area
        Share of the image where the artifact is: what ``share`` would be for an even map. Close to 1, the artifact is
        everywhere, and nothing can be said of its place.
    """

    auc: float
    correlation: float
    share: float
    area: float


SCORES = tuple(field.name for field in fields(Localization))


def localization(heat: npt.ArrayLike, truth: npt.ArrayLike, *, scale_px: float = SCALE_PX) -> Localization:
    """Compare a heat map with the artifact alone.

    Both are averaged in cells of half ``scale_px``, so that a large image costs no more than reading it.

    Parameters
    ----------
    heat
        ``(y, x)``, larger where the artifact is thought to be, in any unit; NaN where nothing is said.
    truth
        ``(y, x)``, the artifact without anything else, in any unit; places where it is NaN count for nothing.
    scale_px
        Over which its rms is taken.

    Raises
    ------
    InputError
        The shapes differ.
    """
    hot, artifact = np.asarray(heat, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if hot.shape != artifact.shape or hot.ndim != 2:
        raise InputError("heat map", f"shape {hot.shape}", expected=f"that of the truth, {artifact.shape}")
    known = np.isfinite(hot) & np.isfinite(artifact)
    cell = max(1, min(int(scale_px / 2), *hot.shape))
    weight = _cells(known.astype(np.float64), cell)
    sigma = scale_px / cell
    power = gaussian_filter(_cells(np.where(known, artifact, 0) ** 2, cell), sigma, mode="constant")
    near = gaussian_filter(weight, sigma, mode="constant")
    used = weight > 0
    if not used.any():
        return Localization(np.nan, np.nan, np.nan, np.nan)
    rms = np.sqrt(power[used] / near[used])
    warmth = _cells(np.where(known, hot, 0), cell)[used] / weight[used]
    return _compare(warmth, rms, weight[used])


def score_localization(
    found: Sequence[Localization], *, strength: FloatArray | None = None, group: IntArray, resampling: Resampling
) -> dict[str, Any]:
    """Average over images; intervals by resampling whole groups.

    Parameters
    ----------
    found
        One for each image that has the artifact.
    strength
        ``(n,)`` of it, if known: the averages are also given for the stronger half.
    group
        ``(n,)`` number of each image's group.

    Returns
    -------
    dict
        ``n``; ``auc, correlation, share, area``, and ``excess``, share less area: ``{value, low, high}`` each; with
        strengths, ``stronger_half``: the same, and ``strength``, from which on.
    """
    values = np.array([astuple(one) for one in found], dtype=np.float64).reshape(-1, len(SCORES))
    result = _averages(values, group, resampling)
    if strength is not None and np.isfinite(strength).any():
        middle = float(np.nanmedian(strength))
        strong = strength >= middle
        result["stronger_half"] = {"strength": middle, **_averages(values[strong], group[strong], resampling)}
    return result


def _averages(values: FloatArray, group: IntArray, resampling: Resampling) -> dict[str, Any]:
    columns: Mapping[str, FloatArray] = {
        **dict(zip(SCORES, values.T, strict=True)),
        "excess": values[:, SCORES.index("share")] - values[:, SCORES.index("area")],
    }
    numbers = np.unique(group, return_inverse=True)[1]
    groups = int(numbers.max(initial=-1)) + 1
    stacked = np.stack(list(columns.values()))
    known = np.isfinite(stacked)
    filled = np.where(known, stacked, 0)

    def mean(weights: FloatArray) -> FloatArray:
        rows = weights[numbers]
        with np.errstate(invalid="ignore"):  # no image that has the score
            return np.asarray((filled @ rows) / (known @ rows))

    whole = mean(np.ones((max(groups, 1), 1)))[:, 0]
    drawn = np.empty((len(columns), 0))
    if groups > 1:
        drawn = bootstrap(mean, groups=groups, rows=len(values), draws=resampling.draws, seed=resampling.seed)
    scores = zip(columns, whole, drawn, strict=True)
    return {
        "n": len(values),
        **{name: interval(float(value), draws, confidence=resampling.confidence) for name, value, draws in scores},
    }


def _cells(values: FloatArray, cell: int) -> FloatArray:
    """Return the mean over whole cells; what is left over at the far edges is left out."""
    rows, columns = (n // cell for n in values.shape)
    return np.asarray(values[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell).mean(axis=(1, 3)))


def _compare(warmth: FloatArray, rms: FloatArray, weight: FloatArray) -> Localization:
    """Compare cells ``(n,)``."""
    inside = rms > PEAK_SHARE * rms.max()
    area = float(weight[inside].sum() / weight.sum())
    ranks = rankdata(warmth)
    hits, misses = int(inside.sum()), int((~inside).sum())
    auc = (ranks[inside].sum() - hits * (hits + 1) / 2) / (hits * misses) if hits and misses else np.nan
    spread = ranks.std() * rankdata(rms).std()
    covariance = (ranks * rankdata(rms)).mean() - ranks.mean() ** 2  # both kinds of ranks have one mean
    heat = weight * warmth.clip(min=0)
    return Localization(
        auc=float(auc),
        correlation=float(covariance / spread) if spread > 0 else np.nan,
        share=float(heat[inside].sum() / heat.sum()) if heat.sum() > 0 else np.nan,
        area=area if hits else np.nan,
    )
