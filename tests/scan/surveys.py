"""Small skies: tiles with sources as bright as wanted, on disk or in memory, and bundles that look at them."""

from pathlib import Path

import numpy as np
import torch
from astropy.io import fits
from astropy.wcs import WCS

from merkhet.bundle.store import build_task, save_bundle
from merkhet.config.bundle import BundleSpec
from merkhet.config.data import ReadSpec
from merkhet.config.inputs import Band, InputSpec
from merkhet.config.models import CNN
from merkhet.config.normalize import LogMinMax
from merkhet.config.tasks import Classify
from merkhet.scan.images import SkyTile
from tests.bundle.bundles import PROVENANCE

ARCSEC = 4.0
RATE = 0.5  # background, counts per pixel: no window is empty
CATEGORIES = {"DEFINITE_HALO": 0.85, "PROBABLE_HALO": 0.65, "POSSIBLE_HALO": 0.45, "UNLIKELY_HALO": 0.25}
TASK = Classify(mode="binary", classes=("none", "halo"), threshold=0.45, categories=CATEGORIES, below="NO_HALO")


def make_wcs(center=(60.0, -30.0), *, shape=(96, 96)) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = center
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    wcs.wcs.cdelt = [-ARCSEC / 3600, ARCSEC / 3600]
    wcs.wcs.set()
    return wcs


def make_counts(rng, *, shape=(96, 96), sources=(), rate=RATE):
    """Poisson counts of a background and Gaussian sources ``(x, y, photons, sigma)``."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    mean = np.full(shape, rate)
    for x0, y0, photons, sigma in sources:
        mean += photons * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    return rng.poisson(mean).astype(np.float32)


def make_tile(counts, *, valid=None, wcs=None, rate=RATE, name="tile") -> SkyTile:
    valid = np.ones(counts.shape, dtype=bool) if valid is None else valid
    return SkyTile(
        id=name,
        path=Path(f"{name}.fits"),
        counts=np.where(valid, counts, 0).astype(np.float32),
        exposure=valid.astype(np.float32),
        background=np.where(valid, rate, 0).astype(np.float32),
        valid=valid,
        wcs=wcs,
        pixel_arcsec=ARCSEC if wcs is not None else np.nan,
        flags=0,
        header=fits.Header(),
    )


def write_tile(path: Path, counts, *, wcs=None, background=None) -> Path:
    header = fits.Header() if wcs is None else wcs.to_header()
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(counts, header=header).writeto(path)
    return path


def write_survey(folder: Path, rng, *, tiles=3, size=80, overlap=24) -> list[Path]:
    """Write tiles in a row from east to west that overlap, cut out of one sky of photons."""
    step = size - overlap
    sources = [(step * k + size / 2, 40.0, 900, 4.0) for k in range(tiles)]
    sources.append((size - overlap / 2, 20.0, 900, 4.0))  # on the border of the first two
    sky = make_counts(rng, shape=(size, step * (tiles - 1) + size), sources=sources, rate=0.05)
    wcs = make_wcs(shape=sky.shape)
    return [
        write_tile(folder / f"t{k}.fits", sky[:, step * k : step * k + size], wcs=wcs[:, step * k : step * k + size])
        for k in range(tiles)
    ]


def make_classifier(folder: Path, *, size=16, task=TASK, bands=1, seed=0) -> str:
    """Write a bundle of a small classifier with random weights; its answers spread from low to high."""
    torch.manual_seed(seed)
    roles = ("signal", "exposure", "background")[:bands]
    spec = InputSpec(
        bands=tuple(Band(name=role, role=role) for role in roles), shape=(size, size), pixel_scale_arcsec=ARCSEC
    )
    model = CNN(widths=(4, 8))
    built = build_task(task=task, model=model, normalize=LogMinMax(), spec=spec)
    with torch.no_grad():
        for name, parameter in built.named_parameters():
            if name.startswith("head"):
                parameter.mul_(20)
    bundle = BundleSpec(
        input=spec,
        read=ReadSpec(),
        normalize=LogMinMax(),
        model=model,
        task=task,
        provenance=PROVENANCE,
        weights_sha256="",
    )
    save_bundle(folder, bundle, built.state_dict())
    return str(folder)
