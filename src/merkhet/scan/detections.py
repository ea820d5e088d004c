"""The detections of a scan in the user's hands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import overload

from astropy.table import Table

from merkhet.io.rejects import Reject


@dataclass(frozen=True)
class Detection:
    """One object: a row of the catalog, see :data:`merkhet.scan.catalog.CATALOG_COLUMNS`.

    Attributes
    ----------
    x, y
        0-based pixel coordinates in ``image``.
    ra, dec
        ICRS, degrees; NaN where the image has no world coordinates.
    size_arcsec
        Radius; NaN where the pixel scale is not known.
    """

    id: str
    ra: float
    dec: float
    x: float
    y: float
    size_arcsec: float
    probability: float
    label: str
    category: str
    snr: float
    significance: float
    flags: int
    image: str


@dataclass(frozen=True, eq=False)
class Detections(Sequence[Detection]):
    """What a scan found, the most probable first.

    Attributes
    ----------
    table
        The catalog.
    rejects
        Tiles that could not be used.
    rows
        The same rows with all that is known of them, in the same order.
    tiles, tiles_done
        How many there are, and how many are finished: fewer while other shards are at work.
    files
        What was written, by what it is: ``catalog``, ``rejects``, ``regions``, ``image_regions``, ``maps``.
    """

    table: Table
    rejects: tuple[Reject, ...]
    rows: Table
    tiles: int
    tiles_done: int
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """True when every tile is finished and the catalog is that of all."""
        return self.tiles_done == self.tiles

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, place: int) -> Detection: ...

    @overload
    def __getitem__(self, place: slice) -> list[Detection]: ...

    def __getitem__(self, place: int | slice) -> Detection | list[Detection]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        row = self.table[place]
        return Detection(**{column.name: row[column.name].item() for column in fields(Detection)})

    def __iter__(self) -> Iterator[Detection]:
        return (self[number] for number in range(len(self)))
