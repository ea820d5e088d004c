"""Small tiles and an untrained detector for the tests of the scan."""

from pathlib import Path

import numpy as np
import torch
from astropy.io import fits

from merkhet.bundle.store import build_task, save_bundle
from merkhet.config.bundle import BundleSpec
from merkhet.config.data import ReadSpec
from merkhet.config.inputs import Band, InputSpec
from merkhet.config.models import FCN
from merkhet.config.normalize import Counts
from merkhet.config.tasks import Detect
from merkhet.io.wcs import celestial_wcs
from merkhet.scan.images import SkyTile
from merkhet.tasks.detect import DetectTask
from tests.bundle.bundles import PROVENANCE

BANDS = (
    Band(name="counts", unit="count", role="signal"),
    Band(name="exposure", unit="s", role="exposure"),
    Band(name="background", unit="count", role="background"),
)


def make_header(shape=(40, 50), *, ra=150.0, dec=10.0, pixel_arcsec=4.0, rotation_deg=0.0):
    header = fits.Header()
    turn = np.deg2rad(rotation_deg)
    for axis, (kind, value, n) in enumerate((("RA---SIN", ra, shape[1]), ("DEC--SIN", dec, shape[0])), start=1):
        header[f"CTYPE{axis}"], header[f"CUNIT{axis}"], header[f"CRVAL{axis}"] = kind, "deg", value
        header[f"CRPIX{axis}"] = 0.5 * (n + 1)
        header[f"CDELT{axis}"] = (-1 if axis == 1 else 1) * pixel_arcsec / 3600
    header["PC1_1"], header["PC1_2"], header["PC2_1"], header["PC2_2"] = (
        np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn)
    )  # fmt: skip
    header["RADESYS"] = "ICRS"
    return header


def write_image(path: Path, image, *, header=None, **cards):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = make_header(np.shape(image)) if header is None else header.copy()
    header.update(cards)
    fits.PrimaryHDU(np.asarray(image), header=header).writeto(path)
    return path


def make_tile(counts, *, exposure=None, background=None, header=None, name="tile", sky=True):
    counts = np.asarray(counts, dtype=np.float32)
    exposure = np.full_like(counts, 100) if exposure is None else np.asarray(exposure, dtype=np.float32)
    valid = exposure > 0
    header = make_header(counts.shape) if header is None else header
    return SkyTile(
        id=name,
        path=Path(f"{name}.fits"),
        counts=counts * valid,
        exposure=exposure,
        background=(np.full_like(counts, 0.01) if background is None else np.asarray(background, np.float32)) * valid,
        valid=valid,
        wcs=celestial_wcs(header) if sky else None,
        pixel_arcsec=4.0 if sky else np.nan,
        flags=0,
        header=header,
    )


def make_detector(folder: Path, *, levels=3, seed=0) -> Path:
    """Write a bundle that detects, with random weights and norms that were never at rest."""
    torch.manual_seed(seed)
    spec, task, model = (
        InputSpec(bands=BANDS, fit="any"),
        Detect(classes=("halo", "ring"), levels=levels),
        FCN(widths=(4, 6, 8, 8)),
    )
    built = build_task(task=task, model=model, normalize=Counts(), spec=spec)
    for module in built.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.uniform_(-0.3, 0.3)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    assert isinstance(built, DetectTask)
    torch.nn.init.normal_(built.head.weight, std=0.5)
    bundle = BundleSpec(
        input=spec,
        read=ReadSpec(),
        normalize=Counts(),
        model=model,
        task=task,
        provenance=PROVENANCE,
        weights_sha256="",
    )
    save_bundle(folder, bundle, built.state_dict())
    return folder
