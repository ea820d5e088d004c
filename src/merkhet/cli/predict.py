"""``merkhet predict``."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cyclopts import Group, Parameter

from merkhet.cli.numbers import AtLeastOne, AtLeastZero
from merkhet.cli.output import QUIET_DEFAULT, Output
from merkhet.config.inference import BackendName, Precision
from merkhet.errors import ConfigError


@Parameter(name="*", group=Group("Models of images", sort_key=1))
@dataclass(frozen=True)
class ImageOptions:
    """What goes with models of images.

    Parameters
    ----------
    write_header
        Write label, probability and model into the header of each image; every other byte stays as it was.
    verdict
        Table to write with a row per observation: what its images say together.
    stats
        Table to write with a row per image: truth (where the inputs say it), answer, certainty, loss, time.
    heatmap
        Folder to make: for each image and label a map, as FITS, of where the evidence lies, and a picture of them.
    path_column
        Column of the file where an input is a table; once per band.
    id_column
        Column of the name where an input is a table.
    group_column
        Column of the observation where an input is a table; else the leading number of the file's name tells it.
    root
        Folder that a table's relative paths start from; the table's own where absent.
    hdu
        HDU of the image by index or name.
    plane
        Plane of a cube to take.
    backend
        What runs the network: torch, or openvino, which is faster on a processor (pip install 'merkhet[openvino]').
    precision
        f32, or bf16: faster where the processor has it; how far it moves probabilities is measured and said.
    """

    write_header: bool = False
    verdict: Path | None = None
    stats: Path | None = None
    heatmap: Path | None = None
    path_column: tuple[str, ...] = ("path",)
    id_column: str | None = None
    group_column: str | None = None
    root: Path | None = None
    hdu: str | None = None
    plane: AtLeastZero | None = None
    backend: BackendName = "torch"
    precision: Precision = "f32"


@Parameter(name="*", group=Group("Models of Cherenkov events", sort_key=2))
@dataclass(frozen=True)
class EventOptions:
    """What goes with models of events.

    Parameters
    ----------
    display
        Draw the first so many events: cameras with charge and cleaning, the array with core and direction, as PNG.
    displays
        Folder to make for them; OUT without its suffix and with _displays where absent.
    camera
        TYPE=TABLE: the pixels of a telescope type, for the oldest files, which hold none; once per type.
    """

    display: AtLeastOne | None = None
    displays: Path | None = None
    camera: tuple[str, ...] = ()


IMAGES, EVENTS = ImageOptions(), EventOptions()


def predict(
    model: Path,
    /,
    *inputs: str,
    out: Path | None = None,
    images: ImageOptions = IMAGES,
    events: EventOptions = EVENTS,
    batch_size: AtLeastOne = 64,
    device: str = "auto",
    overwrite: bool = False,
    output: Output = QUIET_DEFAULT,
) -> int:
    """Answer for new data with a trained model: classify images, or reconstruct events of Cherenkov telescopes.

    Every good input becomes a row of the output; every bad one a row of the rejects, and the run goes on.

    Example: merkhet predict run new_images/ 'more/*.fits' --out catalog.ecsv --write-header

    Example: merkhet predict run observed.dl1.h5 --out observed.dl2.h5 --display 10

    Parameters
    ----------
    model
        A run folder or a bundle folder.
    inputs
        Images: FITS files, folders, patterns, tables with a path column, or lists (path[,label] in .csv without column
        names). Events: HDF5 files of DL1, packs, folders of them, patterns.
    out
        Catalog to write: .ecsv, .csv, .fits, .vot or .parquet; for events also .h5, which is DL2 as ctapipe has it.
        Printed where absent and nothing else is written.
    batch_size
        Images or events that go through the network together.
    device
        auto, cpu, cuda, cuda:1 or mps.
    overwrite
        Replace an output that exists.
    """
    from merkhet.bundle.spec import find_bundle, read_spec
    from merkhet.cli.predict_events import run_on_events
    from merkhet.cli.predict_images import run_on_images
    from merkhet.config.array_experiment import ArrayBundleSpec
    from merkhet.config.bundle import BundleSpec

    common: dict[str, Any] = {"out": out, "batch_size": batch_size, "device": device, "overwrite": overwrite}
    if isinstance(read_spec(find_bundle(model), schema=BundleSpec), ArrayBundleSpec):
        _refuse(images, IMAGES, model=model, takes="events", meant="images")
        return run_on_events(model, inputs, events, output=output, **common)
    _refuse(events, EVENTS, model=model, takes="images", meant="events")
    return run_on_images(model, inputs, images, output=output, **common)


def _refuse(given: Any, default: Any, *, model: Path, takes: str, meant: str) -> None:
    """Refuse options for another kind of model."""
    names = [entry.name for entry in fields(given) if getattr(given, entry.name) != getattr(default, entry.name)]
    if names:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in names)
        raise ConfigError(f"{options}: for models of {meant}; {model} takes {takes}")
