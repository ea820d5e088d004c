"""What training looked like, written into the bundle, so that prediction can say which inputs are unlike it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from merkhet.config.inputs import Band
from merkhet.config.reference import Reference
from merkhet.data.arrays import FloatArray
from merkhet.data.loader import InOrder, make_loader
from merkhet.data.measured import PREFIX, measured_noise
from merkhet.data.peak import peak_over_noise
from merkhet.evaluate.novelty import Features, fit_novelty
from merkhet.tasks.apply import to_device
from merkhet.tasks.base import Task, to_numpy
from merkhet.tasks.novelty import FEATURES, to_tensors
from merkhet.train.prepare import Prepared

MAX_ROWS = 5000
"""Rows of each side that the network looks at, drawn by the experiment's seed: more would not change much."""

PERCENTILES = (1.0, 99.0)
"""Ends of a range. Not the extremes: one image with a very bright source has several times the noise of all others."""

SCALE_STEP = 1.05
"""Ratio of the largest to the smallest pixel scale of a training table that is worth a remark."""


def make_reference(task: Task, prepared: Prepared, *, device: torch.device) -> tuple[Reference, dict[str, Tensor]]:
    """Measure the training rows, and the features that the trained network makes of them.

    Parameters
    ----------
    task
        Trained, in evaluation mode, on ``device``. Of an ensemble, the first member is asked.
    prepared
        The rows and their sides.

    Returns
    -------
    reference
        Ranges and limits, for the bundle's specification.
    tensors
        What belongs beside the weights; empty where the features gave nothing.
    """
    bands = prepared.experiment.input.bands
    train, peaks = _look(task.leaves()[0], prepared, "train", device=device)
    val, _ = _look(task.leaves()[0], prepared, "val", device=device)
    novelty = fit_novelty(train, val) if train and val else None
    reference = Reference(
        pixel_scale_arcsec=_scale_range(prepared),
        noise=_band_ranges(measured_noise(prepared.table("train"), channels=len(bands)), bands),
        peak=_band_ranges(peaks, bands),
        features=novelty.reference if novelty else None,
    )
    return reference, to_tensors(novelty) if novelty else {}


def remarks(prepared: Prepared) -> list[str]:
    """Return what the user should know of the training rows before the network learns from them, one line each."""
    scales = _scale_range(prepared)
    told = prepared.experiment.normalize.kind == "counts"
    if told or scales is None or scales[1] <= SCALE_STEP * scales[0]:
        return []
    return [
        f'training images differ in pixel scale, from {scales[0]:.3g}" to {scales[1]:.3g}": the network sees pixels, '
        "not arcseconds. Resample the images to one scale if sizes matter"
    ]


def _scale_range(prepared: Prepared) -> tuple[float, float] | None:
    return _range(np.asarray(prepared.table("train")[PREFIX + "scale"], dtype=float), (0, 100))


def _band_ranges(values: FloatArray, bands: Sequence[Band]) -> tuple[tuple[float, float] | None, ...]:
    """Return the range of measurements ``(n, C)`` of each band that holds a signal."""
    return tuple(
        _range(of_band.astype(float), PERCENTILES) if band.role == "signal" else None
        for of_band, band in zip(values.T, bands, strict=True)
    )


def _range(values: npt.NDArray[np.float64], percentiles: tuple[float, float]) -> tuple[float, float] | None:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, high = np.percentile(finite, percentiles)
    return float(low), float(high)


def _look(task: Task, prepared: Prepared, side: str, *, device: torch.device) -> tuple[Features | None, FloatArray]:
    """Return the features of rows of one side, None for a task without any, and their peaks over noise ``(n, C)``."""
    rows = prepared.some_rows(side, most=MAX_ROWS, salt=0xFEA7)
    loader = make_loader(prepared.dataset, rows, InOrder(len(rows), batch_size=prepared.experiment.train.batch_size))
    vectors, peaks = [], []
    with torch.inference_mode():
        for batch in loader:
            images, noise = batch["image"].numpy(), batch["noise"].numpy()
            peaks += [peak_over_noise(*pair) for pair in zip(images, noise, strict=True)]
            out = task(to_device(batch, device))
            if FEATURES in out:
                vectors.append(to_numpy(out[FEATURES]))
    classes = prepared.truth.strata(prepared.samples.table[rows])
    return Features(np.concatenate(vectors), classes) if vectors else None, np.array(peaks)
