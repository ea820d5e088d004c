"""The page of a scan: what was found where, with the photons that speak for it, in one file."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import Row, Table
from matplotlib.figure import Figure

from merkhet import __version__
from merkhet.bundle.spec import CARD, find_bundle, read_spec
from merkhet.config.bundle import BundleSpec
from merkhet.io.atomic import write_text
from merkhet.io.catalog import Flag
from merkhet.report.found import cut_out, detections_on, read_detections
from merkhet.report.gallery import sky_position
from merkhet.report.page import embed, environment
from merkhet.report.sky_plots import Picture, category_colors, cutout_plot, profile_plot, survey_map
from merkhet.scan.decompose import PsfFamily
from merkhet.scan.detections import Detections
from merkhet.scan.detectors import BOXES
from merkhet.scan.images import SkyTile, TileFiles, read_tile
from merkhet.scan.local_background import LocalBackground
from merkhet.scan.measure import radial_profile

MAX_MAPS = 8
MAX_ROWS = 500
MAX_REJECTS = 50
PROFILE_SIZES = 4.0  # how far a profile goes, in sizes of the detection
PROFILE_ARCSEC = (300.0, 7200.0)
UNKNOWN = "—"
SIZE_UNITS = ((3600.0, "deg"), (60.0, "arcmin"), (1.0, "arcsec"))


@dataclass(frozen=True)
class PageOptions:
    """What the page of a scan shows.

    Attributes
    ----------
    model
        As it was named to the scan.
    command
        The command line, or the call, that made the scan.
    known
        The user's table of known sources, if there was one.
    candidates
        So many detections are shown with their photons, the most probable first.
    hdu
        Of the counts, as in the scan.
    psf
        What a point source may look like.
    """

    model: str
    command: str = ""
    known: str = ""
    candidates: int = 50
    hdu: int | str | None = None
    psf: PsfFamily = field(default_factory=PsfFamily)


@dataclass(frozen=True)
class Entry:
    """A detection as the page tells it."""

    number: int
    row: Row
    color: str

    @property
    def position(self) -> str:
        """On the sky; in pixels where it has no place there."""
        told = sky_position(float(self.row["ra"]), float(self.row["dec"]))
        return told or f"x {self.row['x']:.1f}, y {self.row['y']:.1f}"

    @property
    def size(self) -> str:
        """Radius in the unit that suits it."""
        size = float(self.row["size_arcsec"])
        if not np.isfinite(size):
            return UNKNOWN
        unit, name = next((unit, name) for unit, name in SIZE_UNITS if size >= unit or unit == 1)
        return f"{size / unit:.3g} {name}"

    @property
    def flags(self) -> str:
        """The names of the bits."""
        names = [str(flag.name).lower().replace("_", " ") for flag in Flag if int(self.row["flags"]) & flag]
        return ", ".join(names)

    def number_of(self, column: str, form: str = ".1f") -> str:
        """Return a number of the catalog, a dash where there is none."""
        value = float(self.row[column])
        return format(value, form) if np.isfinite(value) else UNKNOWN


@dataclass(frozen=True)
class Candidate:
    """A detection with the addresses of its images; no profile without a pixel scale."""

    entry: Entry
    cutout: str
    profile: str


@dataclass
class _Images:
    """What the tiles give, read one after the other."""

    maps: list[tuple[str, int, str]] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)


def write_scan_page(
    detections: Detections, path: str | Path, *, tiles: Sequence[TileFiles], options: PageOptions
) -> Path:
    """Write the page of a scan and return its path.

    The tiles of the detections that are shown are read again, one at a time.

    Parameters
    ----------
    detections
        What was found, be it nothing.
    path
        File to write; one that is there is replaced.
    tiles
        Those that were scanned.
    options
        What is shown, and what is said of the scan.

    Raises
    ------
    InputError
        A tile cannot be read any more, or there is no such model.
    OutputError
        The page cannot be written.
    """
    categories = list(dict.fromkeys(np.asarray(detections.table["category"]).tolist()))
    palette = category_colors(categories)
    entries = [Entry(n, row, palette[str(row["category"])]) for n, row in enumerate(detections.table, start=1)]
    images = _draw(detections, entries, tiles=tiles, options=options)
    page = (
        environment()
        .get_template("scan.html.j2")
        .render(
            detections=detections,
            counts=[(name, palette[name], number) for name, number in _counted(detections.table)],
            images=images,
            entries=entries[:MAX_ROWS],
            with_rate=bool(np.isfinite(np.asarray(detections.table["false_alarms_per_deg2"], dtype=float)).any()),
            with_known="known_id" in detections.table.colnames,
            known=[entry for entry in entries if "known_id" in entry.row.colnames and str(entry.row["known_id"])],
            options=options,
            rejects=detections.rejects[:MAX_REJECTS],
            provenance=provenance_rows(options),
            card=_card(options.model),
            version=__version__,
        )
    )
    write_text(path, page)
    return Path(path)


def provenance_rows(options: PageOptions) -> list[tuple[str, str]]:
    """Return names and texts of where the answers come from."""
    rows = [("Command", options.command)] if options.command else []
    if options.known:
        rows.append(("Known sources", options.known))
    rows.append(("Merkhet", __version__))
    if options.model == BOXES:
        return [*rows, ("Model", "boxes: a Poisson test in sliding boxes, which learned nothing")]
    spec = read_spec(find_bundle(options.model), schema=BundleSpec)
    origin = spec.provenance
    trained = ", ".join(f"{name} {version}" for name, version in origin.versions.items())
    return [
        *rows,
        ("Model", options.model),
        ("Hash", spec.hash),
        ("Weights (SHA-256)", spec.weights_sha256),
        ("Trained", f"{origin.created}, seed {origin.seed}, with Merkhet {origin.merkhet}"),
        ("Data fingerprint", origin.data_fingerprint),
        ("Versions then", trained),
    ]


def _card(model: str) -> str:
    """Return the card of a model; empty where it has none."""
    if model == BOXES:
        return ""
    path = find_bundle(model) / CARD
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _counted(table: Table) -> list[tuple[str, int]]:
    """Return how many detections each category has, the most probable category first."""
    return list(Counter(np.asarray(table["category"]).tolist()).items())


def _draw(
    detections: Detections, entries: Sequence[Entry], *, tiles: Sequence[TileFiles], options: PageOptions
) -> _Images:
    """Draw maps of the first tiles, in the order of their most probable detections, and all that is shown on them."""
    images, every = _Images(), read_detections(detections)
    every["number"] = np.arange(1, len(every) + 1)
    shown = entries[: options.candidates]
    for files, mine in _by_tile(tiles, entries, shown, rejected={reject.file for reject in detections.rejects}):
        tile = read_tile(files, hdu=options.hdu)
        if len(images.maps) < MAX_MAPS:
            here = detections_on(tile, every)
            images.maps.append((tile.id, len(here), embed(_map(tile, here, every), kind="png")))
        local = LocalBackground.of(tile) if np.isfinite(tile.pixel_arcsec) and mine else None
        images.candidates += [_candidate(tile, entry, local=local, psf=options.psf) for entry in mine]
    images.candidates.sort(key=lambda candidate: candidate.entry.number)
    return images


def _by_tile(
    tiles: Sequence[TileFiles], entries: Sequence[Entry], shown: Sequence[Entry], *, rejected: set[str]
) -> Iterator[tuple[TileFiles, list[Entry]]]:
    """Yield the tiles that are to be read, each with those of its detections that are shown."""
    first = {image: number for number, image in enumerate(dict.fromkeys(str(entry.row["image"]) for entry in entries))}
    order = sorted(tiles, key=lambda files: first.get(str(files.image), len(first)))
    usable = [files for files in order if str(files.image) not in rejected]
    for place, files in enumerate(usable):
        mine = [entry for entry in shown if str(entry.row["image"]) == str(files.image)]
        if mine or place < MAX_MAPS:
            yield files, mine


def _map(tile: SkyTile, here: Table, every: Table) -> Figure:
    return survey_map(
        Picture.of(tile.counts, valid=tile.valid),
        detections=here,
        wcs=tile.wcs,
        pixel_arcsec=_scale(tile),
        categories=list(dict.fromkeys(np.asarray(every["category"]).tolist())),
    )


def _candidate(tile: SkyTile, entry: Entry, *, local: LocalBackground | None, psf: PsfFamily) -> Candidate:
    x, y, size = (float(entry.row[name]) for name in ("x", "y", "size_arcsec"))
    cutout = cut_out(tile, x, y, radius_px=size / tile.pixel_arcsec)
    picture = cutout_plot(cutout.picture, circle=cutout.circle, pixel_arcsec=_scale(tile), color=entry.color)
    profile = ""
    if local is not None and np.isfinite(size):
        found = radial_profile(
            tile,
            x,
            y,
            reach_arcsec=float(np.clip(PROFILE_SIZES * size, *PROFILE_ARCSEC)),
            size_arcsec=size,
            label=str(entry.row["label"]),
            psf=psf,
            local=local,
        )
        profile = embed(profile_plot(found, size_arcsec=size))
    return Candidate(entry, embed(picture, kind="png"), profile)


def _scale(tile: SkyTile) -> float | None:
    return tile.pixel_arcsec if np.isfinite(tile.pixel_arcsec) else None
