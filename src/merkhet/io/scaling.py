"""From the numbers stored in a FITS image to physical ones: BSCALE, BZERO and BLANK."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from astropy.io.fits import Header

from merkhet.errors import InputError

FloatImage: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scaling:
    """How stored numbers become physical ones: ``zero + scale * stored`` (FITS standard 4.0, section 4.4.2.5).

    Done here because astropy ignores a BLANK of 0, and any BLANK beside the unsigned convention.
    """

    scale: float
    zero: float
    blank: int | None

    @classmethod
    def of(cls, header: Header, path: Path) -> Self:
        """Return the scaling that a header asks for; BLANK has no meaning for floats, and real headers abuse it there.

        Raises
        ------
        InputError
            A keyword holds no number, or BLANK no whole one.
        """
        scale, zero = _number(header, "BSCALE", path), _number(header, "BZERO", path)
        blank = _number(header, "BLANK", path) if header["BITPIX"] > 0 else None
        if blank is not None and blank != int(blank):
            raise InputError(path, f"BLANK = {blank!r} in the header", expected="a whole number")
        return cls(
            1.0 if scale is None else float(scale),
            0.0 if zero is None else float(zero),
            None if blank is None else int(blank),
        )

    def apply(self, stored: npt.NDArray[Any]) -> FloatImage:
        """Return ``stored``, as it lies in the file, as physical float32."""
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float32; signaling NaN
            image = np.array(self._physical(stored), dtype=np.float32)
        if self.blank is not None and stored.dtype.kind in "iu":
            image[stored == self.blank] = np.nan
        return image

    def _physical(self, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.scale == 1 and self.zero == 0:
            return stored
        bits = 8 * stored.dtype.itemsize
        if stored.dtype.kind == "i" and self.scale == 1 and self.zero == 2.0 ** (bits - 1):
            # The unsigned convention: flipping the top bit is exact where adding 2**63 in float64 is not.
            unsigned = stored.astype(stored.dtype.newbyteorder("=")).view(f"u{stored.dtype.itemsize}")
            return np.asarray(unsigned ^ unsigned.dtype.type(1 << (bits - 1)))
        physical = stored.astype(np.float64)
        physical *= self.scale
        physical += self.zero
        return physical


def _number(header: Header, keyword: str, path: Path) -> float | int | None:
    value = header.get(keyword)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise InputError(path, f"{keyword} = {value!r} in the header", expected="a number")
    return value
