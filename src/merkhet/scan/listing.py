"""What the user names, as a list of tiles, each with the maps that belong to it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from astropy.table import Table

from merkhet.errors import InputError
from merkhet.infer.inputs import expand_inputs, is_table
from merkhet.io.tables import read_table, require_columns
from merkhet.scan.names import Product, parse_name

_SUFFIXES = (".gz", ".bz2", ".fz", ".fits", ".fit", ".fts")


@dataclass(frozen=True)
class TileFiles:
    """A tile's name and its files.

    Attributes
    ----------
    id
        Name of the tile in catalogs.
    image
        Counts.
    exposure, background
        Seconds and expected counts per pixel on the same pixels; None where there is no such map.
    """

    id: str
    image: Path
    exposure: Path | None = None
    background: Path | None = None


def list_tiles(
    inputs: Iterable[str | Path],
    *,
    exposure: Sequence[str | Path] | None = None,
    background: Sequence[str | Path] | None = None,
) -> list[TileFiles]:
    """Return the tiles that ``inputs`` stand for, in order, each image once.

    Exposure and background maps are found in three ways: by the columns of a table, by the names of eROSITA's and
    XGA's products (the map lies beside its image and is of the same band), or as given. Maps among the inputs are no
    images: they are passed over.

    Parameters
    ----------
    inputs
        FITS files, folders (searched at any depth), patterns, and tables with the column ``image`` and, where there
        are maps, ``exposure`` and ``background``; relative paths start from the table's folder. A file that is
        missing is listed: reading it tells.
    exposure, background
        One file per image in the order of the images; they take the place of those found otherwise.

    Raises
    ------
    InputError
        There is no image; a pattern or a folder holds none; a table lacks the column; one field comes in several
        bands; there are more or fewer maps than images, or a map is of another band than its image.
    """
    given = [str(entry) for entry in inputs]
    found: dict[Path, TileFiles] = {}
    for entry in given:
        for files in _expand(entry):
            found.setdefault(files.image, files)
    if not found:
        raise InputError(
            given[0] if given else "scan",
            "only exposure or background maps were given" if given else "no input was given",
            expected="images: files, folders, patterns or tables",
        )
    tiles = list(found.values())
    _refuse_several_bands(tiles)
    if exposure is not None:
        tiles = [replace(files, exposure=path) for files, path in _paired(tiles, exposure, product="exposure")]
    if background is not None:
        tiles = [replace(files, background=path) for files, path in _paired(tiles, background, product="background")]
    for files in tiles:
        _check_names(files)
    return _with_unique_names(tiles)


def _expand(entry: str) -> list[TileFiles]:
    if is_table(Path(entry)):
        return _from_table(Path(entry))
    paths = [item.paths[0] for item in expand_inputs([entry])]
    return [_from_name(path) for path in paths if not _is_map(path)]


def _from_table(path: Path) -> list[TileFiles]:
    table = read_table(path)
    if {"X", "Y"} <= {name.upper() for name in table.colnames}:
        raise InputError(path, "is an event list", expected="images", action="Make one of it with merkhet bin")
    require_columns(table, ["image"], source=path)
    names = [_cells(table, column, folder=path.parent) for column in ("image", "exposure", "background")]
    rows = list(zip(*names, strict=True))
    for number, (image, *_) in enumerate(rows, start=1):
        if image is None:
            raise InputError(path, f"row {number} names no image", expected="a path in column 'image'")
    return [TileFiles(str(image), image, *maps) for image, *maps in rows if image is not None]


def _cells(table: Table, column: str, *, folder: Path) -> list[Path | None]:
    if column not in table.colnames:
        return [None] * len(table)
    return [folder / str(cell) if str(cell) else None for cell in table[column]]


def _is_map(path: Path) -> bool:
    name = parse_name(path)
    return name is not None and name.product != "image"


def _from_name(path: Path) -> TileFiles:
    name = parse_name(path)
    if name is None:
        return TileFiles(str(path), path)
    return TileFiles(str(path), path, name.sister("exposure"), name.sister("background"))


def _paired(tiles: list[TileFiles], maps: Sequence[str | Path], *, product: Product) -> list[tuple[TileFiles, Path]]:
    if len(maps) != len(tiles):
        raise InputError(
            f"--{product}", f"{len(maps)} maps for {len(tiles)} images", expected="one per image, in the same order"
        )
    return [(files, Path(path)) for files, path in zip(tiles, maps, strict=True)]


def _refuse_several_bands(tiles: list[TileFiles]) -> None:
    """Refuse a field in two bands: its objects would be found twice, and each tile would claim the other's sky."""
    seen: dict[str, tuple[str, Path]] = {}
    for files in tiles:
        if name := parse_name(files.image):
            band, other = seen.setdefault(name.field, (name.band, files.image))
            if band != name.band:
                raise InputError(
                    files.image,
                    f"is of band {name.band}, and {other.name} shows the same field in band {band}",
                    expected="one band at a time",
                    action=f"Give a pattern such as '*{name.band}*'",
                )


def _check_names(files: TileFiles) -> None:
    """Refuse a map whose name says that it is of another band, another field or another product."""
    image = parse_name(files.image)
    for product, path in (("exposure", files.exposure), ("background", files.background)):
        name = parse_name(path) if path is not None else None
        if name is None or path is None:
            continue
        if name.product != product:
            raise InputError(path, f"is no {product} map by its name, but: {name.product or 'another product'}")
        if image is not None and (name.field, name.band) != (image.field, image.band):
            raise InputError(
                path,
                f"is of field {name.field} and band {name.band} by its name",
                expected=f"field {image.field} and band {image.band} of {files.image.name}",
            )


def _with_unique_names(tiles: list[TileFiles]) -> list[TileFiles]:
    """Name tiles after their files, and where two would have one name after the whole path."""
    names = [_stem(files.image) for files in tiles]
    count = Counter(names)
    return [
        replace(files, id=name if count[name] == 1 else str(files.image))
        for name, files in zip(names, tiles, strict=True)
    ]


def _stem(path: Path) -> str:
    name = path.name
    while name.lower().endswith(_SUFFIXES):
        name = name[: name.rindex(".")]
    return name or path.name
