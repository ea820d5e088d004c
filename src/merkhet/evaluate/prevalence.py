"""What a threshold comes to on the sky, where what is searched for is rarer than in any test set."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from merkhet.evaluate.answers import BoolArray, FloatArray
from merkhet.evaluate.questions import Question
from merkhet.evaluate.shares import Share, interval
from merkhet.evaluate.strengths import Resampling


def precision_at(
    recall: npt.ArrayLike, false_alarm_rate: npt.ArrayLike, *, prevalence: float
) -> npt.NDArray[np.float64]:
    r"""Return the share of true ones among the images that are called to have a label.

    Bayes: :math:`\pi r / (\pi r + (1 - \pi) f)` for the recall :math:`r`, the rate of false alarms :math:`f` and the
    prevalence :math:`\pi`. NaN where no image is called so.
    """
    hits = prevalence * np.asarray(recall, dtype=float)
    with np.errstate(invalid="ignore"):
        return np.asarray(hits / (hits + (1 - prevalence) * np.asarray(false_alarm_rate, dtype=float)))


def operating_point(
    question: Question,
    *,
    threshold: float | FloatArray | None,
    prevalence: Sequence[float],
    resampling: Resampling,
) -> dict[str, Any]:
    """Return recall, false alarms and precision at a threshold that was chosen without these rows.

    Parameters
    ----------
    threshold
        What is found lies above it: one number, or one per row ``(n,)``. None takes the model's own decisions.
    prevalence
        Shares of images with the label for which to give the precision.

    Returns
    -------
    dict
        ``threshold``, null where it is none or not the same for all rows; ``recall``, ``false_alarm_rate``:
        ``{value, low, high}``; ``precision``: for each prevalence, ``{prevalence, value, low, high}``. Recall and
        rate of false alarms are drawn as independent of each other. Null where not defined.
    """
    said: BoolArray = question.said if threshold is None else np.asarray(question.probability > threshold)
    truth, rng = question.truth, np.random.default_rng([resampling.seed, 0xBA7E])
    recall, false = (Share.of(said[rows], question.group[rows]) for rows in (truth, ~truth))
    drawn = [share.draw(rng, size=resampling.draws) for share in (recall, false)]
    return {
        "threshold": float(threshold) if threshold is not None and np.ndim(threshold) == 0 else None,
        "recall": interval(recall.value, drawn[0], confidence=resampling.confidence),
        "false_alarm_rate": interval(false.value, drawn[1], confidence=resampling.confidence),
        "precision": [
            {
                "prevalence": share,
                **interval(
                    float(precision_at(recall.value, false.value, prevalence=share)),
                    precision_at(*drawn, prevalence=share),
                    confidence=resampling.confidence,
                ),
            }
            for share in prevalence
        ],
    }
