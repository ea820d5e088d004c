"""Which test images are worth a look, and their pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.coordinates import Angle
from astropy.table import Table

from merkhet.config.experiment import Experiment
from merkhet.errors import InputError
from merkhet.evaluate.answers import Answers, FloatArray, read_answers
from merkhet.io.fits import read_image

PER_CHAPTER = 6


@dataclass(frozen=True)
class Caption:
    """What stands below an image; ``position`` is empty where the sky position is not known."""

    name: str
    true: str
    predicted: str
    probability: str
    position: str
    right: bool


@dataclass(frozen=True)
class Cutout:
    """An image of the gallery: its pixels ``(y, x)``, or the reason why there are none."""

    caption: Caption
    pixels: npt.NDArray[np.float32] | None
    pixel_scale_arcsec: float | None = None
    missing: str = ""


@dataclass(frozen=True)
class Chapter:
    """A row of the gallery."""

    title: str
    note: str
    cutouts: list[Cutout]


def read_gallery(table: Table, *, experiment: Experiment) -> list[Chapter]:
    """Choose the surest right, the surest wrong and the least certain rows of a prediction table; read their images.

    An image that cannot be read any more is no error: its place says why.
    """
    task = experiment.task
    answers = read_answers(table, mode=task.mode, classes=task.classes, threshold=task.threshold)
    margin = decision_margin(answers, threshold=task.threshold)
    weakest = margin.min(axis=1)  # a row of several labels is as sure as its least sure one
    mistake = np.where(_wrong(answers), margin, 0).max(axis=1)
    chosen = {
        "Surest and right": ("", _largest(weakest, among=answers.right)),
        "Surest and wrong": ("Wrong labels in the table often stand here.", _largest(mistake, among=~answers.right)),
        "Least certain": ("", _largest(-weakest, among=np.ones(len(answers), dtype=bool))),
    }
    return [
        Chapter(title, note, [_cutout(table, answers, row=row, experiment=experiment) for row in rows])
        for title, (note, rows) in chosen.items()
    ]


def decision_margin(answers: Answers, *, threshold: float) -> FloatArray:
    """Return how far each decision is from tipping over, 0 to 1: ``(n, labels)``, one column for one class per row.

    Several labels and two classes: the way from the threshold to the probability, as a share of the way to
    certainty. More classes: lead of the most probable class over the second.
    """
    if answers.mode == "multiclass":
        ranked = np.sort(answers.probability, axis=1)
        return np.asarray((ranked[:, -1] - ranked[:, -2])[:, None])
    deciding = answers.probability[:, 1:] if answers.mode == "binary" else answers.probability
    above, below = (deciding - threshold) / (1 - threshold), (threshold - deciding) / threshold
    return np.maximum(above, below)


def sky_position(ra: float, dec: float) -> str:
    """Return ``hh:mm:ss.ss +dd:mm:ss.s``, or nothing where the position is not known."""
    if not np.isfinite([ra, dec]).all():
        return ""
    seconds = round(ra * 240, 2) % 86400  # rounded first, or the last hundredth before 24 h would read 24:00:00
    hours = Angle(seconds / 3600, unit="hourangle").to_string(sep=":", precision=2, pad=True)
    degrees = Angle(dec, unit="deg").to_string(unit="deg", sep=":", precision=1, pad=True, alwayssign=True)
    return f"{hours} {degrees}"


def _wrong(answers: Answers) -> npt.NDArray[np.bool_]:
    """Which decisions are wrong: ``(n, labels)``, one column where a row has one class."""
    if answers.mode == "multilabel":
        return np.asarray(answers.truth != answers.predicted)
    return ~answers.right[:, None]


def _largest(values: FloatArray, *, among: npt.NDArray[np.bool_]) -> list[int]:
    rows = np.flatnonzero(among)
    return [int(row) for row in rows[np.argsort(-values[rows], kind="stable")[:PER_CHAPTER]]]


def _cutout(table: Table, answers: Answers, *, row: int, experiment: Experiment) -> Cutout:
    probability = answers.probability[row]
    if answers.mode == "multilabel":
        said = ", ".join(f"{name} {p:.3f}" for name, p in zip(answers.classes, probability, strict=True))
    else:
        said = f"{probability[answers.predicted[row].argmax()]:.3f}"
    caption = Caption(
        name=str(table["id"][row]),
        true=_names(answers.classes, answers.truth[row]),
        predicted=_names(answers.classes, answers.predicted[row]),
        probability=said,
        position=sky_position(_number(table, "ra", row), _number(table, "dec", row)),
        right=bool(answers.right[row]),
    )
    try:
        pixels, scale = _read_pixels(str(table["image"][row]), experiment=experiment)
    except (InputError, OSError) as error:
        return Cutout(caption, None, missing=error.reason if isinstance(error, InputError) else str(error))
    return Cutout(caption, pixels, scale)


def _names(classes: Sequence[str], flags: npt.NDArray[np.bool_]) -> str:
    return ", ".join(name for name, yes in zip(classes, flags, strict=True) if yes) or "no label"


def _number(table: Table, name: str, row: int) -> float:
    """Return a cell, NaN where the column or the value is missing."""
    if name not in table.colnames:
        return np.nan
    return float(np.ma.filled(np.ma.asarray(table[name][row], dtype=float), np.nan))


def _read_pixels(name: str, *, experiment: Experiment) -> tuple[npt.NDArray[np.float32], float | None]:
    """Read an image as ``(y, x)``: the first of several bands, the mean along the depth of a cube."""
    data, spec = experiment.data, experiment.input
    path = Path(name)
    if not path.exists():
        path = (data.root or data.table.parent) / name
    array, info = read_image(path, hdu=data.read.hdu, plane=data.read.plane)
    band = array.reshape(-1, *array.shape[-spec.dims :])[0]
    scale = info.pixel_scale_arcsec or spec.pixel_scale_arcsec
    return (band if band.ndim == 2 else band.mean(axis=0)), scale
