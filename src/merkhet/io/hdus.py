"""The HDUs of a FITS file: walking through them, and telling an image from a table."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from astropy.io import fits

from merkhet.errors import InputError
from merkhet.io.cards import BLOCK_BYTES
from merkhet.io.reading import read_errors

_TABLE_SUFFIXES = (".fits", ".fit", ".fits.gz")  # those that merkhet.io.tables reads as FITS
_NO_PIXELS = b"NAXIS   =                    0"


def each_hdu(hdus: fits.HDUList) -> Iterator[tuple[int, Any]]:
    """Yield ``(index, HDU)``, reading no further than asked; a damaged length must not send us round in circles."""
    last = -1
    for index, hdu in enumerate(hdus):
        place = hdu.fileinfo()["hdrLoc"]
        if place <= last:
            raise ValueError(f"HDU {index} does not lie behind the one before it")
        last = place
        yield index, hdu


def holds_image(hdu: Any) -> bool:
    """Tell whether an HDU holds an image, tile-compressed or not, of two axes or more."""
    return bool(hdu.is_image and len(hdu.shape) >= 2 and all(hdu.shape))


def is_fits_table(path: str | Path) -> bool:
    """Tell whether a FITS file holds a table and no image. What is absent or cannot be read holds none."""
    if not str(path).lower().endswith(_TABLE_SUFFIXES):
        return False
    with contextlib.suppress(InputError, OSError):
        with Path(path).open("rb") as stream:
            start = stream.read(BLOCK_BYTES)
        if start.startswith(b"SIMPLE") and _NO_PIXELS not in start:
            return False  # an image in the first HDU, told without the cost of opening it
        with read_errors(path, "FITS"), fits.open(path, memmap=False, lazy_load_hdus=True) as hdus:
            found = [hdu for _, hdu in each_hdu(hdus)]
            tables = any(isinstance(hdu, fits.BinTableHDU | fits.TableHDU) for hdu in found)
            return tables and not any(holds_image(hdu) for hdu in found)
    return False
