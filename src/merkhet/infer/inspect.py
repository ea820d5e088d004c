"""What a file or folder is, in a few facts. Nothing here needs torch."""

from pathlib import Path
from typing import Any

from merkhet.bundle.spec import CARD, SPEC, find_bundle, is_packaged, packaged_models, read_spec
from merkhet.config.array_experiment import ArrayBundleSpec
from merkhet.config.bundle import BundleSpec, Provenance
from merkhet.data.packed import PACK_HEADER, PACK_INDEX, read_header
from merkhet.errors import InputError
from merkhet.infer.inputs import is_table
from merkhet.infer.inspect_events import describe_events
from merkhet.io.cherenkov.packed import is_pack
from merkhet.io.cherenkov.reading import EVENT_SUFFIXES
from merkhet.io.fits import ImageFile
from merkhet.io.image_lists import IMAGE_SUFFIXES
from merkhet.io.tables import read_table
from merkhet.io.wcs import sky_center

Facts = dict[str, Any]


def describe(path: str | Path) -> Facts:
    """Return the kind of ``path`` and its facts.

    Raises
    ------
    InputError
        There is nothing, or nothing that Merkhet knows.
    """
    path = Path(path)
    if is_packaged(path):
        folder = find_bundle(path)
        card = (folder / CARD).read_text(encoding="utf-8")
        return {**_describe_bundle(folder), "kind": "model of the package", "card": card}
    if not path.exists():
        models = ", ".join(packaged_models())
        raise InputError(path, "no such file or folder", expected=f"a path, or one of the package's models: {models}")
    if path.is_dir():
        return _describe_folder(path)
    if path.name.lower().endswith(EVENT_SUFFIXES):
        return describe_events(path)
    if is_table(path):
        return _describe_table(path)
    if path.name.lower().endswith(IMAGE_SUFFIXES):
        return _describe_image(path)
    raise InputError(
        path, "not a file that Merkhet knows", expected="FITS, a table, HDF5 events, a pack, a bundle, a run"
    )


def _describe_folder(path: Path) -> Facts:
    if (path / SPEC).is_file():
        return _describe_bundle(path)
    if (path / "experiment.yaml").is_file():
        bundle = path / "bundle"
        finished = (bundle / SPEC).is_file()
        return {
            "kind": "run",
            "finished": finished,
            **({**_describe_bundle(bundle), "kind": "run"} if finished else {}),
        }
    if (path / PACK_HEADER).is_file():
        return _describe_pack(path)
    if is_pack(path):
        return describe_events(path)
    images = [file for file in path.rglob("*") if file.name.lower().endswith(IMAGE_SUFFIXES)]
    return {"kind": "folder", "images": len(images)}


def _describe_bundle(path: Path) -> Facts:
    spec = read_spec(path, schema=BundleSpec)
    if isinstance(spec, ArrayBundleSpec):
        return _describe_array_bundle(spec)
    return {
        "kind": "bundle",
        "task": f"{spec.task.kind}, {spec.task.answers}",
        "architecture": spec.model.kind,
        "bands": ", ".join(f"{band.name} [{band.unit or 'unit unknown'}]" for band in spec.input.bands),
        "image": f"{spec.input.shape} px, fit {spec.input.fit}, bin {spec.input.bin}",
        "pixel scale": _scale(spec.input.pixel_scale_arcsec),
        "normalization": spec.normalize.kind,
        "trained": _origin(spec.provenance),
        "reference": _reference_line(spec),
        "hash": spec.hash,
    }


def _describe_array_bundle(spec: ArrayBundleSpec) -> Facts:
    telescopes = [
        f"{len(camera.tel_ids)} {camera.type} ({len(camera.positions)} px, {camera.pixel_shape})"
        for camera in spec.input.cameras
    ]
    return {
        "kind": "bundle",
        "task": f"{spec.task.kind}, {spec.task.answers}",
        "architecture": spec.model.kind,
        "telescopes": ", ".join(telescopes),
        "samples": "single images" if spec.input.slots == "mono" else "events",
        "channels": ", ".join(spec.normalize.channels),
        "trained": _origin(spec.provenance),
        "hash": spec.hash,
    }


def _origin(provenance: Provenance) -> str:
    """Say when the model was trained, on how many rows; or from what it was imported."""
    if provenance.imported_from:
        return f"elsewhere; imported {provenance.created} from {provenance.imported_from}"
    return f"{provenance.created} on {provenance.rows}, seed {provenance.seed}"


def _reference_line(spec: BundleSpec) -> str:
    """Say what the training data looked like."""
    reference = spec.reference
    if reference is None:
        return "none; flags do not say which images are unlike the training data"
    facts = []
    if reference.pixel_scale_arcsec is not None:
        facts.append(f"pixel scale {_span(*reference.pixel_scale_arcsec)} arcsec")
    for band, noise, peak in zip(spec.input.bands, reference.noise, reference.peak, strict=True):
        if noise is not None:
            facts.append(f"noise of {band.name} {_span(*noise)} {band.unit or ''}".rstrip())
        if peak is not None:
            facts.append(f"its peak over the noise {_span(*peak)}")
    features = reference.features
    if features is not None:
        facts.append(f"features of {features.train_rows} rows, limit from {features.val_rows} validation rows")
    else:
        facts.append("no features (fewer than 10 rows in training or validation, or a task without)")
    return "; ".join(facts)


def _span(low: float, high: float) -> str:
    return f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g}"


def _scale(arcsec: float | None) -> str:
    return "unknown" if arcsec is None else f"{arcsec:#.4g} arcsec"  # maps of VLBI have scales of 1e-5


def _describe_pack(path: Path) -> Facts:
    header = read_header(path)
    finished = (path / PACK_INDEX).is_file()
    facts: Facts = {"kind": "pack", "rows": header.rows, "shape": list(header.input.shape or ()), "finished": finished}
    if finished:
        facts["rejected"] = len(read_table(path / "rejects.csv"))
        facts["columns"] = ", ".join(read_table(path / PACK_INDEX).colnames)
    return facts


def _describe_table(path: Path) -> Facts:
    table = read_table(path)
    return {"kind": "table", "rows": len(table), "columns": ", ".join(table.colnames)}


def _describe_image(path: Path) -> Facts:
    with ImageFile(path) as image:
        info = image.info
        facts: Facts = {"kind": "image", "hdu": f"{info.hdu} {info.name}".strip(), "shape": info.shape}
        facts |= {"unit": info.unit or "none", "beam": info.beam or "none"}
        if info.wcs is None:
            return {**facts, "wcs": "none"}
        ra, dec = sky_center(info.wcs, info.shape[-2:])
        return {**facts, "center": f"{ra:.5f} {dec:+.5f} deg", "pixel scale": _scale(info.pixel_scale_arcsec)}
