"""Whether the telescopes of a file are those that a model knows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from merkhet.config.array_experiment import ArrayBundleSpec
from merkhet.config.array_models import PublishedArray
from merkhet.config.arrays import CameraPixels
from merkhet.errors import InputError
from merkhet.io.cherenkov.array_spec import describe_array
from merkhet.io.cherenkov.subarray import Subarray

SAME_PLACE = 0.05
"""Pixels of two cameras are the same if none is farther from the other's than this share of their distance."""


def check_array(subarray: Subarray, spec: ArrayBundleSpec, *, types: Sequence[str], source: str | Path) -> None:
    """Refuse an array whose cameras, or for a network of a fixed array telescopes, are not those of the training.

    Raises
    ------
    InputError
        Names what differs.
    """
    fixed = isinstance(spec.model, PublishedArray) and spec.input.slots == "array"
    known = {camera.type: camera for camera in spec.input.cameras}
    for mine in describe_array(subarray, types=types):
        theirs = known[mine.type]
        if not _same_pixels(mine, theirs):
            raise InputError(
                source,
                f"the camera {mine.camera} of {mine.type} has {len(mine.positions)} pixels in other places",
                expected=f"the {len(theirs.positions)} pixels of {theirs.camera} that the model was trained on",
                action="Train a model on this camera, or fine-tune one",
            )
        if fixed and mine.tel_ids != theirs.tel_ids:
            raise InputError(
                source,
                f"telescopes {_listed(mine)} of type {mine.type}",
                expected=f"telescopes {_listed(theirs)}: model.kind={spec.model.kind} knows one array",
                action="Use a model of kind telescope_array, which takes any",
            )


def _same_pixels(mine: CameraPixels, theirs: CameraPixels) -> bool:
    if mine.pixel_shape != theirs.pixel_shape or mine.positions.shape != theirs.positions.shape:
        return False
    distance = np.linalg.norm(mine.positions - theirs.positions, axis=1).max()
    # Of P pixels that fill the camera's box, the distance between neighbors is at least about this.
    spacing = np.sqrt(np.ptp(theirs.positions, axis=0).prod() / len(theirs.positions)) / 2
    return bool(distance < SAME_PLACE * spacing)


def _listed(camera: CameraPixels) -> str:
    return ", ".join(str(number) for number in camera.tel_ids)
