"""Images in FITS files: any HDU, plane or section, plain or compressed, as float32 with NaN for what is blank."""

import contextlib
import io
import math
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeAlias

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from merkhet.errors import InputError
from merkhet.io.hdus import each_hdu, holds_image
from merkhet.io.reading import read_errors
from merkhet.io.scaling import FloatImage, Scaling
from merkhet.io.scratch import open_inflated
from merkhet.io.wcs import Beam, celestial_wcs, pixel_scale_arcsec, read_beam

Section: TypeAlias = tuple[slice, ...]

_BLOCK_BYTES = 2880
_DTYPES = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}  # by BITPIX
_FOREIGN_FORMATS = {b"PK\x03\x04": "a zip archive", b"\xfd7zXZ": "an xz file", b"\x1f\x9d": "a Unix .Z file",
                    b"\x89HDF": "an HDF5 file", b"(\xb5/\xfd": "a zstd file"}  # fmt: skip


@dataclass(frozen=True, eq=False)
class ImageInfo:
    """What a file says of an image, apart from its pixels.

    Attributes
    ----------
    path
        The file.
    hdu, name
        Index and name of the HDU that holds the image.
    shape
        ``(y, x)`` or ``(plane, y, x)``, as :meth:`ImageFile.read` returns it without a section.
    unit
        BUNIT as it is written, or None.
    header
        The whole header of the HDU, as it stands in the file; see :func:`merkhet.io.wcs.clean_header`.
    """

    path: Path
    hdu: int
    name: str
    shape: tuple[int, ...]
    unit: str | None
    header: fits.Header

    @cached_property
    def wcs(self) -> WCS | None:
        """World coordinates of ``(x, y)``, or None; built on first use, for that costs more than reading the image."""
        return celestial_wcs(self.header)

    @cached_property
    def pixel_scale_arcsec(self) -> float | None:
        """Side of a square pixel of the same area, or None without world coordinates."""
        return None if self.wcs is None else pixel_scale_arcsec(self.wcs)

    @cached_property
    def beam(self) -> Beam | None:
        """The beam of a radio map, or None."""
        return read_beam(self.header)


class ImageFile:
    """An open FITS image, read whole or by section.

    Plain files are mapped and tile-compressed ones decompressed by tile, so that a section costs what it covers and
    not what the mosaic holds. Gzip and bzip2 are inflated once, when the file is opened
    (:func:`merkhet.io.scratch.open_inflated`). The file is never written to. Not to be shared between threads.

    Parameters
    ----------
    path
        A FITS file, also ``.gz``, ``.bz2`` and ``.fz``; what it is is told by its content.
    hdu
        Index or name of the HDU; the first that holds an image where absent.
    plane
        Index along the leading axis of a cube; a 3-D image keeps that axis where absent. Axes of length one in front
        of the image (frequency, Stokes) are dropped in any case.

    Attributes
    ----------
    info
        Shape, unit, world coordinates, beam and header.

    Raises
    ------
    InputError
        The file is missing, empty, truncated or no FITS; the HDU is absent or no image; the plane is out of range;
        more than one axis in front of the image is longer than one.
    """

    def __init__(self, path: str | Path, *, hdu: int | str | None = None, plane: int | None = None) -> None:
        path = Path(path)
        with contextlib.ExitStack() as resources:
            stream = resources.enter_context(open_inflated(path))
            size = _check_magic(stream, path)
            with read_errors(path, "FITS"):
                hdus = resources.enter_context(
                    fits.open(stream, memmap=False, lazy_load_hdus=True, do_not_scale_image_data=True)
                )
                index = _find_image(hdus, hdu, path)
                image = hdus[index]
                header = image.header
                _check_length(image, size, path)
                self._kept, self._index = _layout(image.shape, plane, path)
                self._scaling = Scaling.of(header, path)
                shape = tuple(image.shape[axis] for axis in self._kept)
                self.info = ImageInfo(path, index, image.name, shape, _unit(header), header)
                self._pixels: Any = _pixels(image, stream)
            self._resources = resources.pop_all()

    def read(self, section: Section | None = None) -> FloatImage:
        """Return the pixels in the file's unit, blank ones as NaN.

        Parameters
        ----------
        section
            One slice with step 1 per axis of ``info.shape``, inside it and not empty; everything where absent.

        Returns
        -------
        image
            float32 in native byte order, ``(y, x)`` or ``(plane, y, x)``, a copy. What float32 cannot hold is
            infinite.

        Raises
        ------
        InputError
            The pixels are damaged.
        ValueError
            The section does not fit, or the file is closed.
        """
        if self._pixels is None:
            raise ValueError(f"{self.info.path}: is closed")
        index = list(self._index)
        for axis, part in zip(self._kept, _checked(section, self.info.shape), strict=True):
            index[axis] = part
        with read_errors(self.info.path, "FITS"):
            return self._scaling.apply(self._pixels[tuple(index)])

    def close(self) -> None:
        """Close the file; a scratch file of inflated data goes with it."""
        self._pixels = None
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def read_image(
    path: str | Path, *, hdu: int | str | None = None, plane: int | None = None
) -> tuple[FloatImage, ImageInfo]:
    """Read a whole image; parameters and errors are those of :class:`ImageFile`.

    Returns
    -------
    image
        float32, ``(y, x)`` or ``(plane, y, x)``, NaN where blank.
    info
        What the file says of it.
    """
    with ImageFile(path, hdu=hdu, plane=plane) as file:
        return file.read(), file.info


def _check_magic(stream: BinaryIO, path: Path) -> int:
    """Return the length of what starts as a FITS file does."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    start = stream.read(30)
    stream.seek(0)
    if start.startswith(b"SIMPLE"):
        return size
    kind = next((kind for magic, kind in _FOREIGN_FORMATS.items() if start.startswith(magic)), None)
    seen = f"is {kind}" if kind else f"is not FITS: it starts with {start!r}"
    raise InputError(path, seen, expected="a FITS file, plain or .gz, .bz2, .fz")


def _find_image(hdus: fits.HDUList, wanted: int | str | None, path: Path) -> int:
    if wanted is None:
        found = next((index for index, hdu in each_hdu(hdus) if holds_image(hdu)), None)
        if found is None:
            raise InputError(path, f"no HDU holds an image; there is {_inventory(hdus)}")
        return found
    name = wanted.strip().casefold() if isinstance(wanted, str) else None
    found = next((index for index, hdu in each_hdu(hdus) if index == wanted or hdu.name.casefold() == name), None)
    if found is None:
        raise InputError(path, f"has no HDU {wanted!r}", expected=f"one of {_inventory(hdus)}")
    if not holds_image(hdus[found]):
        raise InputError(path, f"HDU {wanted!r} is no image", expected=f"an image HDU among {_inventory(hdus)}")
    return found


def _inventory(hdus: fits.HDUList) -> str:
    return ", ".join(f"{index} ({hdu.name or 'no name'}: {_content(hdu)})" for index, hdu in each_hdu(hdus))


def _content(hdu: Any) -> str:
    if not hdu.is_image:
        return "table" if isinstance(hdu, fits.BinTableHDU | fits.TableHDU) else "not readable"
    return f"{len(hdu.shape)}-D array {hdu.shape}" if hdu.shape else "no data"


def _layout(shape: tuple[int, ...], plane: int | None, path: Path) -> tuple[tuple[int, ...], tuple[int | slice, ...]]:
    """Return which axes of the file are kept, and an index for all its axes with those still open."""
    long = [axis for axis, length in enumerate(shape[:-2]) if length > 1]
    if len(long) > 1:
        raise InputError(
            path,
            f"the image is {len(shape)}-D {shape} with {len(long)} axes longer than 1 in front of (y, x)",
            expected="at most one",
            action="Cut out one cube first",
        )
    depth = shape[long[0]] if long else 1
    if plane is not None and not 0 <= plane < depth:
        raise InputError(path, f"has no plane {plane}: the image is {shape}", expected=f"0 to {depth - 1}")
    index: list[int | slice] = [0] * (len(shape) - 2) + [slice(None)] * 2
    kept = [len(shape) - 2, len(shape) - 1]
    if long and plane is None:
        kept.insert(0, long[0])
    elif long and plane is not None:
        index[long[0]] = plane
    return tuple(kept), tuple(index)


def _check_length(image: Any, size: int, path: Path) -> None:
    place, bitpix = image.fileinfo(), image.header["BITPIX"]
    if bitpix not in _DTYPES:
        raise InputError(path, f"BITPIX = {bitpix} in the header", expected=f"one of {', '.join(map(str, _DTYPES))}")
    if isinstance(image, fits.CompImageHDU):
        needed = place["datLoc"] + place["datSpan"] - _BLOCK_BYTES + 1  # the padding at the end may be missing
    else:
        needed = place["datLoc"] + math.prod(image.shape) * abs(bitpix) // 8
    if needed > size:
        raise InputError(
            path,
            f"is truncated: its header announces {needed} bytes, there are {size}",
            action="Copy or download it again",
        )


def _pixels(image: Any, stream: BinaryIO) -> Any:
    """Return what gives stored pixels for an index and reads no more than that: an array over the file, or tiles."""
    if isinstance(image, fits.CompImageHDU):
        return image.section
    buffer: bytes | mmap.mmap
    if isinstance(stream, io.BytesIO):
        buffer = stream.getvalue()  # shares the bytes, and unlike getbuffer() lets the stream close at any time
    else:
        buffer = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    dtype = _DTYPES[image.header["BITPIX"]]
    return np.ndarray(image.shape, dtype, buffer=buffer, offset=image.fileinfo()["datLoc"])


def _unit(header: fits.Header) -> str | None:
    try:
        return str(header.get("BUNIT", "")).strip() or None
    except fits.VerifyError:  # an unquoted text; a reason to do without the unit, not without the image
        return None


def _checked(section: Section | None, shape: tuple[int, ...]) -> Sequence[slice]:
    """Refuse what NumPy would silently clip or wrap around."""
    if section is None:
        return [slice(0, length) for length in shape]
    if len(section) != len(shape):
        raise ValueError(f"section {section} has {len(section)} slices; the image is {shape}")
    for part, length in zip(section, shape, strict=True):
        start, stop, step = part.indices(length)
        if part.start not in (None, start) or part.stop not in (None, stop) or step != 1 or start >= stop:
            raise ValueError(f"section {section} does not fit the image {shape}; give non-empty slices inside it")
    return section
