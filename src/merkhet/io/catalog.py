"""The catalog: columns with units and descriptions, and documented flags."""

from collections.abc import Mapping
from enum import IntFlag
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.table import Column, Table


class Flag(IntFlag):
    """Bits of the ``flags`` column."""

    INVALID_PIXELS = 1
    """Some pixels are NaN, infinite or outside the footprint."""
    NO_WCS = 2
    """The image has no usable celestial WCS: ra and dec are NaN."""
    RESHAPED = 4
    """The image was cropped, padded or resized to the model's shape."""
    OTHER_SCALE = 8
    """The pixel scale is more than 5 % outside the range of the training images."""
    UNLIKE_TRAINING = 16
    """The novelty is above 1; or the sky noise is more than 25 % outside the range of the training images; or the
    brightest pixel over that noise is outside their range by more than a factor of two (an empty field, say)."""
    EDGE = 32
    """The object reaches beyond what was observed: the edge of the survey, or a hole in it."""
    PARTIAL_TOP = 64
    """Cut off towards larger y."""
    PARTIAL_BOTTOM = 128
    """Cut off towards smaller y."""
    PARTIAL_LEFT = 256
    """Cut off towards smaller x."""
    PARTIAL_RIGHT = 512
    """Cut off towards larger x."""
    ESTIMATED_BACKGROUND = 1024
    """No background map was given: the background is estimated from the image itself."""
    NO_EXPOSURE = 2048
    """No exposure map was given: the exposure is taken to be the same everywhere."""
    BAD_COUNTS = 4096
    """Some counts are negative (they are left out), or are no whole numbers, so that they are not Poisson counts."""


def flags_description() -> str:
    """Return the meaning of the bits in one line."""
    return "sum of " + ", ".join(f"{flag.value}: {str(flag.name).lower()}" for flag in Flag)


DESCRIPTIONS: dict[str, tuple[str | None, str]] = {
    "id": (None, "name of the input"),
    "image": (None, "file that was read"),
    "group": (None, "samples of one group share a source, an observation or a patch of sky"),
    "split": (None, "side of the split: train, val or test"),
    "ra": ("deg", "right ascension (ICRS)"),
    "dec": ("deg", "declination (ICRS)"),
    "x": ("pix", "0-based column of the position"),
    "y": ("pix", "0-based row of the position"),
    "size_arcsec": ("arcsec", "extent of the object"),
    "true": (None, "class in the input table"),
    "label": (None, "most probable class"),
    "probability": (None, "probability of the label"),
    "category": (None, "named step of the probability"),
    "snr": (None, "signal to noise ratio"),
    "novelty": (None, "distance of the network's features from those of the training data; above 1: unlike them"),
    "flags": (None, flags_description()),
    "model": (None, "hash of the model's bundle"),
}

_PROBABILITIES = {
    "p_only_": "probability of {} and of no other label",
    "p_any_": "probability of {} in any class",
    "p_": "probability of {}",
}
"""What probabilities are called, by the beginning of their column, the longest first."""


def make_catalog(columns: Mapping[str, npt.NDArray[Any]]) -> Table:
    """Return a table whose known columns carry unit and description; the order is kept."""
    table = Table()
    for name, values in columns.items():
        unit, description = DESCRIPTIONS.get(name, (None, ""))
        prefix = next((prefix for prefix in _PROBABILITIES if name.startswith(prefix)), None)
        if prefix is not None:
            description = _PROBABILITIES[prefix].format(name.removeprefix(prefix))
        table[name] = Column(np.asarray(values), unit=unit, description=description or None)
    return table
