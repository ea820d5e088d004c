"""What a pack says of itself, and whether what is asked of it is what it holds."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from merkhet.config.data import Data, ReadSpec
from merkhet.config.inputs import InputSpec
from merkhet.config.pack import FORMAT_VERSION, PackHeader
from merkhet.errors import InputError
from merkhet.io.units import same_unit

PACK_INDEX, PACK_HEADER = "index.parquet", "pack.json"


def read_header(folder: Path) -> PackHeader:
    """Read ``pack.json``.

    Raises
    ------
    InputError
        It is missing, damaged or of another format.
    """
    path = folder / PACK_HEADER
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read: {error}", action="Pack the table again") from error
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise InputError(
            path, f"format {version}", expected=f"{FORMAT_VERSION}", action="Pack the table again with this Merkhet"
        )
    try:
        return PackHeader.model_validate(content)
    except ValidationError as error:
        key = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise InputError(path, f"is damaged: {key} is missing or wrong", action="Pack the table again") from error


def read_of_pack(data: Data, spec: InputSpec) -> ReadSpec:
    """Return how the packed pixels were taken out of their files.

    Raises
    ------
    InputError
        The experiment asks for what the pack does not hold: other path columns, bands, units or dimensions, pixels
        that were cropped away, or another way to read the files.
    """
    header = read_header(data.table)
    for seen, expected, action in _differences(header, data, spec):
        raise InputError(data.table, seen, expected=expected, action=f"{action}, or pack anew")
    return header.read


def _differences(header: PackHeader, data: Data, spec: InputSpec) -> Iterator[tuple[str, str, str]]:
    """Yield what was packed, what is asked for, and how to ask for what was packed."""
    packed, columns = header.input, data.columns.paths
    if data.read not in (ReadSpec(), header.read):
        yield f"was packed with {header.read}", str(data.read), "Leave out data.read"
    if columns != header.paths:
        given = ",".join(header.paths)
        yield (
            f"was packed from column {_list(header.paths)}",
            f"{_list(columns)} as in data.columns.path",
            f"Set data.columns.path={f'[{given}]' if len(header.paths) > 1 else given}",
        )
    if (spec.dims, spec.channels) != (packed.dims, packed.channels):
        yield (
            f"holds {packed.channels} bands in {packed.dims} dimensions",
            f"{spec.channels} in {spec.dims} as in input.bands and input.dims",
            "Set these",
        )
    names, asked = [band.name for band in packed.bands], [band.name for band in spec.bands]
    if any(name in names and names.index(name) != place for place, name in enumerate(asked)):
        yield f"holds bands {_list(names)}", f"{_list(asked)} as in input.bands", "Name them in the pack's order"
    for stored, band in zip(packed.bands, spec.bands, strict=False):
        if stored.unit and band.unit and not same_unit(stored.unit, band.unit):
            yield f"holds band {band.name} in {stored.unit}", f"{band.unit} as in input.bands", "Leave out its unit"
    asks, holds = spec.shape or (), packed.shape or ()
    if packed.fit == "center" and any(want > have for want, have in zip(asks, holds, strict=False)):
        yield (
            f"holds images that were cropped or padded to {_list(holds)} px",
            f"no more, but input.shape asks for {_list(asks)} px",
            "Leave out input.shape",
        )


def _list(values: Sequence[str | int]) -> str:
    return (" x " if values and isinstance(values[0], int) else ", ").join(map(str, values))
