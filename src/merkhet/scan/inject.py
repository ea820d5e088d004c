"""Copies of a user's images with halos and rings of known strength in them, and the truth beside them."""

import shlex
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.table import Table

from merkhet import __version__
from merkhet.execute import Progress
from merkhet.io.atomic import atomic_path, prepare_folder, refuse_existing
from merkhet.io.fits import read_image
from merkhet.io.tables import write_table
from merkhet.io.wcs import clean_header
from merkhet.scan.images import TileFiles, list_tiles, read_tile
from merkhet.scan.injected import Canvas, Injected, Injection, draw_source, sensible_number
from merkhet.simulate.halos.sphere import ra_dec
from merkhet.simulate.halos.survey_dataset import TILE_TABLE
from merkhet.simulate.halos.truth_table import TRUTH, describe, truth_table
from merkhet.simulate.records import RECORD, check_seed, interrupted, write_each, write_record

IMAGES = "images"
COPY_COLUMN = ("image", None, "copy that it was put into")


def inject(
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    injection: Injection | None = None,
    seed: int = 1,
    exposure: Sequence[str | Path] | None = None,
    background: Sequence[str | Path] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write copies of images with sources in them, and the truth of those; the images themselves are only read.

    A source is drawn as the simulator draws it, scaled to the signal to noise ratio that it is to have with the
    image's own exposure and background, and its photons, those of the point source among them, are added to the
    counts. Copy ``i`` depends on the seed, its image and ``i`` alone.

    Parameters
    ----------
    inputs, exposure, background
        See :func:`merkhet.scan.listing.list_tiles`. The background is estimated where there is no map of it.
    out
        Folder to make: ``images/``, ``tiles.csv``, ``truth.ecsv``, ``simulation.json``. Exposure and background maps
        stay where they are; the table of the tiles names them.
    injection
        What is put into them: 50 halos with ratios of 10 to 30 where absent.
    seed
        Not negative.
    overwrite
        Clear the folder first if it holds an earlier injection.
    progress
        Called as ``progress(done, copies)``.

    Returns
    -------
    Path
        The table of the truth. Its columns are those of the simulator's, and ``image``.

    Raises
    ------
    InputError
        An image cannot be read, has no WCS, or no room for its sources.
    OutputError
        The folder holds something, or cannot be written.
    Interrupted
        CTRL-C was pressed. The tables hold the copies that were finished.
    """
    injection = injection or Injection()
    check_seed(seed)
    files = list_tiles(inputs, exposure=exposure, background=background)
    out = refuse_existing(out, overwrite=overwrite)
    canvas_of = lru_cache(maxsize=1)(lambda number: Canvas(read_tile(files[number])))  # tiles are large
    shares = _shares(injection, [sensible_number(canvas_of(number)) for number in range(len(files))])
    prepare_folder(out, marker=RECORD, overwrite=overwrite, inputs=[entry.image for entry in files])
    tiles: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []

    def write(_: int, share: tuple[int, int, int]) -> None:
        number, copy, sources = share
        canvas = canvas_of(number)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number, copy)))
        placed, counts = _draw(rng, canvas, injection=injection, sources=sources)
        image = _write_copy(files[number], counts, copy=copy, out=out)
        tiles.append(_tile_row(files[number], canvas, copy=copy, image=image))
        rows.extend(_truth_row(one, copy=copy, place=place, image=image) for place, one in enumerate(placed))

    whole = write_each(shares, write, total=len(shares), progress=progress)
    write_record(
        out,
        case="inject",
        command=_command(inputs, out, injection=injection, seed=seed),
        number=("copies", len(shares)),
        finished=len(tiles),
        seed=seed,
        survey=injection,
    )
    write_table(Table(rows=sorted(tiles, key=_copy_of)), out / TILE_TABLE)
    write_table(truth_table(sorted(rows, key=_copy_of), texts=[COPY_COLUMN]), out / TRUTH)
    if not whole:
        raise interrupted(out, finished=len(tiles), total=len(shares), things="copies", table=TRUTH)
    return out / TRUTH


def _command(inputs: Sequence[str | Path], out: Path, *, injection: Injection, seed: int) -> str:
    """Return the command that makes the same again; maps that were given apart are left to the user."""
    words = ["merkhet", "inject", *map(str, inputs), "--out", str(out), "--n", str(injection.number)]
    words += ["--snr", *(f"{limit:g}" for limit in injection.snr), "--kind", injection.kind]
    words += ["--psf", f"{injection.psf.core_arcsec:g}", f"{injection.psf.alpha:g}", "--seed", str(seed)]
    if injection.per_image is not None:
        words += ["--per-image", str(injection.per_image)]
    return shlex.join(words)


def _shares(injection: Injection, sensible: list[int]) -> list[tuple[int, int, int]]:
    """Return image, number and sources of each copy: images take turns, and the copies of one follow each other."""
    shares: list[tuple[int, int, int]] = []
    left = injection.number
    while left:
        copy = len(shares)
        image = copy % len(sensible)
        sources = min(left, injection.per_image or sensible[image])
        shares.append((image, copy, sources))
        left -= sources
    return sorted(shares)


def _copy_of(row: dict[str, Any]) -> int:
    return int(row["tile"])


def _draw(
    rng: np.random.Generator, canvas: Canvas, *, injection: Injection, sources: int
) -> tuple[list[Injected], npt.NDArray[np.int32]]:
    """Draw sources and the sum of their photons."""
    placed: list[Injected] = []
    counts = np.zeros(canvas.tile.shape, dtype=np.int32)
    for _ in range(sources):
        placed.append(draw_source(rng, canvas, injection=injection, taken=[one.position for one in placed]))
        counts += canvas.count(rng, placed[-1])
    return placed, counts


def _write_copy(files: TileFiles, added: npt.NDArray[np.int32], *, copy: int, out: Path) -> str:
    """Write an image with photons added where it has counts, and return its path in the folder."""
    image, info = read_image(files.image)
    seen = image + added  # what is NaN stays so
    whole = bool(np.all(np.isfinite(seen)) and np.all(seen == np.rint(seen)))
    header = clean_header(info.header)
    header["ORIGIN"] = (f"merkhet {__version__}", "with sources that are simulated")
    hdu = fits.PrimaryHDU(seen.astype(np.int32 if whole else np.float32), header=_image_header(header))
    path = Path(IMAGES, f"{files.id}_injected_{copy:03d}.fits")
    with atomic_path(out / path) as temporary:
        hdu.writeto(temporary)
    return path.as_posix()


def _image_header(header: fits.Header) -> fits.Header:
    """Drop what describes how the pixels were stored: the copy stores them in its own way."""
    stored = ("XTENSION", "BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM", "PCOUNT", "GCOUNT", "EXTNAME", "EXTEND")
    for keyword in stored:
        header.remove(keyword, ignore_missing=True)
    return header


def _tile_row(files: TileFiles, canvas: Canvas, *, copy: int, image: str) -> dict[str, Any]:
    ra, dec = ra_dec(canvas.center)
    maps = {name: "" if path is None else str(path.resolve()) for name, path in _maps(files).items()}
    return {"tile": copy, "ra": float(ra), "dec": float(dec), "image": image, **maps}


def _maps(files: TileFiles) -> dict[str, Path | None]:
    return {"exposure": files.exposure, "background": files.background}


def _truth_row(injected: Injected, *, copy: int, place: int, image: str) -> dict[str, Any]:
    """Return what the truth says of a source; see :data:`merkhet.simulate.halos.truth_table.TRUTH_COLUMNS`."""
    source = injected.source
    return {
        "id": f"{source.kind}_{copy:03d}_{place:02d}",
        **describe(source, signal=injected.signal, position=injected.position),
        "tile": copy,
        "tiles": str(copy),
        "whole": True,  # there is room for its size around it
        "image": image,
    }
