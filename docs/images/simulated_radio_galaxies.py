"""Draw the picture of docs/simulators.md: ``python docs/images/simulated_radio_galaxies.py``."""

from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import AsinhNorm
from PIL import Image

from merkhet.simulate.radio_galaxies.dataset import observe
from merkhet.simulate.radio_galaxies.fields import Cutout
from merkhet.simulate.radio_galaxies.survey import Survey

SEED, COLUMNS = 11, 6
MIN_LAS_ARCSEC, MIN_SNR = 45, 30  # large and bright enough for the eye to tell the classes apart
SHOWN_ARCSEC = 200  # of the 270 of a map
SURVEY = Survey()
OUT = Path(__file__).with_suffix(".png")


def examples() -> dict[str, list[Cutout]]:
    """Return the first clear sources of each class."""
    rows: dict[str, list[Cutout]] = {"FRI": [], "FRII": []}
    for cutout in observe(300, seed=SEED, survey=SURVEY):
        clear = cutout.galaxy.traits.las_arcsec > MIN_LAS_ARCSEC and cutout.peak_jy_beam > MIN_SNR * cutout.rms_jy_beam
        row = rows[cutout.galaxy.label]
        if clear and len(row) < COLUMNS:
            row.append(cutout)
    return rows


def draw(axes: Axes, cutout: Cutout) -> None:
    """Show a map in units of its noise; the scale ends at the peak of its galaxy."""
    traits, snr, half = cutout.galaxy.traits, cutout.peak_jy_beam / cutout.rms_jy_beam, SURVEY.field_arcsec / 2
    axes.imshow(
        cutout.image / cutout.rms_jy_beam,
        origin="lower",
        cmap=plt.get_cmap("inferno", 48),
        norm=AsinhNorm(linear_width=4, vmin=-1, vmax=snr),
        extent=(half, -half, -half, half),
    )
    caption = f"{traits.flux_jy * 1e3:.0f} mJy  {traits.las_arcsec:.0f}″  S/N {snr:.0f}"
    axes.text(0.04, 0.04, caption, color="white", fontsize=8.5, transform=axes.transAxes)
    axes.set(
        xticks=[], yticks=[], xlim=(SHOWN_ARCSEC / 2, -SHOWN_ARCSEC / 2), ylim=(-SHOWN_ARCSEC / 2, SHOWN_ARCSEC / 2)
    )


def main() -> None:
    """Draw two rows: class I above, class II below."""
    figure, axes = plt.subplots(2, COLUMNS, figsize=(12, 4.1), layout="compressed")
    for line, (label, cutouts) in zip(axes, examples().items(), strict=True):
        line[0].set_ylabel(label, fontsize=13)
        for place, cutout in zip(line, cutouts, strict=True):
            draw(place, cutout)
    buffer = BytesIO()
    figure.savefig(buffer, dpi=110)
    # Noise does not compress: a palette takes a third of the room. Spread over all colors, it keeps the bright ones.
    colors = Image.open(buffer).convert("RGB").quantize(64, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    colors.save(OUT, optimize=True)


if __name__ == "__main__":
    main()
