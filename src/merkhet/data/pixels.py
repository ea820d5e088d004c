"""From the files of one sample to an array of bands that fits the model's input. Used by pack, train and predict."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from merkhet.config.data import ReadSpec
from merkhet.config.inputs import Band, InputSpec
from merkhet.data.arrays import FloatArray
from merkhet.data.noise import sky_noise
from merkhet.errors import InputError
from merkhet.io.fits import ImageInfo, read_image
from merkhet.io.units import same_unit


@dataclass(frozen=True)
class Pixels:
    """The bands of one sample as they stand in its files.

    Attributes
    ----------
    image
        float32 ``(C, *S)``; NaN where invalid (infinities included).
    noise
        float32 ``(C,)``: sky sigma of the whole image.
    info
        Header facts of the first file; None for an array that came from no file.
    units
        Unit of each band as its file spells it; None where it says none.
    """

    image: FloatArray
    noise: FloatArray
    info: ImageInfo | None
    units: tuple[str | None, ...]

    @property
    def checksum(self) -> int:
        """CRC-32 of the pixels: the same image under two names has one checksum."""
        return crc32(np.ascontiguousarray(self.image).data)


def read_pixels(paths: Sequence[Path], *, read: ReadSpec, channels: int, dims: int) -> Pixels:
    """Read one sample: one file per band, or one file that holds all bands.

    Raises
    ------
    InputError
        A file is missing, damaged or of the wrong dimension; the number of bands is wrong; the image is all NaN
        or constant, so that there is nothing to learn or to answer.
    """
    read_in = [read_image(path, hdu=read.hdu, plane=read.plane) for path in paths]
    arrays = [array for array, _ in read_in]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise InputError(
            paths[-1],
            f"the bands differ in shape: {sorted(shapes)}",
            expected="one shape",
            action="Resample them first",
        )
    image = np.stack(arrays) if len(arrays) > 1 or arrays[0].ndim == dims else arrays[0]
    infos = [info for _, info in read_in]
    return from_array(image, infos, where=paths[0], channels=channels, dims=dims)


def from_array(image: FloatArray, infos: Sequence[ImageInfo], *, where: str | Path, channels: int, dims: int) -> Pixels:
    """Check an array of bands ``(C, *S)`` and measure its noise; raise as :func:`read_pixels` does.

    ``infos`` holds the header facts of one file per band, of the one file, or nothing for an array from no file.
    """
    plane = "Select a plane with data.read.plane=0 (--plane 0)" if infos else "Give several images as a list of arrays"
    if image.ndim != dims + 1:
        layout = "(y, x)" if dims == 2 else "(z, y, x)"
        action = plane if image.ndim > dims + 1 else ""
        raise InputError(where, f"image has shape {image.shape}", expected=f"{layout} for each band", action=action)
    if len(image) != channels:
        raise InputError(
            where,
            f"{len(image)} bands in shape {image.shape}",
            expected=f"{channels} as in input.bands",
            action=plane if channels == 1 else "",
        )
    image = np.where(np.isinf(image), np.float32(np.nan), image) if np.isinf(image).any() else image
    valid = np.isfinite(image)
    if not valid.any():
        raise InputError(where, "every pixel is NaN or infinite", expected="some valid pixels")
    if not any(np.fmin.reduce(band, axis=None) < np.fmax.reduce(band, axis=None) for band in image):
        raise InputError(where, "the image is constant", expected="pixels that differ")
    units = [info.unit for info in infos] or [None]
    return Pixels(
        image,
        sky_noise(image, valid),
        info=infos[0] if infos else None,
        units=tuple(units if len(units) == channels else units[:1] * channels),
    )


def check_units(units: Sequence[str | None], bands: Sequence[Band], *, where: str | Path) -> None:
    """Refuse a band whose file names another unit than the model's band; a file that names none is believed.

    Raises
    ------
    InputError
        Names the band, both units and what to do.
    """
    for unit, band in zip(units, bands, strict=True):
        if unit and band.unit and not same_unit(unit, band.unit):
            raise InputError(
                where,
                f"unit of band {band.name} is {unit}",
                expected=band.unit,
                action="Convert the image",
            )


def conform(image: FloatArray, spec: InputSpec, *, where: str | Path) -> FloatArray:
    """Bring images ``(..., *S)``, any number of leading axes, to the shape that ``spec`` asks for, then bin them.

    Padding and blocks that touch an invalid pixel are NaN; for ``spec.fit`` of ``resize`` they count as zero.

    Raises
    ------
    InputError
        The shape differs and ``spec.fit`` does not allow that, or the image is smaller than ``spec.smallest``.
    """
    shape = image.shape[-spec.dims :]
    if min(shape[-2:]) < spec.smallest:
        raise InputError(
            where,
            f"image is {_size(shape)}",
            expected=f"at least {_size((spec.smallest,) * 2)}",
            action="Cut a larger piece of the sky",
        )
    if min(shape[-2:]) < spec.pad_to:
        image = center(image, (*shape[:-2], *(max(n, spec.pad_to) for n in shape[-2:])))
    if spec.shape is not None and shape != spec.shape and spec.fit != "any":
        if spec.fit == "exact":
            raise InputError(
                where,
                f"image is {_size(shape)}",
                expected=_size(spec.shape),
                action="Crop or pad it about its center; training with input.fit=center and packing with --shape do so",
            )
        image = _resize(image, spec.shape) if spec.fit == "resize" else center(image, spec.shape)
    return _bin(image, spec) if spec.bin > 1 else image


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape) + " px"


def center(image: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Crop or pad images ``(..., *S)`` about their center to ``shape``, and back; what is added is NaN."""
    result = np.full((*image.shape[: -len(shape)], *shape), np.nan, dtype=np.float32)
    source: list[Any] = [...]
    target: list[Any] = [...]
    for have, want in zip(image.shape[-len(shape) :], shape, strict=True):
        size = min(have, want)
        start, place = (have - size) // 2, (want - size) // 2
        source.append(slice(start, start + size))
        target.append(slice(place, place + size))
    result[tuple(target)] = image[tuple(source)]
    return result


def _resize(image: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Interpolate linearly from corner to corner: torch's own bilinear grids, corners or centers, differ from it."""
    from scipy.ndimage import zoom

    lead = image.ndim - len(shape)
    factors = [want / have for have, want in zip(image.shape[lead:], shape, strict=True)]
    finite = np.where(np.isfinite(image), image, np.float32(0))
    resized: FloatArray = zoom(finite, [1.0] * lead + factors, order=1)
    return resized


def _bin(image: FloatArray, spec: InputSpec) -> FloatArray:
    step = spec.bin
    ny, nx = (n // step * step for n in image.shape[-2:])
    total = np.zeros((*image.shape[:-2], ny // step, nx // step), dtype=np.float32)
    for y in range(step):
        for x in range(step):  # strided sums: 17 times faster than a mean over two axes of a reshaped array
            total += image[..., y:ny:step, x:nx:step]
    if spec.bin_mode == "mean":
        total /= step * step
    return total
