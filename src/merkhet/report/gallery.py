"""The gallery of a report: the pixels that the run holds, and what is said below each image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.coordinates import Angle
from astropy.table import Table

from merkhet.config.tasks import Classify
from merkhet.errors import InputError
from merkhet.evaluate.answers import Answers, read_answers
from merkhet.io.tables import require_columns

COLUMNS = ("id", "chapter", "rank", "pixel_scale_arcsec", "pixels")
TITLES = {
    "right": ("Surest and right", ""),
    "wrong": ("Surest and wrong", "Wrong labels in the table often stand here."),
    "unsure": ("Least certain", ""),
}
"""Title of each chapter, and a note below it."""


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
    """An image of the gallery; its pixels are ``(y, x)``, their scale None where it is not known."""

    caption: Caption
    pixels: npt.NDArray[np.float32]
    pixel_scale_arcsec: float | None


@dataclass(frozen=True)
class Chapter:
    """A row of the gallery."""

    title: str
    note: str
    cutouts: list[Cutout]


def read_gallery(images: Table, *, predictions: Table, task: Classify, source: Path) -> list[Chapter]:
    """Put the images of a run's gallery, by chapter and rank, beside what was predicted of them.

    Parameters
    ----------
    images
        See :func:`merkhet.train.gallery.gallery_table`.
    predictions
        The predictions that the images were chosen from.
    task
        What was asked.
    source
        File of ``images``, for errors.

    Raises
    ------
    InputError
        The tables do not belong together.
    """
    require_columns(images, COLUMNS, source=source)
    answers = read_answers(predictions, mode=task.mode, classes=task.classes, threshold=task.threshold)
    row_of = {str(name): row for row, name in enumerate(predictions["id"])}
    unknown = next((str(name) for name in images["id"] if str(name) not in row_of), None)
    if unknown is not None:
        raise InputError(source, f"no prediction of image {unknown!r}", action="Evaluate the run again")
    chapters = []
    for name, (title, note) in TITLES.items():
        mine = images[np.asarray(images["chapter"]) == name]
        mine.sort("rank")
        cutouts = [
            Cutout(
                _caption(predictions, answers, row=row_of[str(image["id"])]),
                np.asarray(image["pixels"]),
                float(image["pixel_scale_arcsec"]) if np.isfinite(image["pixel_scale_arcsec"]) else None,
            )
            for image in mine
        ]
        chapters.append(Chapter(title, note, cutouts))
    return chapters


def sky_position(ra: float, dec: float) -> str:
    """Return ``hh:mm:ss.ss +dd:mm:ss.s``, or nothing where the position is not known."""
    if not np.isfinite([ra, dec]).all():
        return ""
    seconds = round(ra * 240, 2) % 86400  # rounded first, or the last hundredth before 24 h would read 24:00:00
    hours = Angle(seconds / 3600, unit="hourangle").to_string(sep=":", precision=2, pad=True)
    degrees = Angle(dec, unit="deg").to_string(unit="deg", sep=":", precision=1, pad=True, alwayssign=True)
    return f"{hours} {degrees}"


def _caption(table: Table, answers: Answers, *, row: int) -> Caption:
    probability = answers.probability[row]
    if answers.mode == "multilabel":
        said = ", ".join(f"{name} {p:.3f}" for name, p in zip(answers.classes, probability, strict=True))
    else:
        said = f"{probability[answers.predicted[row].argmax()]:.3f}"
    return Caption(
        name=str(table["id"][row]),
        true=_names(answers.classes, answers.truth[row]),
        predicted=_names(answers.classes, answers.predicted[row]),
        probability=said,
        position=sky_position(_number(table, "ra", row), _number(table, "dec", row)),
        right=bool(answers.right[row]),
    )


def _names(classes: Sequence[str], flags: npt.NDArray[np.bool_]) -> str:
    return ", ".join(name for name, yes in zip(classes, flags, strict=True) if yes) or "no label"


def _number(table: Table, name: str, row: int) -> float:
    """Return a cell, NaN where the column or the value is missing."""
    if name not in table.colnames:
        return np.nan
    return float(np.ma.filled(np.ma.asarray(table[name][row], dtype=float), np.nan))
