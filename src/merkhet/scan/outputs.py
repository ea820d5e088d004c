"""What a scan writes beside its catalog."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from merkhet.io.atomic import refuse_existing
from merkhet.io.rejects import write_rejects
from merkhet.io.tables import check_writable, write_table
from merkhet.scan.detections import Detections
from merkhet.scan.images import TileFiles
from merkhet.scan.ledger import Ledger
from merkhet.scan.published_json import write_published
from merkhet.scan.regions import write_image_regions, write_sky_regions

Format = Literal["catalog", "dsh-json"]


@dataclass(frozen=True)
class Outputs:
    """Where a scan writes, all beside its catalog.

    Attributes
    ----------
    catalog
        The catalog, or the published JSON.
    form
        Which of the two.
    regions, maps
        Whether DS9 regions and maps of probability are written.
    """

    catalog: Path
    form: Format
    regions: bool
    maps: bool

    @property
    def files(self) -> dict[str, Path]:
        """What is written, by what it is."""
        beside = {"catalog": self.catalog, "rejects": self._beside("_rejects.csv")}
        if self.regions:
            beside |= {"regions": self._beside(".reg"), "image_regions": self._beside("_regions")}
        if self.maps:
            beside["maps"] = self._beside("_maps")
        return beside

    @property
    def ledger(self) -> Ledger:
        """The folder that is there while the scan is under way."""
        return Ledger(self._beside("_scan"))

    def check(self, *, overwrite: bool) -> None:
        """Refuse what could not be written in the end; what a killed scan has begun to write is its own."""
        resumed = self.ledger.folder.is_dir()
        for path in [self.catalog] if resumed else self.files.values():
            refuse_existing(path, overwrite=overwrite)
        if self.form == "catalog":
            check_writable(self.catalog)

    def write(self, detections: Detections, *, tiles: Sequence[TileFiles]) -> None:
        """Write everything but the maps, the catalog last.

        Parameters
        ----------
        detections
            What was found.
        tiles
            Every tile: each has its regions, be they none.
        """
        files = self.files
        write_rejects(detections.rejects, files["rejects"])
        if self.regions:
            write_sky_regions(detections.table, files["regions"])
            for tile in tiles:
                here = np.asarray(detections.rows["name"]) == tile.id
                radii = np.asarray(detections.rows["extent_px"])[here]
                write_image_regions(detections.table[here], radii, files["image_regions"] / f"{tile.id}.reg")
        if self.form == "catalog":
            write_table(detections.table, self.catalog, overwrite=True)
        else:
            write_published(detections.rows, self.catalog)

    def _beside(self, ending: str) -> Path:
        return beside(self.catalog, ending)


def beside(catalog: Path, ending: str) -> Path:
    """Return the file or folder beside a catalog whose name is the catalog's with another ending."""
    return catalog.with_name(f"{catalog.name.split('.')[0]}{ending}")
