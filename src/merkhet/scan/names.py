"""What the names of survey products say: which file is the exposure map of which image, and of which band it is."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Product = Literal["image", "exposure", "background"]

# eROSITA (eSASS): em01_203150_024_Image_c010.fits.gz: owner and survey, right ascension and polar distance of the
# center, then telescopes, filter and band, product, version of the processing.
# XMM-Newton as XGA names it: 0201901401-0.50-2.00keVmerged_img.fits.
_FAMILIES: tuple[tuple[re.Pattern[str], dict[Product, str]], ...] = (
    (
        re.compile(r"(?P<field>[a-z]{2}\d{2}_\d{6})_(?P<band>\d{3})_(?P<product>[A-Za-z]+)_c\d{3}\.fits(\.[a-z0-9]+)?"),
        {"image": "Image", "exposure": "ExposureMap", "background": "BackgrImage"},
    ),
    (
        re.compile(r"(?P<field>\w+)-(?P<band>[\d.]+-[\d.]+keV)\w*?_(?P<product>img|expmap|bkgmap)\.fits(\.[a-z0-9]+)?"),
        {"image": "img", "exposure": "expmap", "background": "bkgmap"},
    ),
)


@dataclass(frozen=True)
class ProductName:
    """A file name that follows the rules of a survey.

    Attributes
    ----------
    path
        The file.
    field, band
        Which part of the sky, and which telescopes, filter and energies.
    product
        What the file holds; None for one that a scan has no use for.
    """

    path: Path
    field: str
    band: str
    product: Product | None
    _place: tuple[int, int]
    _words: dict[Product, str]

    def sister(self, product: Product) -> Path | None:
        """Return the file of another product of the same image in the same folder, or None."""
        name, (start, end) = self.path.name, self._place
        path = self.path.with_name(name[:start] + self._words[product] + name[end:])
        return path if path.is_file() else None


def parse_name(path: Path) -> ProductName | None:
    """Return what a name says, or None where it follows no rule that is known."""
    for pattern, words in _FAMILIES:
        if match := pattern.fullmatch(path.name):
            product = next((key for key, word in words.items() if word == match["product"]), None)
            return ProductName(path, match["field"], match["band"], product, match.span("product"), words)
    return None
