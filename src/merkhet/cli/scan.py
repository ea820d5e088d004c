"""``merkhet scan``."""

import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from merkhet.cli.numbers import AtLeastOne
from merkhet.cli.output import QUIET_DEFAULT, Output
from merkhet.config.inference import BackendName, Precision

if TYPE_CHECKING:
    from merkhet.scan.detections import Detections
    from merkhet.scan.survey import DetectorOptions


@Parameter(name="*")
@dataclass(frozen=True)
class How:
    """How the model looks at an image.

    Parameters
    ----------
    windows
        Models that classify: sides of the windows in pixels, 64 128 256 for example; the model's own where absent.
    stride
        Models that classify: pixels from window to window; half of each window where absent.
    resample
        Models that classify: how larger windows come to the model's shape. sum, which is the default, keeps the
        photons; zoom interpolates as the published halo detector does.
    reexamine
        Models that classify: look again with windows of 0.5, 1, 1.5 and 2 times the size, and average.
    tile
        Models that detect: side of the blocks in which an image is evaluated; bounds the memory, changes no answer.
    device
        auto, which is the default, cpu, cuda, cuda:1 or mps.
    backend
        What runs the network: torch, or openvino, which is faster on a processor (pip install 'merkhet[openvino]').
    precision
        f32, or with openvino bf16: faster still.
    """

    windows: Annotated[tuple[AtLeastOne, ...] | None, Parameter(consume_multiple=True)] = None
    stride: AtLeastOne | None = None
    resample: Literal["sum", "zoom"] | None = None
    reexamine: bool = False
    tile: AtLeastOne | None = None
    device: str | None = None
    backend: BackendName | None = None
    precision: Precision | None = None

    @property
    def options(self) -> "DetectorOptions":
        """What was given."""
        return {name: value for name, value in asdict(self).items() if value}  # type: ignore[return-value]


@Parameter(name="*")
@dataclass(frozen=True)
class What:
    """What is written.

    Parameters
    ----------
    format
        catalog, or dsh-json: the JSON of the published halo detector.
    known
        Table of known sources (columns ra and dec): adds the nearest of them to each detection.
    regions
        Write DS9 regions.
    page
        Write a page with maps of the images, and each detection with its photons.
    probability_map
        Write a map of the probability for each image to OUT_maps, FITS with its world coordinates.
    """

    format: Literal["catalog", "dsh-json"] = "catalog"
    known: Path | None = None
    regions: Annotated[bool, Parameter(negative="--no-regions")] = True
    page: Annotated[bool, Parameter(negative="--no-page")] = True
    probability_map: bool = False


HOW_DEFAULT, WHAT_DEFAULT = How(), What()


def scan(
    model: str,
    /,
    *images: str,
    out: Path,
    threshold: float | None = None,
    exposure: Annotated[tuple[Path, ...] | None, Parameter(consume_multiple=True)] = None,
    background: Annotated[tuple[Path, ...] | None, Parameter(consume_multiple=True)] = None,
    hdu: str | None = None,
    separate: bool = False,
    how: How = HOW_DEFAULT,
    what: What = WHAT_DEFAULT,
    workers: AtLeastOne = 1,
    shard: str = "1/1",
    overwrite: bool = False,
    output: Output = QUIET_DEFAULT,
) -> int:
    """Find objects on images of the sky with a trained model, and write a catalog of them.

    Tiles that overlap are one sky: an object on several of them is in the catalog once, and what is larger than a
    tile is seen with those around it. A tile that cannot be used becomes a row of the rejects. A scan that was killed
    goes on when the same command is given again; --shard 1/4 ... 4/4 on four machines share one scan.

    Example: merkhet scan halo-scan-lite tiles/ --out halos.ecsv --probability-map

    Parameters
    ----------
    model
        A run, a bundle or the name of a model that detects objects or classifies cutouts; or boxes, a Poisson test.
    images
        FITS images of counts: files, folders, patterns, or a table with columns image, exposure and background.
        Exposure and background maps of eROSITA and XMM products are found beside their images by name.
    out
        Catalog to write: .ecsv, .csv, .fits, .vot or .parquet. Beside it: OUT_rejects.csv, a page OUT.html, OUT.reg
        (DS9 regions on the sky) and OUT_regions (in the pixels of each image).
    threshold
        Keep what is found with this probability or more; the model's own threshold where absent.
    exposure
        Exposure maps, one for each image, in their order.
    background
        Maps of the expected background counts, one for each image; estimated where there are none.
    hdu
        HDU of the counts by index or name.
    separate
        The images are not one sky, though they show the same part of it: other epochs, or copies.
    workers
        Processes; each holds a tile.
    shard
        Part i/n of the tiles; whichever finishes last writes the catalog.
    overwrite
        Replace an output that exists, or begin anew.
    """
    from merkhet.cli.options import make_read
    from merkhet.execute import Shard
    from merkhet.io.atomic import refuse_existing
    from merkhet.scan.listing import list_tiles
    from merkhet.scan.outputs import beside
    from merkhet.scan.survey import scan as run_scan

    html, counts = beside(out, ".html"), make_read(hdu, None).hdu
    if what.page:
        refuse_existing(html, overwrite=overwrite)
    with output.progress("scanning") as progress:
        found = run_scan(
            model,
            images,
            out=out,
            threshold=threshold,
            exposure=exposure,
            background=background,
            hdu=counts,
            separate=separate,
            known=what.known,
            format=what.format,
            regions=what.regions,
            probability_map=what.probability_map,
            workers=workers,
            shard=Shard.parse(shard),
            overwrite=overwrite,
            progress=progress,
            **how.options,
        )
    files = dict(found.files)
    if what.page and found.complete:
        from merkhet.report.scan import PageOptions, write_scan_page

        told = PageOptions(model, _command(), known=str(what.known or ""), hdu=counts)
        shown = list_tiles(images, exposure=exposure, background=background)
        files["page"] = write_scan_page(found, html, tiles=shown, options=told)
    return _say(output, found, files)


def _command() -> str:
    """Return the command line; empty where another program called."""
    program, *arguments = sys.argv
    return shlex.join(["merkhet", *arguments]) if Path(program).name in ("merkhet", "__main__.py") else ""


def _say(output: Output, found: "Detections", files: dict[str, Path]) -> int:
    """Say what was done, and return the exit code."""
    rejected = len(found.rejects)
    if found.complete:
        output.say(f"{len(found)} detections on {found.tiles - rejected} images, {rejected} rejected")
        for reject in found.rejects[:5]:
            output.say(f"  {reject.file}: {reject.reason}")
        for what, path in files.items():
            output.say(f"{what.replace('_', ' ')}: {path}")
    else:
        output.say(f"{found.tiles_done} of {found.tiles} images are done; the rest is still to be scanned")
    output.summary(**files, detections=len(found), tiles=found.tiles, rejected=rejected, complete=found.complete)
    return 3 if found.complete and found.rejects else 0
