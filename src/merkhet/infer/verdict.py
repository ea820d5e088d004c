"""A verdict for each observation: what the answers for its images say together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.config.tasks import Classify
from merkhet.errors import InputError
from merkhet.evaluate.answers import decide
from merkhet.infer.inputs import InputItem
from merkhet.io.image_lists import name_parts

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

DESCRIPTIONS = {
    "observation": "leading number of the files' names, or the value of the group column",
    "images": "images that were classified",
    "rejected": "images that were rejected",
    "subbands": "sub-bands that were classified; images of one sub-band, of whatever polarization, count once",
    "label": "classes found in any of the images",
    "p_worst": "largest probability that an image is affected",
    "p_affected": "probability that any sub-band is affected, if they are independent: 1 - prod(1 - p), with the "
    "largest p of the images of a sub-band",
    "affected": "sub-bands with an image that is affected",
    "affected_subbands": "their names",
    "worst_image": "image of the largest probability",
    "model": "hash of the model's bundle",
}
_TEXT = ("label", "affected_subbands", "worst_image")


class Place(NamedTuple):
    """Where an image belongs."""

    observation: str
    subband: str


def place_of(item: InputItem, *, group: str | None) -> Place:
    """Return the observation and the sub-band of an image.

    The observation is the value in the column ``group`` of the table that names the image, or, where no column is
    given, the leading number of its name; without either, it is an observation of its own. So is it a sub-band of its
    own, where its name tells none.

    Raises
    ------
    InputError
        A column is given, and the image stands in no table.
    """
    name = item.paths[0].name if item.paths else item.id
    parts = name_parts(name)
    if group is None:
        return Place(parts.observation or name, parts.subband or name)
    if item.table is None:
        raise InputError(name, f"stands in no table with a column {group!r}", action="Leave --group-column out")
    value = item.table[group][item.row]
    observation = "" if value is np.ma.masked else str(value)
    return Place(observation or name, parts.subband or name)


@dataclass(frozen=True)
class _Images:
    """Images, of all observations or of one.

    Sub-band ``(n,)``; probability ``(n, 1 + k)`` that it is affected, and of each class that says so; those classes
    decided on ``(n, k)``; file ``(n,)``.
    """

    subband: npt.NDArray[np.str_]
    probability: FloatArray
    chosen: BoolArray
    image: npt.NDArray[np.str_]

    def __getitem__(self, rows: Sequence[int]) -> "_Images":
        at = np.asarray(rows, dtype=int)
        return _Images(self.subband[at], self.probability[at], self.chosen[at], self.image[at])


def verdicts(
    answers: Table, *, places: Sequence[Place], rejected: Sequence[Place], task: Classify, model: str
) -> Table:
    """Return one row per observation, in the order in which they first appear, with the columns of DESCRIPTIONS.

    Further columns ``p_<class>`` say how probable it is that any sub-band has that class, combined as ``p_affected``:
    each label, or each class but the first, which stands for an image that is as it should be.

    Parameters
    ----------
    answers
        The catalog of the images that were classified.
    places
        Where each of them belongs.
    rejected
        Where those belong that were rejected.
    task, model
        What was asked, and the hash of the bundle that answered.
    """
    images = _images(answers, [place.subband for place in places], task)
    members: dict[str, list[int]] = {}
    for row, place in enumerate(places):
        members.setdefault(place.observation, []).append(row)
    lost = Counter(place.observation for place in rejected)
    rows = [
        {"observation": name, "rejected": lost[name], "model": model, **_verdict(images[members.get(name, [])], task)}
        for name in dict.fromkeys([*members, *lost])
    ]
    return _table(rows, classes=_signs(task))


def _signs(task: Classify) -> tuple[str, ...]:
    """Return the classes that say that an image is affected: every label, or each class but the first."""
    return task.classes if task.mode == "multilabel" else task.classes[1:]


def _images(answers: Table, subbands: Sequence[str], task: Classify) -> _Images:
    probability = np.column_stack([np.asarray(answers[f"p_{name}"], dtype=float) for name in task.classes])
    chosen = decide(probability, mode=task.mode, threshold=task.threshold)
    first = len(task.classes) - len(_signs(task))
    signs = probability[:, first:]
    affected = 1 - np.prod(1 - signs, axis=1) if task.mode == "multilabel" else signs.sum(axis=1).clip(max=1)
    names = np.asarray(answers["image"]).astype(str)
    return _Images(np.array(subbands, dtype=str), np.column_stack([affected, signs]), chosen[:, first:], names)


def _verdict(images: _Images, task: Classify) -> dict[str, Any]:
    """Judge one observation: the largest of each sub-band, and sub-bands together as if they were independent."""
    if not len(images.image):
        unknown = {f"p_{name}": np.nan for name in ("worst", "affected", *_signs(task))}
        return dict.fromkeys(("images", "subbands", "affected"), 0) | dict.fromkeys(_TEXT, "") | unknown
    subbands, place = np.unique(images.subband, return_inverse=True)
    largest = np.zeros((len(subbands), images.probability.shape[1]))
    np.maximum.at(largest, place, images.probability)
    affected = np.zeros(len(subbands), dtype=bool)
    np.logical_or.at(affected, place, images.chosen.any(axis=1))
    together = 1 - np.prod(1 - largest, axis=0)
    worst = int(images.probability[:, 0].argmax())
    return {
        "images": len(images.image),
        "subbands": len(subbands),
        "label": _label(np.asarray(images.chosen.any(axis=0)), task),
        "p_worst": images.probability[worst, 0],
        "p_affected": together[0],
        **{f"p_{name}": p for name, p in zip(_signs(task), together[1:], strict=True)},
        "affected": int(affected.sum()),
        "affected_subbands": " ".join(subbands[affected]),
        "worst_image": str(images.image[worst]),
    }


def _label(found: BoolArray, task: Classify) -> str:
    """Name the signs that were found; where there are none, as an image is called that has none."""
    others = len(task.classes) - len(found)
    if others and not found.any():
        return task.classes[0]
    return str(task.name(np.concatenate([np.zeros(others, dtype=bool), found])[None])[0])


def _table(rows: Sequence[dict[str, Any]], *, classes: Sequence[str]) -> Table:
    """Return the table, also without rows."""
    names = list(DESCRIPTIONS)
    at = names.index("p_affected") + 1
    names[at:at] = [f"p_{name}" for name in classes]
    text = ("observation", *_TEXT, "model")
    kinds = {name: str if name in text else float if name.startswith("p_") else int for name in names}
    table = Table({name: np.array([row[name] for row in rows], dtype=kinds[name]) for name in names})
    for name in names:
        table[name].description = DESCRIPTIONS.get(name, f"probability that any sub-band is {name.removeprefix('p_')}")
    return table
