"""``merkhet bin``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merkhet.cli.output import QUIET_DEFAULT, Output
from merkhet.errors import ConfigError


def bin_(
    events: Path,
    out: Path,
    /,
    *,
    energy: Annotated[tuple[str, str] | None, Parameter(allow_leading_hyphen=False)] = None,
    pixel: float | None = None,
    size: int | None = None,
    center: tuple[float, float] | None = None,
    like: Path | None = None,
    hdu: str | None = None,
    overwrite: bool = False,
    output: Output = QUIET_DEFAULT,
) -> int:
    """Count the photons of an X-ray event list into an image that merkhet scan takes.

    Event lists of XMM-Newton, Chandra and eROSITA, simulated ones (SIXTE) among them. Good time intervals, flags and
    patterns are not applied: give a list that is clean.

    Example: merkhet bin events.fits image.fits.gz --energy 0.2keV 2.3keV --pixel 4

    Parameters
    ----------
    events
        FITS file with columns X, Y and their world coordinates.
    out
        Image to make: int32 counts, .fits or .fits.gz.
    energy
        Lowest energy and upper bound, each with its unit: 0.5keV 2keV, or 500eV 2000eV. All where absent.
    pixel
        Side of a pixel in arcsec; 4 where absent.
    size
        Side of the image in pixels; where absent it covers the field of the event list.
    center
        Right ascension and declination of its middle in degrees; that of the field where absent.
    like
        Image whose pixels to use, in place of pixel, size and center.
    hdu
        Table by index or name; EVENTS where absent.
    overwrite
        Replace an output that exists.
    """
    from merkhet.io.atomic import refuse_existing
    from merkhet.io.binning import bin_image

    if like is not None and (pixel, size, center) != (None, None, None):
        raise ConfigError("--like says which pixels to use; leave out --pixel, --size and --center")
    refuse_existing(out, overwrite=overwrite)
    counted, total = bin_image(
        events,
        out,
        energy=energy,
        pixel_arcsec=4.0 if pixel is None else pixel,
        size_px=size,
        center=center,
        like=like,
        hdu=int(hdu) if hdu is not None and hdu.isdigit() else hdu,
        overwrite=overwrite,
    )
    output.say(f"{counted} of {total} events: {out}")
    output.summary(image=out, events=total, counts=counted)
    return 0
