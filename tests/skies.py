"""Tiny skies for the tests: one or two blobs on noise, as FITS files with WCS and a table. Milliseconds to make."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.table import Table

SIZE = 24
CLASSES = ("single", "double")


def make_header(
    ra: float = 150.0, dec: float = 2.0, *, scale_arcsec: float = 1.8, unit: str = "Jy/beam"
) -> fits.Header:
    """Return the header of a small radio image."""
    cards = {
        "CTYPE1": "RA---SIN",
        "CTYPE2": "DEC--SIN",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": (SIZE + 1) / 2,
        "CRPIX2": (SIZE + 1) / 2,
        "CDELT1": -scale_arcsec / 3600,
        "CDELT2": scale_arcsec / 3600,
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        "BUNIT": unit,
    }
    return fits.Header(list(cards.items()))


def make_image(label: str, rng: np.random.Generator, *, size: int = SIZE) -> npt.NDArray[np.float32]:
    """Return ``(size, size)``: noise of sigma 1e-3 with one blob in the middle, or two apart."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    angle = rng.uniform(0, np.pi)
    offset = 5.0 if label == "double" else 0.0
    image = rng.normal(0, 1e-3, (size, size))
    for sign in (-1, 1):
        dx, dy = x - sign * offset * np.cos(angle), y - sign * offset * np.sin(angle)
        image += 0.02 * np.exp(-(dx**2 + dy**2) / 8)
    return image.astype(np.float32)


def write_image(path: Path, image: npt.NDArray[np.float32], header: fits.Header | None = None) -> Path:
    """Write a FITS file."""
    fits.writeto(path, image, make_header() if header is None else header)
    return path


def make_sky(folder: Path, n: int = 48, *, seed: int = 0, classes: Sequence[str] = CLASSES) -> Path:
    """Write ``n`` images and ``table.csv`` (id, path, label, group, z, is_<class>); neighbours share a group."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        label = classes[k % 2]
        path = f"images/s{k:03d}.fits"
        write_image(folder / path, make_image(label, rng), make_header(150 + k * 0.01, 2.0))
        flags = [int(label == name) for name in classes]
        rows.append((f"s{k:03d}", path, label, k // 3, rng.uniform(0, 1), *flags))
    names = ("id", "path", "label", "group", "z", *(f"is_{name}" for name in classes))
    Table(rows=rows, names=names).write(folder / "table.csv", format="ascii.csv")
    return folder / "table.csv"
