"""Names for the arrays that samples are made of; no torch, so that packing starts fast."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float32]
"""Pixels, in the file's unit."""

Rows: TypeAlias = npt.NDArray[np.int64]
"""Row numbers of a sample table."""
