"""A data set of survey tiles: counts, exposure and background maps, and the truth of every listed source."""

import gzip
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.table import Table

from merkhet.execute import Progress
from merkhet.io.atomic import atomic_path, prepare_folder
from merkhet.io.tables import write_table
from merkhet.simulate.halos.exposure import Coverage
from merkhet.simulate.halos.sky import Placed
from merkhet.simulate.halos.sphere import ra_dec
from merkhet.simulate.halos.survey import Survey, command
from merkhet.simulate.halos.tiles import MAX_TILES, Tile
from merkhet.simulate.halos.truth import Signal, measure
from merkhet.simulate.halos.truth_table import TRUTH, describe, truth_table
from merkhet.simulate.records import RECORD, check_count, check_seed, interrupted, write_each, write_record

TILE_FOLDER, TILE_TABLE = "tiles", "tiles.csv"
PRODUCTS = {"image": "Image", "exposure": "ExposureMap", "background": "BackgrImage"}
UNITS = {"image": "count", "exposure": "s", "background": "count"}
COMPRESSION = 1  # higher levels take longer and save little
MAP_STEPS = (2.0**-5, 2.0**-20)  # exposure (s) and background (counts) are rounded to these: maps shrink to a third


@dataclass
class _Listed:
    """A source of the truth table, and the tiles that it touches."""

    placed: Placed
    signal: Signal
    tiles: list[int] = field(default_factory=list)


def simulate_survey(
    out: str | Path,
    *,
    tiles: int,
    seed: int,
    survey: Survey | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write survey tiles that share one sky, and the truth of their sources.

    Tile ``i`` depends on the seed, the survey and ``i`` alone. Tiles lie in a spiral around the first; where two
    overlap, the same photons fall on both.

    Parameters
    ----------
    out
        Folder to make: ``tiles/NNN/em01_RRRDDD_024_{Image,ExposureMap,BackgrImage}_c010.fits.gz`` (int32 counts,
        float32 seconds, float32 counts), ``tiles.csv``, ``truth.ecsv``, ``simulation.json``.
    tiles
        Their number, 400 at most.
    seed
        Not negative.
    survey
        Depth and size; 3,240 pixels of 4 arcsec where absent.
    overwrite
        Clear the folder first if it holds anything.
    progress
        Called as ``progress(done, tiles)`` after each tile.

    Returns
    -------
    Path
        The table of the truth. It is written last: it lists sources on whole tiles only.

    Raises
    ------
    ConfigError
        An option is out of its range.
    OutputError
        The folder holds something, or cannot be written.
    Interrupted
        CTRL-C was pressed. The tables hold the tiles that were finished.
    """
    check_count("tiles", tiles, most=MAX_TILES)
    check_seed(seed)
    survey = survey or Survey()
    coverage = Coverage(survey, seed)
    out = prepare_folder(out, marker=RECORD, overwrite=overwrite)
    done: list[Tile] = []
    listed: dict[str, _Listed] = {}

    def write(_: int, tile: Tile) -> None:
        photons, sources = tile.observe()
        _write_tile(tile, tile.frame.count(photons), out=out)
        _list(sources, tile, listed)
        done.append(tile)

    whole = write_each((Tile(index, coverage) for index in range(tiles)), write, total=tiles, progress=progress)
    table = _write_tables(out, done, listed, coverage=coverage, tiles=tiles)
    if not whole:
        raise interrupted(out, finished=len(done), total=tiles, things="tiles", table=TRUTH)
    return table


def product_path(tile: Tile, product: str) -> Path:
    """Return the file of a tile, relative to the data set: named as the survey names its own."""
    return Path(TILE_FOLDER, f"{tile.index:03d}", f"em01_{tile.number}_024_{PRODUCTS[product]}_c010.fits.gz")


def _write_tile(tile: Tile, counts: npt.NDArray[np.int32], *, out: Path) -> None:
    maps = zip(tile.frame.maps(tile.coverage), MAP_STEPS, strict=True)
    exposure, background = (np.rint(values / step) * np.float32(step) for values, step in maps)
    for product, image in (("image", counts), ("exposure", exposure), ("background", background)):
        header = tile.frame.header(name=f"tile {tile.number}", unit=UNITS[product])
        file = io.BytesIO()
        fits.PrimaryHDU(image, header=header).writeto(file)
        with atomic_path(out / product_path(tile, product)) as temporary:
            temporary.write_bytes(gzip.compress(file.getbuffer(), COMPRESSION, mtime=0))  # the same bytes every time


def _list(sources: list[Placed], tile: Tile, listed: dict[str, _Listed]) -> None:
    """Add the sources that touch a tile: those that stand on it, and those whose circle reaches it."""
    survey, coverage = tile.coverage.survey, tile.coverage
    for placed in sources:
        size = np.nan_to_num(placed.source.size_arcsec) / survey.pixel_scale_arcsec
        if not tile.frame.inside(placed.position[None], margin_px=-size)[0]:
            continue
        if placed.name not in listed:
            signal = measure(
                placed.source.layers,
                center=placed.position,
                exposure=coverage.exposure,
                background=coverage.background,
                pixel_arcsec2=survey.pixel_arcsec2,
            )
            listed[placed.name] = _Listed(placed, signal)
        listed[placed.name].tiles.append(tile.index)


def _row(entry: _Listed, tiles: list[Tile]) -> dict[str, Any]:
    """Return what the truth says of a source."""
    source, position = entry.placed.source, entry.placed.position
    on = [tile for tile in tiles if tile.frame.inside(position[None])[0]]
    owner = max(on, key=lambda tile: float(tile.frame.center @ position), default=None)
    return {
        "id": entry.placed.name,
        **describe(source, signal=entry.signal, position=position),
        "tile": owner.index if owner else -1,
        "tiles": " ".join(map(str, entry.tiles)),
        "whole": owner is not None and _whole(source.size_arcsec, position, owner),
    }


def _whole(size_arcsec: float, position: npt.NDArray[np.float64], tile: Tile) -> bool:
    margin = np.nan_to_num(size_arcsec) / tile.coverage.survey.pixel_scale_arcsec
    return bool(tile.frame.inside(position[None], margin_px=float(margin))[0])


def _write_tables(out: Path, done: list[Tile], listed: dict[str, _Listed], *, coverage: Coverage, tiles: int) -> Path:
    """Write the record of the simulation, the table of the tiles, then the truth."""
    case, number, seed, survey = "halo_survey", ("tiles", tiles), coverage.seed, coverage.survey
    again = command(out, case=case, number=number, seed=seed, survey=survey, default=Survey())
    write_record(out, case=case, command=again, number=number, finished=len(done), seed=seed, survey=survey)
    write_table(_tile_table(done), out / TILE_TABLE)
    write_table(truth_table([_row(entry, done) for entry in listed.values()]), out / TRUTH)
    return out / TRUTH


def _tile_table(done: list[Tile]) -> Table:
    centers = [tuple(float(angle) for angle in ra_dec(tile.frame.center)) for tile in done]
    columns: dict[str, list[Any]] = {
        "tile": [tile.index for tile in done],
        "ra": [ra for ra, _ in centers],
        "dec": [dec for _, dec in centers],
    }
    for product in PRODUCTS:
        columns[product] = [product_path(tile, product).as_posix() for tile in done]
    return Table(columns)
