"""What is measured of every sample when its files are first read, as columns beside the user's own.

Packed and unpacked data carry the same columns, so that nothing downstream asks which it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from merkhet.config.data import ReadSpec
from merkhet.data.arrays import FloatArray
from merkhet.data.pixels import Pixels, read_pixels
from merkhet.errors import InputError
from merkhet.io.wcs import sky_center

PREFIX = "mk_"
NO_FILE = "the row names no file"


@dataclass(frozen=True)
class Measured:
    """The measurements of one sample, or the reason why it cannot be used. Each becomes a column ``mk_<name>``.

    Attributes
    ----------
    row
        Position in the user's table; in a pack, that in the packed array.
    path
        The sample's first file, or the one at fault; empty where the row names none.
    reason
        Why the sample is rejected; empty for a good one.
    shape
        Spatial shape of the stored pixels as text, ``150x150``.
    finite
        True if no pixel is invalid.
    scale
        Pixel scale in arcsec, NaN without a WCS.
    ra, dec
        Sky position of the image's center in degrees (ICRS), NaN without a WCS.
    crc
        CRC-32 of the pixels: the same image under two names has one checksum.
    noise
        Sky sigma per band of the whole image, in its units; columns ``mk_noise_0``, ``mk_noise_1``, ...
    unit
        Unit per band as the header spells it, empty where there is none; columns ``mk_unit_0``, ...
    """

    row: int
    path: str
    reason: str = ""
    shape: str = ""
    finite: bool = False
    scale: float = np.nan
    ra: float = np.nan
    dec: float = np.nan
    crc: int = -1
    noise: tuple[float, ...] = ()
    unit: tuple[str, ...] = ()


def measure(row: int, paths: Sequence[Path], pixels: Pixels, *, stored: FloatArray | None = None) -> Measured:
    """Measure one sample that has been read; ``stored`` is what is kept of it, if that is not all."""
    info = pixels.info
    kept = pixels.image if stored is None else stored
    wcs = info.wcs if info is not None else None
    scale = info.pixel_scale_arcsec if info is not None else None
    ra, dec = sky_center(wcs, pixels.image.shape[-2:]) if wcs is not None else (np.nan, np.nan)
    return Measured(
        row=row,
        path=str(paths[0]),
        shape=shape_text(kept.shape[1:]),
        finite=bool(np.isfinite(kept).all()),
        scale=np.nan if scale is None else scale,
        ra=ra,
        dec=dec,
        crc=pixels.checksum,
        noise=tuple(float(sigma) for sigma in pixels.noise),
        unit=tuple(unit or "" for unit in pixels.units),
    )


@dataclass(frozen=True)
class Examination:
    """One row to be read and measured; picklable, so that a pool can share the rows."""

    row: int
    paths: tuple[Path, ...]
    channels: int
    dims: int
    read: ReadSpec


def examine(job: Examination) -> Measured:
    """Read and measure one sample; what is wrong with it becomes its reason."""
    if not job.paths:
        return Measured(row=job.row, path="", reason=NO_FILE)
    try:
        pixels = read_pixels(job.paths, read=job.read, channels=job.channels, dims=job.dims)
    except InputError as error:
        return Measured(row=job.row, path=error.where, reason=error.reason)
    return measure(job.row, job.paths, pixels)


def add_measured(table: Table, results: Sequence[Measured], *, channels: int) -> Table:
    """Return a copy of ``table`` with the measured columns; ``results`` holds one entry per row, in any order."""
    results = sorted(results, key=lambda item: item.row)
    added = table.copy()
    for field in fields(Measured):
        if field.name not in ("noise", "unit"):
            added[PREFIX + field.name] = [getattr(item, field.name) for item in results]
    for band in range(channels):
        values = [item.noise[band] if item.noise else np.nan for item in results]
        added[f"{PREFIX}noise_{band}"] = np.array(values, dtype=np.float32)
        added[f"{PREFIX}unit_{band}"] = [item.unit[band] if item.unit else "" for item in results]
    return added


def measured_noise(table: Table, *, channels: int) -> npt.NDArray[np.float32]:
    """Return the measured noise as float32 ``(rows, C)``."""
    columns = [np.asarray(table[f"{PREFIX}noise_{band}"], dtype=np.float32) for band in range(channels)]
    return np.stack(columns, axis=1)


def shape_text(shape: Sequence[int]) -> str:
    """Write a spatial shape as ``150x150``."""
    return "x".join(str(n) for n in shape)


def shape_from_text(text: str) -> tuple[int, ...]:
    """Read what :func:`shape_text` writes."""
    return tuple(int(n) for n in text.split("x"))
