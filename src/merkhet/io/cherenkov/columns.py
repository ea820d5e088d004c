"""Columns that ctapipe stores as integers: what value a stored number stands for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class FixedPoint:
    """Real numbers stored as integers: ``value = (stored - offset) / scale``, three integers being nan, inf and -inf.

    Attributes
    ----------
    scale, offset
        ``stored = round(value * scale) + offset``.
    nan, posinf, neginf
        Stored numbers that are no values.
    """

    scale: float
    offset: float
    nan: int
    posinf: int
    neginf: int

    @classmethod
    def of(cls, attributes: dict[str, Any], place: int, dtype: np.dtype[Any]) -> "FixedPoint | None":
        """Return how the column at a place among those of a table is stored; None where as it is.

        The attributes are those that ctapipe writes for the column, ``CTAFIELD_{place}_TRANSFORM_SCALE`` and so on.
        What stands for nan and inf is not written by older versions: the three highest numbers of an unsigned type
        then, or the lowest two and the highest of a signed one.
        """
        prefix = f"CTAFIELD_{place}_"
        scale = attributes.get(prefix + "TRANSFORM_SCALE")
        if scale is None:
            return None
        limits = np.iinfo(dtype.base)
        signed = limits.min < 0
        return cls(
            float(scale),
            float(attributes.get(prefix + "TRANSFORM_OFFSET", 0)),
            int(attributes.get(prefix + "NAN_VALUE", limits.min + 1 if signed else limits.max - 1)),
            int(attributes.get(prefix + "POSINF_VALUE", limits.max)),
            int(attributes.get(prefix + "NEGINF_VALUE", limits.min if signed else limits.max - 2)),
        )

    def decode(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the values, float32 of the same shape."""
        # float32 holds integers of 16 bits exactly; longer ones would lose their last digits before the division.
        wide = np.dtype(np.float32 if stored.dtype.itemsize <= 2 else np.float64)
        values = (stored.astype(wide) - wide.type(self.offset)) / wide.type(self.scale)
        values[stored == self.nan] = np.nan
        values[stored == self.posinf] = np.inf
        values[stored == self.neginf] = -np.inf
        return np.asarray(values, dtype=np.float32)
