"""What a detector's answers are worth: fitted on scanned tiles whose truth is known, at the density of a real sky."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression

from merkhet.bundle.spec import find_bundle, is_packaged
from merkhet.bundle.store import WEIGHTS, load_bundle, save_bundle
from merkhet.config.bundle import BundleSpec
from merkhet.config.tasks import Combination, Detect, FalseAlarms
from merkhet.errors import ConfigError, InputError
from merkhet.evaluate.detection import match_catalog
from merkhet.evaluate.matching import Outcome
from merkhet.evaluate.tiling import read_tiling
from merkhet.execute import Progress
from merkhet.io.tables import read_table
from merkhet.scan.dense import level_of
from merkhet.scan.survey import scan

EVERYTHING = 1e-4
"""Probability from which detections take part: that of a logit of -9."""

LEAST_HITS = 20
"""A calibration on fewer hits would be chance."""

CURVE = 60  # points at most

SHRINKAGE, BIAS_WIDTH = 0.1, 3.0
"""Variance of the prior of the weights, and width of that of the biases in units of the weights'."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Calibrated:
    """What :func:`calibrate` did.

    Attributes
    ----------
    spec
        Of the bundle as it is now.
    hits, false_alarms
        Numbers of detections that it was fitted on.
    square_degrees
        Sky that was searched.
    """

    spec: BundleSpec
    hits: int
    false_alarms: int
    square_degrees: float


def calibrate(
    model: str | Path,
    tiles: Path,
    *,
    truth: Path,
    workers: int = 1,
    progress: Progress | None = None,
) -> Calibrated:
    """Scan tiles with known truth, and write into the bundle how logits become probabilities, and what they let pass.

    The probability that a detection is real is a logistic function of its logit and of those at the same place on the
    next finer and the next coarser level (Platt 1999, for three scores), another for each level; false alarms per
    square degree are counted.
    Both hold for a sky with as many objects, and as many things like them, as these tiles have.

    Parameters
    ----------
    model
        A run or a bundle whose task is to detect; its bundle is changed, and gets another hash.
    tiles
        Table of tiles that took no part in training.
    truth
        Table of what is on them.

    Raises
    ------
    ConfigError
        The model does not detect, or is one that comes with the package.
    InputError
        Tiles or truth cannot be used, or too little of the truth was found.
    """
    if is_packaged(model):
        raise ConfigError(f"{model} comes with the package and is not changed; copy its bundle")
    bundle = load_bundle(model)
    task = bundle.spec.task
    if not isinstance(task, Detect):
        raise ConfigError(f"{model}: its task is {task.kind}; calibration on tiles is for models that detect")
    rows = _everything(bundle.spec, model, tiles, workers=workers, progress=progress)
    tiling = read_tiling(tiles)
    matched = match_catalog(rows, read_table(truth), tiling=tiling, source=tiles, of=truth)
    outcome = matched.matches.outcome
    told = np.isin(outcome, (Outcome.HIT, Outcome.FALSE))
    hits = int((outcome == Outcome.HIT).sum())
    if hits < LEAST_HITS:
        raise InputError(
            truth, f"{hits} of its objects were found", expected=f"{LEAST_HITS} or more", action="Take more tiles"
        )
    assert bundle.task.scan is not None
    level = level_of(rows, stride=bundle.task.scan.stride)
    combination = fit_combination(
        rows[told],
        outcome[told] == Outcome.HIT,
        level=level[told],
        levels=task.levels,
        least=task.combination.least,
    )
    fitted = task.model_copy(update={"combination": combination})
    probability = fitted.probability(*_scores(rows), level=level)
    area = float(tiling.areas().sum())
    curve = count_false_alarms(probability[outcome == Outcome.FALSE], square_degrees=area)
    done = bundle.spec.model_copy(update={"task": fitted.model_copy(update={"false_alarms": curve})})
    sealed = _write(find_bundle(model), find_bundle(model), done)
    return Calibrated(sealed, hits, int((outcome == Outcome.FALSE).sum()), area)


def fit_combination(
    rows: Table, real: npt.NDArray[np.bool_], *, level: npt.NDArray[np.int64], levels: int, least: float
) -> Combination:
    """Return the logistic regression of being real on the logits at the own, the finer and the coarser scale.

    Bias and weight of the own scale differ from level to level, drawn towards those of all (a normal prior): few
    objects are seen at the largest.

    Parameters
    ----------
    rows
        Columns ``score, score_finer, score_coarser``.
    real
        Which of them are.
    level
        Of the pyramid, for each.
    levels
        Their number.
    least
        See :class:`merkhet.config.tasks.Combination`.
    """
    scores = np.stack([np.maximum(np.nan_to_num(score, nan=least), least) for score in _scores(rows)], axis=1)
    at = (level[:, None] == np.arange(levels)).astype(float)
    features = np.concatenate([scores, BIAS_WIDTH * at, scores[:, :1] * at], axis=1)
    fit = LogisticRegression(C=SHRINKAGE, max_iter=5000).fit(features, real)
    (own, finer, coarser), bias, more = np.split(fit.coef_[0], [3, 3 + levels])
    return Combination(
        bias=tuple(float(fit.intercept_[0] + BIAS_WIDTH * value) for value in bias),
        own=tuple(float(own + value) for value in more),
        finer=float(finer),
        coarser=float(coarser),
        least=least,
    )


def count_false_alarms(probability: FloatArray, *, square_degrees: float) -> FalseAlarms:
    """Return how many false alarms a square degree have at least a probability, at up to :data:`CURVE` of them."""
    falling = np.sort(probability)[::-1]
    places = np.unique(np.geomspace(1, max(len(falling), 1), CURVE).astype(int)) - 1
    steps = falling[places][::-1] if len(falling) else np.array([0.0])
    counts = (places + 1)[::-1] if len(falling) else np.array([0])
    # Above the most probable false alarm none was seen: half of one is what can be said.
    return FalseAlarms(
        probability=(*(float(p) for p in steps), 1.0),
        per_square_degree=(*(float(n) / square_degrees for n in counts), 0.5 / square_degrees),
        square_degrees=square_degrees,
    )


def _scores(rows: Table) -> Sequence[FloatArray]:
    return [np.asarray(rows[name], dtype=np.float64) for name in ("score", "score_finer", "score_coarser")]


def _everything(spec: BundleSpec, model: str | Path, tiles: Path, *, workers: int, progress: Progress | None) -> Table:
    """Return all detections by the logit of their own scale alone, with their scores."""
    assert isinstance(spec.task, Detect)
    plain = spec.task.model_copy(update={"combination": Combination(least=spec.task.combination.least)})
    with tempfile.TemporaryDirectory(prefix="merkhet-calibrate-") as folder:
        path = Path(folder, "bundle")
        _write(find_bundle(model), path, spec.model_copy(update={"task": plain}))
        found = scan(path, tiles, threshold=EVERYTHING, measured=False, workers=workers, progress=progress)
    if found.rejects:
        reject = found.rejects[0]
        raise InputError(reject.file, reject.reason, action="Mend the tile, or take it out of the table")
    return found.rows


def _write(source: Path, target: Path, spec: BundleSpec) -> BundleSpec:
    """Write a bundle with the weights of another, or of itself."""
    return save_bundle(target, spec, load_file(source / WEIGHTS))
