"""Patches of survey tiles on all levels of the pyramid, packed with their objects, for a detector to learn from."""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from astropy.table import Table, vstack

from merkhet import __version__
from merkhet.config.data import ReadSpec
from merkhet.config.inputs import Band, InputSpec
from merkhet.config.pack import PackHeader
from merkhet.data.measured import Measured, add_measured
from merkhet.data.pack import IMAGES
from merkhet.data.packed import PACK_HEADER, PACK_INDEX
from merkhet.errors import ConfigError, InputError
from merkhet.execute import Progress
from merkhet.io.atomic import os_errors, prepare_folder, write_text
from merkhet.io.tables import read_table, require_columns, write_table
from merkhet.scan.images import SkyTile, list_tiles, read_tile
from merkhet.scan.pyramid import Layers
from merkhet.tasks.object_truth import OBJECTS

BANDS = (
    Band(name="counts", unit="count", role="signal"),
    Band(name="exposure", unit="s", role="exposure"),
    Band(name="background", unit="count", role="background"),
)
TRUTH_COLUMNS = ("ra", "dec", "kind", "label", "size")
MARGIN = 0.2  # of a patch: objects that it was cut for lie at least so far inside
SLACK = 2**0.5  # an object is taught on levels where its radius is so far outside the range
OTHER_LEVELS = 4  # objects that are none are shown on one of the first few levels
RANDOM_PER_TILE = (6, 4, 3, 2, 2, 1, 1)  # patches anywhere, by level


@dataclass(frozen=True)
class Spec:
    """What is cut.

    Attributes
    ----------
    size_px
        Side of a patch, in pixels of its level.
    levels
        Of the pyramid.
    radius_px
        See :class:`merkhet.config.tasks.Detect`.
    classes
        Kinds of objects; a positive of any other kind counts as the first.
    """

    size_px: int = 192
    levels: int = 7
    radius_px: tuple[float, float] = (8.0, 16.0)
    classes: tuple[str, ...] = ("halo", "ring")

    def level_range(self, radius_px: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Tell on which levels ``(n, levels)`` objects of a radius in pixels of the tile are taught."""
        own = radius_px[:, None] / 2.0 ** np.arange(self.levels)
        low = np.full(self.levels, self.radius_px[0] / SLACK)
        high = np.full(self.levels, self.radius_px[1] * SLACK)
        low[0], high[-1] = 0.0, np.inf
        return np.asarray((own >= low) & (own < high))


@dataclass(frozen=True)
class _Place:
    """Where a patch is cut: its level, and its first pixel there."""

    level: int
    x: int
    y: int


@dataclass(frozen=True, eq=False)
class _Objects:
    """The truth on a tile: positions and radii in its pixels, kinds (empty: ignored), and what they are shown for."""

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    radius: npt.NDArray[np.float64]
    kind: npt.NDArray[np.str_]
    role: npt.NDArray[np.str_]


def cut_patches(
    tables: Sequence[Path],
    out: Path,
    *,
    spec: Spec | None = None,
    seed: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Cut patches out of surveys whose truth is known, and pack them.

    Every positive is cut out on each level that suits its size, at a random place of the patch; every other source of
    the truth on one level; and some patches anywhere. A patch that reaches beyond its tile is NaN there.

    Parameters
    ----------
    tables
        Tables of tiles (columns ``image, exposure, background``), each with its ``truth.ecsv`` beside it.
    out
        Folder to make: a pack, with ``objects.parquet`` beside its index.
    seed
        Draws the places.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        A table or a tile cannot be used, or a tile has no world coordinates.
    """
    spec = spec or Spec()
    if spec.size_px % 16 or spec.size_px < 64:
        raise ConfigError(f"size is {spec.size_px}; expected a multiple of 16, 64 or more")
    out = prepare_folder(out, marker=PACK_HEADER, overwrite=overwrite, inputs=list(tables))
    tiles = [(table, files) for table in tables for files in list_tiles([table])]
    truths = {table: _read_truth(table) for table in tables}
    rows: list[Table] = []
    objects: list[Table] = []
    measured: list[Measured] = []
    with os_errors(out), (out / IMAGES).open("wb+") as stream:
        _write_header(stream, rows=0, size=spec.size_px)
        for number, (table, files) in enumerate(tiles):
            tile = read_tile(files)
            group = f"{tables.index(table)}_{files.id}"
            known = _project(truths[table], tile, spec=spec, where=table)
            levels = _pyramid(tile, levels=spec.levels)
            places = _places(known, tile, spec=spec, rng=np.random.default_rng([seed, number]))
            for place in dict.fromkeys(places):  # large patches may be drawn twice
                patch = _cut(levels[place.level], place, size=spec.size_px)
                name = f"{group}_{place.level}_{place.x}_{place.y}"
                objects.append(_objects_on(known, place, name, spec=spec))
                measured.append(_measure(len(measured), patch, files.image, scale=tile.pixel_arcsec * 2**place.level))
                rows.append(Table({"path": [name], "tile": [group], "level": [place.level]}))
                stream.write(patch.tobytes())
            if progress:
                progress(number + 1, len(tiles))
        stream.seek(0)
        _write_header(stream, rows=len(measured), size=spec.size_px)
    return _finish(out, rows, objects, measured, spec=spec, tables=tables, seed=seed)


def _read_truth(table: Path) -> Table:
    path = table.with_name("truth.ecsv")
    truth = read_table(path)
    require_columns(truth, list(TRUTH_COLUMNS), source=path)
    return truth


def _project(truth: Table, tile: SkyTile, *, spec: Spec, where: Path) -> _Objects:
    """Return the sources of the truth that stand on a tile."""
    if tile.wcs is None:
        raise InputError(tile.path, "no world coordinates", expected=f"a tile on the sky, as {where} lists")
    x, y = tile.wcs.world_to_pixel_values(np.asarray(truth["ra"]), np.asarray(truth["dec"]))
    height, width = tile.counts.shape
    with np.errstate(invalid="ignore"):
        on = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    label, kind = (np.asarray(truth[name]).astype(str)[on] for name in ("label", "kind"))
    kind = np.where(np.isin(kind, spec.classes), kind, spec.classes[0])
    radius = np.asarray(truth["size"], dtype=float)[on] / tile.pixel_arcsec
    return _Objects(x[on], y[on], np.nan_to_num(radius), np.where(label == "halo", kind, ""), label)


def _pyramid(tile: SkyTile, *, levels: int) -> list[Layers]:
    pyramid = [tile.layers()]
    while len(pyramid) < levels:
        pyramid.append(pyramid[-1].halved())
    return pyramid


def _places(objects: _Objects, tile: SkyTile, *, spec: Spec, rng: np.random.Generator) -> Iterator[_Place]:
    suits = spec.level_range(objects.radius)
    for i in range(len(objects.x)):
        if objects.role[i] == "halo":
            levels = np.flatnonzero(suits[i]).tolist()
        else:
            levels = [int(rng.integers(min(OTHER_LEVELS, spec.levels)))]
        for level in levels:
            yield _around(objects.x[i], objects.y[i], level, size=spec.size_px, rng=rng)
    height, width = tile.counts.shape
    for depth, number in enumerate(RANDOM_PER_TILE[: spec.levels]):
        for _ in range(number):
            yield _around(rng.uniform(0, width), rng.uniform(0, height), depth, size=spec.size_px, rng=rng)


def _around(x: float, y: float, level: int, *, size: int, rng: np.random.Generator) -> _Place:
    """Return a patch that holds a position of the tile somewhere inside its margin."""
    inside = rng.uniform(MARGIN * size, (1 - MARGIN) * size, 2)
    first = np.rint((np.array([x, y]) + 0.5) / 2**level - 0.5 - inside).astype(int)
    return _Place(level, int(first[0]), int(first[1]))


def _cut(level: Layers, place: _Place, *, size: int) -> npt.NDArray[np.float32]:
    """Return counts, exposure and background ``(3, size, size)``, NaN where nothing was observed."""
    patch = np.full((3, size, size), np.nan, dtype=np.float32)
    height, width = level.counts.shape
    x0, x1 = max(place.x, 0), min(place.x + size, width)
    y0, y1 = max(place.y, 0), min(place.y + size, height)
    if x0 < x1 and y0 < y1:
        here, there = np.s_[y0:y1, x0:x1], np.s_[y0 - place.y : y1 - place.y, x0 - place.x : x1 - place.x]
        for band, pixels in enumerate((level.counts, level.exposure, level.background)):
            patch[band][there] = np.where(level.valid[here], pixels[here], np.nan)
    return patch


def _objects_on(objects: _Objects, place: _Place, name: str, *, spec: Spec) -> Table:
    """Return the objects whose centers lie on a patch: those of another level, or unclear ones, without a kind."""
    factor = 2.0**place.level
    x = (objects.x + 0.5) / factor - 0.5 - place.x
    y = (objects.y + 0.5) / factor - 0.5 - place.y
    on = (x > -0.5) & (x < spec.size_px - 0.5) & (y > -0.5) & (y < spec.size_px - 0.5) & (objects.role != "none")
    suits = spec.level_range(objects.radius)[:, place.level]
    kind = np.where(suits, objects.kind, "")
    return Table(
        {
            "image": np.full(int(on.sum()), name),
            "x": x[on],
            "y": y[on],
            "radius": objects.radius[on] / factor,
            "kind": kind[on].astype("U16"),
        }
    )


def _measure(row: int, patch: npt.NDArray[np.float32], path: Path, *, scale: float) -> Measured:
    return Measured(
        row=row,
        path=str(path),
        shape="x".join(str(n) for n in patch.shape[1:]),
        finite=bool(np.isfinite(patch).all()),
        scale=scale,
        crc=zlib.crc32(patch.tobytes()),
        noise=(1.0, 1.0, 1.0),
        unit=tuple(band.unit or "" for band in BANDS),
    )


def _write_header(stream: BinaryIO, *, rows: int, size: int) -> None:
    """Write the head of the array; its length does not depend on the number of rows, for numpy leaves room to grow."""
    shape = (rows, len(BANDS), size, size)
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})


def _finish(
    out: Path,
    rows: list[Table],
    objects: list[Table],
    measured: list[Measured],
    *,
    spec: Spec,
    tables: Sequence[Path],
    seed: int,
) -> Path:
    """Write the tables; the index, which says that the pack is complete, is the last of them."""
    header = PackHeader(
        merkhet=__version__,
        rows=len(measured),
        fingerprint=hashlib.sha256(repr((asdict(spec), seed, [str(t) for t in tables])).encode()).hexdigest(),
        paths=("path",),
        input=InputSpec(bands=BANDS, shape=(spec.size_px, spec.size_px), fit="exact"),
        read=ReadSpec(),
    )
    write_text(out / PACK_HEADER, header.model_dump_json(indent=1))
    write_table(vstack([table for table in objects if len(table)] or objects[:1]), out / OBJECTS, overwrite=True)
    index = add_measured(vstack(rows), measured, channels=len(BANDS))
    write_table(index, out / PACK_INDEX, overwrite=True)
    return out
