"""The instrument in ctapipe's files: layout of the array, optics and cameras, as DL1 files and lstchain write them."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units

from merkhet.errors import InputError
from merkhet.io.cherenkov.camera import CameraGeometry, Positions, describe_camera
from merkhet.io.cherenkov.hdf5 import text_of
from merkhet.io.cherenkov.subarray import Subarray, Telescope, TelescopeType, make_subarray
from merkhet.io.cherenkov.table import ChunkedTable, Columns

if TYPE_CHECKING:
    import h5py

LAYOUT = "configuration/instrument/subarray/layout"
OPTICS = "configuration/instrument/telescope/optics"
CAMERAS = "configuration/instrument/telescope/camera"


def read_instrument(file: "h5py.File", *, path: Path) -> tuple[Subarray, Columns]:
    """Return the array, and the layout as it is written: columns by trigger masks count its rows, not ids.

    Raises
    ------
    InputError
        The layout, the optics or the geometry of a camera is missing or damaged.
    """
    table = table_at(file, LAYOUT, path=path)
    table.require(["tel_id", "pos_x", "pos_y", "pos_z"])
    layout = table.read(table.names)
    kinds = _kinds(layout)
    types = _types(file, layout, kinds, path=path)
    telescopes = [
        Telescope(int(tel_id), types[kind].name, float(x), float(y), float(z))
        for tel_id, kind, x, y, z in zip(
            layout["tel_id"], kinds, *(quantity(table, f"pos_{axis}", "m") for axis in "xyz"), strict=True
        )
    ]
    unique = {kind.name: kind for kind in types.values()}
    try:
        return make_subarray(
            str(table.attributes.get("SUBARRAY", "array")), telescopes, types=[*unique.values()]
        ), layout
    except ValueError as error:
        raise InputError(path, str(error)) from error


def table_at(file: "h5py.File", name: str, *, path: Path) -> ChunkedTable:
    """Return a table of a file.

    Raises
    ------
    InputError
        It is not there.
    """
    node = file.get(name)
    if node is None or not hasattr(node, "dtype"):
        raise InputError(path, f"holds no table {name}", action="Convert it again")
    return ChunkedTable(node, path=path)


def quantity(table: ChunkedTable, name: str, unit: str) -> Positions:
    """Return a whole column, float64 in ``unit``; a column without a unit is taken to be in it."""
    values = np.asarray(table.read([name])[name], dtype=np.float64)
    written = table.unit(name)
    if not written or written == unit:
        return values
    try:
        return values * float(units.Unit(written).to(units.Unit(unit)))
    except (ValueError, units.UnitConversionError) as error:
        raise InputError(table.path, f"column {name} is in {written}", expected=unit) from error


def _kinds(layout: Columns) -> list[tuple[str, str, str]]:
    """Return what tells telescope types apart, for each row: description, camera, optics."""
    description = _first(layout, "tel_description", "type")
    camera = _first(layout, "camera_index", "camera_type", "camera_name")
    optics = _first(layout, "optics_index", "tel_description")
    return list(zip(description, camera, optics, strict=True))


def _first(layout: Columns, *names: str) -> list[str]:
    found = next((name for name in names if name in layout), None)
    if found is None:
        return [""] * len(layout["tel_id"])
    return [text_of(value) for value in layout[found]]


def _types(
    file: "h5py.File", layout: Columns, kinds: list[tuple[str, str, str]], *, path: Path
) -> dict[tuple[str, str, str], TelescopeType]:
    """Return the type of each kind; kinds that differ in nothing we use are one, others of one name are numbered."""
    types: dict[tuple[str, str, str], TelescopeType] = {}
    for kind in dict.fromkeys(kinds):
        row = kinds.index(kind)
        camera_key = _first(layout, "camera_index", "camera_type", "camera_name")[row]
        camera = read_geometry(file, camera_key, path=path)
        focal_length, mirror_area = _optics(file, layout, row=row, path=path)
        mine = TelescopeType(kind[0], camera, focal_length, mirror_area)
        namesakes = {known.name: known for known in types.values() if known.name.split("#")[0] == kind[0]}
        same = next((known for known in namesakes.values() if known.looks_like(mine)), None)
        types[kind] = same or replace(mine, name=f"{kind[0]}#{len(namesakes) + 1}" if namesakes else kind[0])
    return types


def read_geometry(file: "h5py.File", key: str, *, path: Path) -> CameraGeometry:
    """Return the camera ``geometry_{key}`` of a file.

    Raises
    ------
    InputError
        It is not there or unusable.
    """
    place = f"{CAMERAS}/geometry_{key}"
    if place not in file:
        raise InputError(
            path,
            f"holds no camera geometry {place}",
            expected="the positions of the pixels of every telescope type",
            action="Convert it again with its instrument description",
        )
    table = table_at(file, place, path=path)
    table.require(["pix_x", "pix_y", "pix_area"])
    x, y, area = (quantity(table, name, unit) for name, unit in (("pix_x", "m"), ("pix_y", "m"), ("pix_area", "m2")))
    try:
        return describe_camera(str(key), x, y, area, meta=table.attributes)
    except ValueError as error:
        raise InputError(path, str(error)) from error


def _optics(file: "h5py.File", layout: Columns, *, row: int, path: Path) -> tuple[float, float]:
    """Return the effective focal length, else the nominal one, and the mirror area, of the telescope of a row."""
    if OPTICS not in file:
        return float("nan"), float("nan")
    table = table_at(file, OPTICS, path=path)
    optics: dict[str, Any] = {name: quantity(table, name, unit) for name, unit in (
        ("effective_focal_length", "m"), ("equivalent_focal_length", "m"), ("mirror_area", "m2"),
    ) if name in table}  # fmt: skip
    if "optics_index" in layout:
        mine = int(layout["optics_index"][row])
    else:
        wanted = _first(layout, "tel_description")[row]
        described = [text_of(value) for value in table.read(["description"])["description"]]
        mine = described.index(wanted) if wanted in described else -1
    if not 0 <= mine < len(table):
        raise InputError(path, f"{OPTICS} does not describe telescope {int(layout['tel_id'][row])}")
    lengths = [
        float(optics[name][mine]) for name in ("effective_focal_length", "equivalent_focal_length") if name in optics
    ]
    focal_length = next((length for length in lengths if np.isfinite(length)), float("nan"))
    return focal_length, float(optics["mirror_area"][mine]) if "mirror_area" in optics else float("nan")
